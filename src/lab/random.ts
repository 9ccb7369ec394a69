/** Numbers that look random and are the same for the same seed. @module */

/** A source of numbers from 0 to below 1 (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Bytes that look random, alike for the same seed. */
export function randomBytes(count: number, seed: number): Uint8Array {
  const random = randomFrom(seed);
  const bytes = new Uint8Array(count);
  for (let at = 0; at < count; at++) bytes[at] = random() * 256;
  return bytes;
}
