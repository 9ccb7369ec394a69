/** The lines of commits.jsonl: as data, as text, and read from the file. @module */
import { omitUndefined } from "../omit_undefined.ts";
import { unlessAbsent } from "./io_errors.ts";
import { isoTime } from "./naming.ts";
import type { RemovedBy } from "./catalogue.ts";
import type { FileSpec, StoredFile } from "./types.ts";

/** What a line of the manifest says of one committed file. */
export interface ManifestEntry
  extends Omit<StoredFile, "replayed">, Omit<FileSpec, "mimeType" | "reserve"> {
  /** When the file was committed, in milliseconds since the epoch. */
  readonly time: number;
}

/** The line without its LF. JSON escapes line feeds inside of texts, so an entry is always one line. */
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
    user: entry.user,
    mtime_ms: entry.mtimeMs,
    executable: entry.executable || undefined,
  });
}

/** What a line of the manifest says of a file that was removed. */
export interface Removal {
  /** The path of the file. */
  readonly removed: string;
  /** When it was removed, in milliseconds since the epoch. */
  readonly time: number;
  /** What the line says of the file, its time being that of its commit; absent where the line says nothing. */
  readonly file?: ManifestEntry;
}

/** The line of a removal, without its LF. */
export function formatRemoval(file: ManifestEntry, time: number, by: RemovedBy): string {
  const { path, time: stored, ...rest } = JSON.parse(formatEntry(file));
  const { user, session, reason } = by;
  const who = omitUndefined({ user, session: session?.id, sequence: session?.sequence, reason });
  const known = Object.keys(who).length > 0;
  return JSON.stringify({
    removed: path,
    time: isoTime(time),
    stored,
    ...rest,
    ...(known && { by: who }),
  });
}

/** Ends a line. */
export const LF = 10;

const encoder = new TextEncoder();
const decoder = new TextDecoder();
/** The line that is in the buffer, which a claim and the manifest write one after the other. */
let encoded: string | undefined;
let buffer = new Uint8Array([LF, ...new Uint8Array(4095)]);
let afterLf = buffer.subarray(1);
let encodedBytes = afterLf;

/**
 * The bytes of a line, its LF added, valid until the next call.
 *
 * @param afterTear Whether a line feed comes before it, because the file may end inside another line.
 */
export function encodeLine(line: string, afterTear = false): Uint8Array {
  if (line !== encoded) encode(line);
  return afterTear ? buffer.subarray(0, encodedBytes.length + 1) : encodedBytes;
}

function encode(line: string): void {
  const most = 3 * line.length + 2;
  if (most > buffer.length) {
    buffer = new Uint8Array(most);
    buffer[0] = LF;
    afterLf = buffer.subarray(1);
  }
  const { written } = encoder.encodeInto(line, afterLf);
  afterLf[written] = LF;
  encodedBytes = afterLf.subarray(0, written + 1);
  encoded = line;
}

/** How the line of a file begins. Inside of a line it cannot stand: texts have their quotes escaped. */
const BEGINNING = '{"path":"';

/**
 * What a line says; undefined if the line is malformed. Whoever uses the path must check it. A whole line
 * behind half a line of a process that has died says what it says alone.
 */
export function parseLine(line: string): ManifestEntry | Removal | undefined {
  let data: Record<string, unknown> | null;
  try {
    data = JSON.parse(line);
  } catch {
    const at = line.lastIndexOf(BEGINNING);
    return at > 0 ? parseLine(line.slice(at)) : undefined;
  }
  if (typeof data !== "object" || data === null) return undefined;
  if (data.removed === undefined) return entryFrom(data);
  const time = timeOf(data.time);
  if (typeof data.removed !== "string" || time === undefined) return undefined;
  const file = entryFrom({ ...data, path: data.removed, time: data.stored });
  return omitUndefined({ removed: data.removed, time, file });
}

/** The path that a line speaks of, whether it lists a file or says that one is gone. */
export function pathOf(content: ManifestEntry | Removal): string {
  return "removed" in content ? content.removed : content.path;
}

/** The entry of a line; undefined if the line is malformed, or that of a removal. */
export function parseEntry(line: string): ManifestEntry | undefined {
  const content = parseLine(line);
  return content === undefined || "removed" in content ? undefined : content;
}

function entryFrom(data: Record<string, unknown>): ManifestEntry | undefined {
  const { path, size, sha256, mime_type: mimeType, session: id, sequence, mtime_ms } = data;
  if (typeof path !== "string" || path === "") return undefined;
  if (typeof size !== "number" || !Number.isSafeInteger(size) || size < 0) return undefined;
  if (typeof sha256 !== "string" || !/^[0-9a-f]{64}$/.test(sha256)) return undefined;
  if (typeof mimeType !== "string") return undefined;
  const time = timeOf(data.time);
  if (time === undefined) return undefined;
  const optional = omitUndefined({
    name: textOf(data.name),
    session: typeof id === "string" && typeof sequence === "number" ? { id, sequence } : undefined,
    uploadId: textOf(data.upload_id),
    clientAddress: textOf(data.client),
    user: textOf(data.user),
    mtimeMs: Number.isSafeInteger(mtime_ms) ? mtime_ms as number : undefined,
    executable: data.executable === true ? true : undefined,
  });
  return { path, size, sha256, mimeType, time, ...optional };
}

function timeOf(value: unknown): number | undefined {
  const time = typeof value === "string" ? Date.parse(value) : NaN;
  return Number.isNaN(time) ? undefined : time;
}

const textOf = (value: unknown) => typeof value === "string" ? value : undefined;

/** A name has at most 4,096 bytes, which JSON may write as up to 6 each. A longer line is malformed. */
export const MAX_LINE_BYTES = 65536;

const CHUNK_BYTES = 65536;

/** One line of a manifest. */
export interface RawLine {
  /** The position of its first byte. */
  readonly start: number;
  /** The position after its LF. */
  readonly end: number;
  /** Without the LF; undefined if the line is too long to be one of a manifest. */
  readonly text: string | undefined;
  /** Whether the file ends inside this line. */
  readonly torn: boolean;
}

/** What a line says; undefined if the line is torn or malformed. */
export function contentOf({ text, torn }: RawLine): ManifestEntry | Removal | undefined {
  return torn || text === undefined ? undefined : parseLine(text);
}

const UPLOAD_ID = '"upload_id":"';
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * The upload id of a line that is one of this program's, without a look at the rest of the line: that takes a
 * third of the time. What is found is checked by whoever reads the line as a whole.
 *
 * @returns Undefined where only {@linkcode contentOf} can tell.
 */
export function uploadIdOf({ text, torn }: RawLine): string | undefined {
  if (torn || text === undefined || !text.startsWith('{"path":')) return undefined;
  // In a name the quotes are escaped, so that it cannot look like the field.
  const at = text.indexOf(UPLOAD_ID);
  const id = at < 0 ? "" : text.slice(at + UPLOAD_ID.length, at + UPLOAD_ID.length + 36);
  return UUID.test(id) ? id : undefined;
}

/** The entry that a line stands for; undefined if the line is torn, malformed or that of a removal. */
export function entryOf({ text, torn }: RawLine): ManifestEntry | undefined {
  return torn || text === undefined ? undefined : parseEntry(text);
}

/**
 * Yields the lines of a file that begin at `from` or later and before `until`, in constant memory.
 *
 * @param from The position of the first byte of a line.
 */
export function* readLines(
  file: Deno.FsFile,
  from: number,
  until: number = Infinity,
): Generator<RawLine> {
  const chunk = new Uint8Array(CHUNK_BYTES);
  /** The beginning of a line whose end has not been read. Stays empty while a too long line is skipped. */
  let rest = new Uint8Array(0);
  let start = from;
  let position = from;
  while (start < until) {
    file.seekSync(position, Deno.SeekMode.Start); // whoever takes the lines may read elsewhere
    const count = file.readSync(chunk);
    if (count === null) break;
    const overlong = position - start > rest.length;
    const bytes = new Uint8Array(rest.length + count);
    bytes.set(rest);
    bytes.set(chunk.subarray(0, count), rest.length);
    const base = position - rest.length;
    position += count;
    let at = 0;
    for (let lf = bytes.indexOf(LF); lf >= 0 && start < until; lf = bytes.indexOf(LF, at)) {
      const end = base + lf + 1;
      const whole = at > 0 || !overlong;
      const text = whole ? decoder.decode(bytes.subarray(at, lf)) : undefined;
      yield { start, end, text, torn: false };
      start = end;
      at = lf + 1;
    }
    rest = bytes.subarray(at);
    if (position - start > MAX_LINE_BYTES) rest = new Uint8Array(0);
  }
  if (position > start && start < until) {
    yield { start, end: position, text: undefined, torn: true };
  }
}

/** Nearly every line fits. It is used again and again, because a page of a list reads many lines. */
const oneLine = new Uint8Array(1024);

/** What the line says that begins at a position; undefined if there is no whole one. */
export function readLineAt(
  file: Deno.FsFile,
  position: number,
): ManifestEntry | Removal | undefined {
  file.seekSync(position, Deno.SeekMode.Start);
  const count = file.readSync(oneLine) ?? 0;
  const lf = oneLine.indexOf(LF);
  if (lf >= 0 && lf < count) return parseLine(decoder.decode(oneLine.subarray(0, lf)));
  for (const line of readLines(file, position, position + 1)) return contentOf(line);
}

/** The entry whose line begins at a position; undefined if there is no whole one. */
export function readEntryAt(file: Deno.FsFile, position: number): ManifestEntry | undefined {
  const content = readLineAt(file, position);
  return content === undefined || "removed" in content ? undefined : content;
}

/** One line of a manifest that is read from its beginning. */
export interface ManifestLine extends Pick<RawLine, "start" | "end" | "torn"> {
  /** Counted from 1. */
  readonly number: number;
  /** Undefined if the line is that of a removal, or malformed. */
  readonly entry: ManifestEntry | undefined;
  readonly removal: Removal | undefined;
}

/**
 * Yields the lines of a manifest except empty ones, in constant memory; yields nothing if there is no
 * regular file. Needs permission to read.
 *
 * @param from The position of the first byte of a line; lines are counted from there.
 */
export async function* readManifest(path: string, from = 0): AsyncGenerator<ManifestLine> {
  // The name is looked at before the file is opened: a FIFO would block, a link must not be followed.
  if (!(await Deno.lstat(path).catch(unlessAbsent))?.isFile) return;
  using file = await Deno.open(path, { read: true }).catch(unlessAbsent);
  if (file === undefined) return;
  let number = 0;
  for (const line of readLines(file, from)) {
    number++;
    const { start, end, torn } = line;
    if (line.text === "") continue;
    const content = contentOf(line);
    const isRemoval = content !== undefined && "removed" in content;
    yield {
      ...{ number, start, end, torn },
      entry: isRemoval ? undefined : content,
      removal: isRemoval ? content : undefined,
    };
  }
}
