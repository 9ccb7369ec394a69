/** Seeded randomness: a failure can be repeated from the seed in its name or message. @module */

/** A generator of numbers that depends on its seed alone (mulberry32). */
export class Random {
  #state: number;

  /** @param seed Any integer; its low 32 bits count. */
  constructor(readonly seed: number) {
    this.#state = seed >>> 0;
  }

  /** 32 random bits. */
  bits(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return (mixed ^ (mixed >>> 14)) >>> 0;
  }

  /** An integer from `low` to `high`, both included. */
  int(low: number, high: number): number {
    return low + Math.floor(this.bits() / 2 ** 32 * (high - low + 1));
  }

  /** One of the items. */
  pick<T>(items: readonly T[]): T {
    return items[this.int(0, items.length - 1)]!;
  }

  /** That many random bytes. */
  bytes(length: number): Uint8Array<ArrayBuffer> {
    const words = new Uint32Array(Math.ceil(length / 4));
    for (let i = 0; i < words.length; i++) words[i] = this.bits();
    return new Uint8Array(words.buffer, 0, length);
  }
}

/** That many random bytes of a seed. */
export const randomBytes = (length: number, seed: number): Uint8Array<ArrayBuffer> =>
  new Random(seed).bytes(length);
