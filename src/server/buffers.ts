/**
 * Read buffers. An idle connection owns a small one only; the larger kinds are lent while a payload
 * or a burst of pipelined frames is coming in. Measured: reading into a reused large buffer is
 * several times as fast as a fresh one each time, and 5,000 idle connections cost their small
 * buffers only.
 *
 * @module
 */

/** What an idle connection waits with: a header and a file of 1 KiB fit. */
export const SMALL_BUFFER_BYTES = 2048;

/** A file up to this size is gathered in memory and stored in one step. */
export const GATHER_BUFFER_BYTES: number = 128 * 1024;

/** What a large payload streams through: larger ones measured slower on a real disk. */
export const STREAM_BUFFER_BYTES: number = 1024 * 1024;

/** Buffers of one size, lent and given back. */
export class BufferPool {
  readonly #bytes: number;
  readonly #keep: number;
  readonly #free: Uint8Array<ArrayBuffer>[] = [];
  #lent = 0;

  /**
   * @param bytes The size of each buffer.
   * @param keep How many are kept for reuse; those given back beyond are left to the collector.
   */
  constructor(bytes: number, keep: number) {
    this.#bytes = bytes;
    this.#keep = keep;
  }

  /** Whether so many are lent that those who only might need one should do without. */
  get scarce(): boolean {
    return this.#lent >= this.#keep;
  }

  /** A buffer with undefined content. */
  lend(): Uint8Array<ArrayBuffer> {
    this.#lent++;
    return this.#free.pop() ?? new Uint8Array(this.#bytes);
  }

  /** A lent buffer is not given back, because the kernel may still write into it. */
  lose(): void {
    this.#lent--;
  }

  /** Takes one back; the caller must not touch it again. */
  giveBack(buffer: Uint8Array<ArrayBuffer>): void {
    this.#lent--;
    if (this.#free.length < this.#keep) this.#free.push(buffer);
  }
}

/** The pools that the connections of one server share. */
export interface BufferPools {
  readonly small: BufferPool;
  readonly gather: BufferPool;
  readonly stream: BufferPool;
}

/** Fresh pools: 512 KiB of small and 16 MiB of gather and of stream buffers are kept at most. */
export function createBufferPools(): BufferPools {
  return {
    small: new BufferPool(SMALL_BUFFER_BYTES, 256),
    gather: new BufferPool(GATHER_BUFFER_BYTES, 128),
    stream: new BufferPool(STREAM_BUFFER_BYTES, 16),
  };
}
