/** The files that the demo sends. Pure. @module */

/** One sample file. */
export interface Sample {
  readonly name: string;
  readonly mimeType: string;
  readonly bytes: Uint8Array;
}

/** Random-looking bytes, the same in each run (xorshift). */
function noise(length: number): Uint8Array {
  const words = new Uint32Array(length / 4);
  let state = 0x9e3779b9;
  for (let at = 0; at < words.length; at++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[at] = state;
  }
  return new Uint8Array(words.buffer);
}

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

/** Small files for the stateless part. */
export const SMALL: readonly Sample[] = [
  { name: "hello.txt", mimeType: "text/plain", bytes: utf8("Hello from fxfer.\n") },
  {
    name: "table.csv",
    mimeType: "text/csv",
    bytes: utf8("n,square\n" + Array.from({ length: 200 }, (_, n) => `${n},${n * n}\n`).join("")),
  },
];

/** A file of 4 MiB, large enough to be cut in the middle. */
export function largeSample(): Sample {
  return { name: "photo.png", mimeType: "image/png", bytes: noise(4 * 1024 * 1024) };
}
