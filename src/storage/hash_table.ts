/** A flat table of numbers by text: 24 to 48 bytes an entry, no object for each, nothing to evict. @module */

let high = 0;
let low = 0;

/** Sets {@linkcode high} and {@linkcode low} to the two halves of a text's hash (cyrb53). */
function hash(text: string): void {
  high = 0xdeadbeef;
  low = 0x41c6ce57;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    high = Math.imul(high ^ unit, 2654435761);
    low = Math.imul(low ^ unit, 1597334677);
  }
  high = Math.imul(high ^ (high >>> 16), 2246822507) ^ Math.imul(low ^ (low >>> 13), 3266489909);
  low = Math.imul(low ^ (low >>> 16), 2246822507) ^ Math.imul(high ^ (high >>> 13), 3266489909);
  high >>>= 0;
  low >>>= 0;
}

/** The hash of a text, as 16 hex digits. */
export function hashName(text: string): string {
  hash(text);
  return high.toString(16).padStart(8, "0") + low.toString(16).padStart(8, "0");
}

/** The first three of the hex digits that {@linkcode hashName} gives, as a number from 0 to 4095. */
export function hashPrefix(text: string): number {
  hash(text);
  return high >>> 20;
}

/** 52 bits of the hash of a text, as a number. */
export function hashNumber(text: string): number {
  hash(text);
  return (high & 0xfffff) * 0x1_0000_0000 + low;
}

/**
 * Keeps a number for each text, by the text's 64-bit hash. The text itself is not kept: whoever reads a
 * number back must see for itself that it stands for the text.
 */
export class HashTable {
  /** The two halves of the hash in each slot. */
  #hashes = new Uint32Array(2048);
  /** The number in each slot, plus 1; 0 for a free slot. */
  #numbers = new Float64Array(1024);
  #size = 0;

  /** The number that was last set for a text. */
  get(text: string): number | undefined {
    hash(text);
    const found = this.#numbers[this.#slot()]!;
    return found === 0 ? undefined : found - 1;
  }

  /** Sets the number of a text: a whole number from 0 on. */
  set(text: string, number: number): void {
    hash(text);
    if (this.#put(number + 1) && ++this.#size * 2 > this.#numbers.length) this.#grow();
  }

  /** Fills the slot of the current hash; true if it was free. */
  #put(value: number): boolean {
    const slot = this.#slot();
    const isNew = this.#numbers[slot] === 0;
    this.#hashes[2 * slot] = high;
    this.#hashes[2 * slot + 1] = low;
    this.#numbers[slot] = value;
    return isNew;
  }

  /** The slot of the current hash, or the free one where it belongs. */
  #slot(): number {
    const mask = this.#numbers.length - 1;
    let slot = low & mask;
    while (
      this.#numbers[slot] !== 0 &&
      (this.#hashes[2 * slot] !== high || this.#hashes[2 * slot + 1] !== low)
    ) slot = (slot + 1) & mask;
    return slot;
  }

  #grow(): void {
    const [hashes, numbers] = [this.#hashes, this.#numbers];
    this.#hashes = new Uint32Array(2 * hashes.length);
    this.#numbers = new Float64Array(2 * numbers.length);
    for (const [slot, value] of numbers.entries()) {
      if (value === 0) continue;
      high = hashes[2 * slot]!;
      low = hashes[2 * slot + 1]!;
      this.#put(value);
    }
  }
}
