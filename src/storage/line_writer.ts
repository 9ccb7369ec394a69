/** Writes many lines of a manifest with few calls. @module */

/** So many characters are gathered before they are written. */
const GATHERED = 65536;

/** Lines on their way into an open file. */
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
