/** A line of commits.jsonl as text and as data. @module */
import { isoTime } from "./time_text.ts";
import type { FileSpec } from "./types.ts";

/** What a line of the manifest says of one committed file. */
export interface ManifestEntry {
  /** Relative to the storage folder. */
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** 64 lower-case hex digits. */
  readonly sha256: string;
  readonly mimeType: string;
  /** When the file was committed, in milliseconds since the epoch. */
  readonly time: number;
  /** The name at the sender. */
  readonly name?: string | undefined;
  readonly session?: { readonly id: string; readonly sequence: number } | undefined;
  readonly uploadId?: string | undefined;
  readonly clientAddress?: string | undefined;
}

/** The entry of a file with this spec. */
export function entryOf(
  spec: FileSpec,
  file: { readonly path: string; readonly size: number; readonly sha256: string },
  time: number,
): ManifestEntry {
  return {
    path: file.path,
    size: file.size,
    sha256: file.sha256,
    mimeType: spec.mimeType,
    time,
    name: spec.name,
    session: spec.session,
    uploadId: spec.uploadId,
    clientAddress: spec.clientAddress,
  };
}

/** The line with its LF. JSON escapes line feeds inside of texts, so an entry is always one line. */
export function formatEntry(entry: ManifestEntry): string {
  return JSON.stringify({
    path: entry.path,
    size: entry.size,
    sha256: entry.sha256,
    mime_type: entry.mimeType,
    time: isoTime(entry.time),
    name: entry.name,
    session: entry.session?.id,
    sequence: entry.session?.sequence,
    upload_id: entry.uploadId,
    client: entry.clientAddress,
  }) + "\n";
}

/** The entry of a line; undefined if the line is malformed. Whoever uses the path must check it. */
export function parseEntry(line: string): ManifestEntry | undefined {
  let data: Record<string, unknown> | null;
  try {
    data = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (typeof data !== "object" || data === null) return undefined;
  const { path, size, sha256, mime_type: mimeType, time } = data;
  if (typeof path !== "string" || path === "") return undefined;
  if (typeof size !== "number" || !Number.isSafeInteger(size) || size < 0) return undefined;
  if (typeof sha256 !== "string" || !/^[0-9a-f]{64}$/.test(sha256)) return undefined;
  if (typeof mimeType !== "string" || typeof time !== "string") return undefined;
  const at = Date.parse(time);
  if (Number.isNaN(at)) return undefined;
  const { name, session, sequence, upload_id: uploadId, client } = data;
  return {
    path,
    size,
    sha256,
    mimeType,
    time: at,
    ...(typeof name === "string" ? { name } : {}),
    ...(typeof session === "string" && typeof sequence === "number"
      ? { session: { id: session, sequence } }
      : {}),
    ...(typeof uploadId === "string" ? { uploadId } : {}),
    ...(typeof client === "string" ? { clientAddress: client } : {}),
  };
}
