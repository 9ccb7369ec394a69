/** The bytes of a header or of session data that arrived in more than one chunk. @module */
import type { SignedBytes } from "./requests.ts";

/** The first size of a buffer: most headers fit, and one early byte of a connection costs no more. */
const FIRST_BYTES = 256;

/**
 * A buffer that grows with the bytes that have arrived, never with those announced. An empty one holds
 * no memory, so a thousand idle connections cost nothing here.
 */
export class PartialBuffer {
  #bytes: Uint8Array | undefined;
  #length = 0;

  /** Bytes held. */
  get length(): number {
    return this.#length;
  }

  /** Copies `chunk[from, to)` to the end. The caller has checked the limit. */
  append(chunk: Uint8Array, from: number, to: number): void {
    const needed = this.#length + to - from;
    if (this.#bytes === undefined || this.#bytes.length < needed) {
      const grown = new Uint8Array(Math.max(FIRST_BYTES, needed, 2 * this.#length));
      if (this.#bytes !== undefined) grown.set(this.#bytes.subarray(0, this.#length));
      this.#bytes = grown;
    }
    this.#bytes.set(
      from === 0 && to === chunk.length ? chunk : chunk.subarray(from, to),
      this.#length,
    );
    this.#length = needed;
  }

  /** Hands the bytes over, and is empty afterwards. */
  take(): Uint8Array {
    const bytes = this.#bytes?.subarray(0, this.#length) ?? new Uint8Array();
    this.clear();
    return bytes;
  }

  /** Drops the bytes and their memory. */
  clear(): void {
    this.#bytes = undefined;
    this.#length = 0;
  }
}

/** The bytes that the code of a frame covers: its header line, the LF, and its session data (S-KEY-2). */
export function signedBytes(line: Uint8Array, data: Uint8Array = new Uint8Array(0)): SignedBytes {
  const bytes = new Uint8Array(line.length + 1 + data.length);
  bytes.set(line);
  bytes[line.length] = 0x0a;
  bytes.set(data, line.length + 1);
  return { bytes, line: line.length };
}
