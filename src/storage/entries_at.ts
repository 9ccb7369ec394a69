/** Reads the lines of a page of a list, many at a time. @module */
import { LF, type ManifestEntry, parseEntry, readEntryAt } from "./manifest_lines.ts";

const BLOCK_BYTES = 65536;

/** Nearly every line is shorter. */
const LINE_BYTES = 1024;

const decoder = new TextDecoder();

/** For one page of a list after the other. */
const block = new Uint8Array(BLOCK_BYTES);

/**
 * The entries at many positions that are close to one another, as those of a page of a list are: one read gives
 * all that are in a block. To be used up before anything is waited for.
 */
export class EntriesAt {
  readonly #file: Deno.FsFile;
  #start = 0;
  #length = 0;

  constructor(file: Deno.FsFile) {
    this.#file = file;
  }

  /** As {@linkcode readEntryAt}. @param back Whether the positions that follow are smaller ones. */
  at(position: number, back: boolean): ManifestEntry | undefined {
    let text = this.#lineAt(position);
    if (text === undefined) {
      const behind = back ? BLOCK_BYTES - LINE_BYTES : 0;
      this.#start = Math.max(0, position - behind);
      this.#file.seekSync(this.#start, Deno.SeekMode.Start);
      this.#length = this.#file.readSync(block) ?? 0;
      text = this.#lineAt(position);
    }
    return text === undefined ? readEntryAt(this.#file, position) : parseEntry(text);
  }

  #lineAt(position: number): string | undefined {
    const at = position - this.#start;
    if (at < 0 || at >= this.#length) return undefined;
    const lf = block.indexOf(LF, at);
    return lf < 0 || lf >= this.#length ? undefined : decoder.decode(block.subarray(at, lf));
  }
}
