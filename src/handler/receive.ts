/** From a payload to storage: what the handlers that store whole files share. @module */
import { FxferError } from "../errors.ts";
import type { Events } from "../events.ts";
import type { ReplyBody } from "../protocol/mod.ts";
import { checkDigest, type FileStorage, type PutSpec, type StoredFile } from "../storage/mod.ts";
import type { Telling } from "./tell.ts";
import type { ConnectionContext, Payload } from "./types.ts";

/** What it takes to store whole files and to tell of them. */
export interface WholeParts extends Telling {
  readonly storage: FileStorage;
  readonly events: Events;
}

/**
 * Stores one whole file, or nothing: on any failure what was received is removed (S-TRF-6). At once
 * if its bytes are here and storage can.
 *
 * @throws {FxferError} What the payload or the storage threw; `checksum_mismatch`.
 */
export function storeWhole(
  parts: WholeParts,
  spec: PutSpec,
  payload: Payload,
  context: ConnectionContext,
): StoredFile | Promise<StoredFile> {
  const bytes = payload.whole();
  return bytes === undefined || bytes instanceof Promise
    ? storeArriving(parts, spec, payload, bytes, context)
    : parts.storage.put(spec, bytes, payload.crowded);
}

async function storeArriving(
  { storage, events }: WholeParts,
  spec: PutSpec,
  payload: Payload,
  whole: Promise<Uint8Array | undefined> | undefined,
  { connectionId: connection }: ConnectionContext,
): Promise<StoredFile> {
  const bytes = await whole;
  if (bytes !== undefined) return storage.put(spec, bytes, payload.crowded);

  const upload = await storage.begin(spec);
  events.emit({ type: "transfer.begun", rule: "S-TRF-1", connection });
  let writing: void | Promise<void> = undefined;
  try {
    for (let bytes = await payload.next(); bytes !== undefined; bytes = await payload.next()) {
      await writing;
      writing = started(upload.write(bytes));
    }
    await writing;
    const sealed = await upload.seal();
    checkDigest(spec.sha256, sealed.sha256);
    return await upload.publish();
  } catch (error) {
    await Promise.allSettled([writing]);
    await upload.discard();
    events.emit({ type: "transfer.dropped", rule: "S-TRF-6", connection, reason: "failed" });
    throw error;
  }
}

/** A write that goes on while more is read; it is awaited later, and must not be unhandled until then. */
export function started(writing: void | Promise<void>): void | Promise<void> {
  writing?.catch(() => {});
  return writing;
}

/** The `ok` of S-TRF-7. */
export function storedReply(file: StoredFile, durability: string, uploadId?: string): ReplyBody {
  return {
    code: "ok",
    file: { path: file.path, size: file.size, sha256: file.sha256, mime_type: file.mimeType },
    durability,
    ...(uploadId === undefined ? {} : { upload_id: uploadId }),
    ...(file.replayed ? { replayed: true } : {}),
  };
}

/**
 * S-TRF-9: the first result of an upload id, when the sender says it is the same file. Without a
 * digest the bytes must be read before anyone can tell.
 *
 * @throws {FxferError} `sequence_reuse` if it is another file.
 */
export function storedBefore(
  storage: FileStorage,
  uploadId: string | undefined,
  sha256: string | undefined,
): StoredFile | undefined | Promise<StoredFile | undefined> {
  if (uploadId === undefined || sha256 === undefined) return undefined;
  const before = storage.find?.(uploadId);
  return before instanceof Promise
    ? before.then((file) => replayOf(file, sha256))
    : replayOf(before, sha256);
}

function replayOf(before: StoredFile | undefined, sha256: string): StoredFile | undefined {
  if (before === undefined) return undefined;
  if (before.sha256 === sha256) return { ...before, replayed: true };
  throw new FxferError("sequence_reuse", "Cannot store file: its upload id names another file", {
    fields: { field: "upload_id" },
  });
}
