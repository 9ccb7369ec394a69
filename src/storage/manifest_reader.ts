/** Reads commits.jsonl as a stream, with memory for one line (tier RW and `verify`). @module */
import { isAbsent } from "./io_errors.ts";
import { type ManifestEntry, parseEntry } from "./manifest_line.ts";

/** A line longer than this is none of ours: a name has 255 bytes, the rest is under 512. */
const MAX_LINE_BYTES = 16384;

const CHUNK_BYTES = 65536;

/** One line of the manifest. */
export interface ManifestLine {
  /** Counted from 1. */
  readonly number: number;
  /** Where it begins, in bytes. */
  readonly start: number;
  /** Where it ends, after its LF. */
  readonly end: number;
  /** Undefined for a malformed line. */
  readonly entry: ManifestEntry | undefined;
  /** The file ends inside this line. */
  readonly torn: boolean;
}

/**
 * The lines of a manifest that is a regular file; nothing for an absent one. Empty lines are skipped.
 *
 * @param from Where a line begins, in bytes; lines are counted from there.
 */
export async function* readManifest(path: string, from = 0): AsyncGenerator<ManifestLine> {
  const file = await openRegular(path);
  if (file === undefined) return;
  if (from > 0) await file.seek(from, Deno.SeekMode.Start);
  const decoder = new TextDecoder();
  const chunk = new Uint8Array(CHUNK_BYTES);
  /** The begin of a line whose end has not been read; empty while an overlong one is skipped. */
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

/** Asked by name first: opening a FIFO would block, and a link is not followed. */
async function openRegular(path: string): Promise<Deno.FsFile | undefined> {
  try {
    if (!(await Deno.lstat(path)).isFile) return undefined;
    return await Deno.open(path, { read: true });
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}
