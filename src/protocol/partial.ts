/** The bytes of a header or of session data that came in more than one chunk. @module */

/** Most headers fit; a connection that sends one byte costs no more than this. */
const FIRST_BYTES = 256;

/**
 * A buffer that grows with what has arrived, never with what was announced, and holds nothing while
 * it is empty: a thousand idle connections own no buffer.
 */
export class PartialBuffer {
  #bytes: Uint8Array | undefined;
  #length = 0;

  /** Bytes held. */
  get length(): number {
    return this.#length;
  }

  /** Copies `chunk[from, to)` to the end; the caller has checked the limit. */
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

  /** Hands the bytes over and forgets them. */
  take(): Uint8Array {
    const bytes = this.#bytes?.subarray(0, this.#length) ?? new Uint8Array();
    this.clear();
    return bytes;
  }

  /** Lets the memory go. */
  clear(): void {
    this.#bytes = undefined;
    this.#length = 0;
  }
}
