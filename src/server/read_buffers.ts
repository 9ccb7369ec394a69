/** The buffers of one connection: which one is read into next, and which are still in use. @module */
import {
  type BufferPool,
  type BufferPools,
  GATHER_BUFFER_BYTES,
  SMALL_BUFFER_BYTES,
} from "./buffers.ts";

/** A buffer and where it belongs. */
interface Loan {
  readonly buffer: Uint8Array<ArrayBuffer>;
  readonly pool: BufferPool;
}

/** See the module's text. */
export class ReadBuffers {
  readonly #pools: BufferPools;
  readonly #small: Uint8Array<ArrayBuffer>;
  /** What was read into last, if it was not the small one. */
  #last: Loan | undefined;
  /** What was read into before that: its bytes may still be on their way to the disk. */
  #earlier: Loan | undefined;
  /** Holds a whole payload that had begun too near the end of another buffer, and was copied here. */
  #copy: Loan | undefined;

  constructor(pools: BufferPools) {
    this.#pools = pools;
    this.#small = pools.small.lend();
  }

  /**
   * For a header: between frames nothing that was handed out is in use.
   *
   * @param size Of the last payload: a file that was gathered is likely to be followed by another,
   * and then one read gets all of it.
   * @param more Whether the last read filled its buffer: as much may be waiting.
   */
  forHead(size: number, more: boolean): Uint8Array<ArrayBuffer> {
    const { gather } = this.#pools;
    this.#earlier = giveBack(this.#earlier);
    this.#copy = giveBack(this.#copy);
    const likely = size > SMALL_BUFFER_BYTES && size <= GATHER_BUFFER_BYTES &&
      (this.#last?.pool === gather || !gather.scarce);
    if (!likely && !more) {
      this.#last = giveBack(this.#last);
      return this.#small;
    }
    if (this.#last?.pool !== gather) {
      giveBack(this.#last);
      this.#last = lend(gather);
    }
    return this.#last.buffer;
  }

  /** For `remaining` bytes of a payload: two in turns, one is read into while the other is written. */
  forPayload(remaining: number): Uint8Array<ArrayBuffer> {
    const { gather, stream } = this.#pools;
    giveBack(this.#earlier);
    this.#earlier = this.#last;
    this.#last = lend(remaining > GATHER_BUFFER_BYTES ? stream : gather);
    return this.#last.buffer;
  }

  /**
   * For all `size` bytes of a payload, with those that are here already at its start: behind its
   * header if there is room, else in a copy.
   */
  forWhole(begun: Uint8Array, size: number): Uint8Array {
    const { buffer } = this.#last ?? {};
    const end = begun.byteOffset + size;
    if (begun.buffer === buffer?.buffer && end <= GATHER_BUFFER_BYTES) {
      return buffer.subarray(begun.byteOffset, end);
    }
    giveBack(this.#copy);
    this.#copy = lend(this.#pools.gather);
    this.#copy.buffer.set(begun);
    return this.#copy.buffer.subarray(0, size);
  }

  /**
   * Gives all of them back.
   *
   * @param busy Whether the kernel may still write into the last one: that is left to the collector.
   */
  release(busy: boolean): void {
    giveBack(this.#earlier);
    if (busy) {
      (this.#last?.pool ?? this.#pools.small).lose();
      this.#copy?.pool.lose();
      return;
    }
    giveBack(this.#last);
    giveBack(this.#copy);
    this.#pools.small.giveBack(this.#small);
  }
}

function lend(pool: BufferPool): Loan {
  return { buffer: pool.lend(), pool };
}

function giveBack(loan: Loan | undefined): undefined {
  loan?.pool.giveBack(loan.buffer);
}
