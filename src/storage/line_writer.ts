/** Writes several lines of a manifest with one call. @module */
import { type Line, manifestFull, type OnListed } from "./manifest.ts";
import { encodeLine, LF } from "./manifest_lines.ts";

/** So many characters of a new manifest are gathered before they are written. */
const GATHERED = 65536;

/** Many lines on their way into a file, which may fail as a whole. */
export class LineWriter {
  readonly #file: Deno.FsFile;
  readonly #afterOthers: boolean;
  #lines: string[] = [];
  #size = 0;
  /** How many lines came. */
  count = 0;

  /** @param afterOthers Others append to the file too, so one may have torn its line: each write begins with LF. */
  constructor(file: Deno.FsFile, afterOthers = false) {
    this.#file = file;
    this.#afterOthers = afterOthers;
  }

  /** Adds a line, without its LF. */
  write(line: string): void {
    this.#lines.push(line);
    this.count++;
    this.#size += line.length;
    if (this.#size > GATHERED) this.end();
  }

  /** Writes what has been gathered. */
  end(): void {
    if (this.#lines.length === 0) return;
    const text = `${this.#afterOthers ? "\n" : ""}${this.#lines.join("\n")}\n`;
    const bytes = new TextEncoder().encode(text);
    for (let done = 0; done < bytes.length;) done += this.#file.writeSync(bytes.subarray(done));
    this.#lines = [];
    this.#size = 0;
  }
}

/** The writes of a manifest in use, on a disk that may be full before the end of one. */
export class LineWrites {
  /** What was written of the last text, if the disk was full before its end. */
  #partly: Uint8Array | undefined;

  /** Whether the disk was full before the end of the last text: what is told of it then, stands there for certain. */
  get isCut(): boolean {
    return this.#partly !== undefined;
  }

  /** Throws if the disk was full before the end of these bytes. @param count How many were written. */
  wrote(bytes: Uint8Array, count: number): void {
    if (count === bytes.length) return;
    this.#partly = bytes.subarray(0, count);
    throw manifestFull();
  }

  /**
   * Writes lines as one text, and tells which of them stand there, also where not all of them do.
   *
   * @param write Writes the text, with {@linkcode wrote}; returns where it begins, undefined where that could
   * not be looked at.
   */
  appendAll(
    lines: readonly Line[],
    write: (text: string) => number | undefined,
    listed: OnListed,
  ): void {
    const text = lines.map(({ line }) => line).join("\n");
    this.#partly = undefined;
    try {
      const start = write(text);
      tellWhole(encodeLine(text), start, listed);
    } catch (error) {
      if (this.#partly !== undefined) tellWhole(this.#partly, undefined, listed);
      throw error;
    }
  }
}

/**
 * Tells which lines are whole in bytes that were written as one text.
 *
 * @param start The position of the first line; undefined where that is not known.
 */
function tellWhole(bytes: Uint8Array, start: number | undefined, listed: OnListed): void {
  const first = bytes[0] === LF ? 1 : 0;
  let from = first;
  for (let at = 0;; at++) {
    const end = bytes.indexOf(LF, from) + 1;
    if (end === 0) return;
    listed(at, start === undefined ? undefined : [start + from - first, start + end - first]);
    from = end;
  }
}
