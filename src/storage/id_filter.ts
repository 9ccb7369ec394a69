/** Tells which upload ids are not in the index, without asking it: a Bloom filter that grows. @module */
import { hashNumber } from "./hash_table.ts";
import { entryOf, readLines, uploadIdOf } from "./manifest_lines.ts";

/** How many ids the first layer is for; each later one is for twice as many as the one before. */
const FIRST_IDS = 65_536;

/** With so many bits an id, and so many of them set, some 0.5 % of ids that are not there seem to be. */
const BITS = 16;
const SET = 4;

/**
 * The upload ids of the lines of a manifest up to a position, by their hashes. An id that is not there
 * may seem to be; one that is there always does. 1,000,000 take 2 to 4 MB.
 *
 * To ask SQLite takes as long as a tenth of what a small file takes, and most ids are new.
 */
export class IdFilter {
  readonly #layers: Uint32Array[] = [];
  /** How many more ids the last layer takes. */
  #room = 0;
  /** The lines before this position are known here, and none after it need be. */
  to = 0;

  /** Adds an id. */
  add(id: string): void {
    const hash = hashNumber(id);
    if (this.#room-- === 0) {
      const ids = FIRST_IDS * 2 ** this.#layers.length;
      this.#room = ids - 1;
      this.#layers.push(new Uint32Array(ids * BITS / 32));
    }
    const layer = this.#layers.at(-1)!;
    for (let set = 0; set < SET; set++) {
      const bit = bitOf(hash, set, layer);
      layer[bit >>> 5]! |= 1 << (bit & 31);
    }
  }

  /** Whether an id may be there. */
  has(id: string): boolean {
    const hash = hashNumber(id);
    return this.#layers.some((layer) => {
      for (let set = 0; set < SET; set++) {
        const bit = bitOf(hash, set, layer);
        if ((layer[bit >>> 5]! & (1 << (bit & 31))) === 0) return false;
      }
      return true;
    });
  }

  /**
   * Adds the ids of the next lines before a position, which an earlier process, or another one, has brought into the
   * index.
   *
   * @returns Whether there was one.
   */
  learn(file: Deno.FsFile, until: number): boolean {
    const from = this.to;
    for (const line of readLines(file, from, until)) {
      const id = uploadIdOf(line) ?? entryOf(line)?.uploadId;
      if (id !== undefined) this.add(id);
      this.to = line.end;
    }
    return this.to > from;
  }
}

/** One of the bits of an id: the lower 32 of the 52 bits of its hash say the first, the upper 20 the way to the next. */
function bitOf(hash: number, set: number, { length }: Uint32Array): number {
  const step = Math.imul(hash / 2 ** 32, 0x9e3779b1) | 1;
  return ((hash >>> 0) + Math.imul(set, step)) & (length * 32 - 1);
}
