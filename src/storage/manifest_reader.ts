/** Reads commits.jsonl line by line, in constant memory. Needs permission to read. @module */
import { isAbsent } from "./io_errors.ts";
import { type ManifestEntry, parseEntry } from "./manifest_line.ts";

/** A line has a name of at most 255 bytes and less than 512 others. A longer one is malformed. */
const MAX_LINE_BYTES = 16384;

const CHUNK_BYTES = 65536;

/** One line of the manifest. */
export interface ManifestLine {
  /** Counted from 1. */
  readonly number: number;
  /** The position of its first byte. */
  readonly start: number;
  /** The position after its LF. */
  readonly end: number;
  /** Undefined if the line is malformed. */
  readonly entry: ManifestEntry | undefined;
  /** Whether the file ends inside this line. */
  readonly torn: boolean;
}

/**
 * Yields the lines of a manifest except empty ones; yields nothing if there is no regular file.
 *
 * @param from The position of the first byte of a line; lines are counted from there.
 */
export async function* readManifest(path: string, from = 0): AsyncGenerator<ManifestLine> {
  const file = await openRegular(path);
  if (file === undefined) return;
  if (from > 0) await file.seek(from, Deno.SeekMode.Start);
  const decoder = new TextDecoder();
  const chunk = new Uint8Array(CHUNK_BYTES);
  /** The beginning of a line whose end has not been read. Stays empty while a too long line is skipped. */
  let rest = new Uint8Array(0);
  let lineStart = from;
  let position = from;
  let number = 0;
  try {
    for (;;) {
      const count = await file.read(chunk);
      if (count === null) break;
      const overlong = position - lineStart > rest.length;
      const bytes = new Uint8Array(rest.length + count);
      bytes.set(rest);
      bytes.set(chunk.subarray(0, count), rest.length);
      const base = position - rest.length;
      position += count;
      let at = 0;
      for (let lf = bytes.indexOf(10); lf >= 0; lf = bytes.indexOf(10, at)) {
        number++;
        const end = base + lf + 1;
        if (end - lineStart > 1) {
          const whole = at > 0 || !overlong;
          const entry = whole ? parseEntry(decoder.decode(bytes.subarray(at, lf))) : undefined;
          yield { number, start: lineStart, end, entry, torn: false };
        }
        lineStart = end;
        at = lf + 1;
      }
      rest = bytes.subarray(at);
      if (position - lineStart > MAX_LINE_BYTES) rest = new Uint8Array(0);
    }
    if (position > lineStart) {
      yield { number: number + 1, start: lineStart, end: position, entry: undefined, torn: true };
    }
  } finally {
    file.close();
  }
}

/** Looks at the name before it opens the file: a FIFO would block, and a link must not be followed. */
async function openRegular(path: string): Promise<Deno.FsFile | undefined> {
  try {
    if (!(await Deno.lstat(path)).isFile) return undefined;
    return await Deno.open(path, { read: true });
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}
