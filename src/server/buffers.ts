/**
 * Read buffers. An idle connection owns a small one only; the larger kinds are lent while a payload
 * or a burst of pipelined frames is coming in. Measured: reading into a reused large buffer is
 * several times as fast as into a fresh one each time.
 *
 * @module
 */

/** What an idle connection waits with: a header and a file of 1 KiB fit. */
export const SMALL_BUFFER_BYTES = 2048;

/** A file up to this size is gathered in memory and stored in one step. */
export const GATHER_BUFFER_BYTES: number = 128 * 1024;

/** What a large payload streams through: larger ones measured slower on a real disk. */
const STREAM_BUFFER_BYTES = 1024 * 1024;

type Buffer = Uint8Array<ArrayBuffer>;

/** Buffers of one size, lent and given back. */
class BufferPool {
  readonly #bytes: number;
  readonly #keep: number;
  readonly #free: Buffer[] = [];
  #lent = 0;

  /** @param keep How many buffers are kept for reuse; more are left to the garbage collector. */
  constructor(bytes: number, keep: number) {
    this.#bytes = bytes;
    this.#keep = keep;
  }

  /** Whether so many are lent that a connection that only might need one should do without. */
  get scarce(): boolean {
    return this.#lent >= this.#keep;
  }

  /** A buffer with undefined content. */
  lend(): Buffer {
    this.#lent++;
    return this.#free.pop() ?? new Uint8Array(this.#bytes);
  }

  /** Takes a lent buffer off the count: it never comes back, as the kernel may still write into it. */
  lose(): void {
    this.#lent--;
  }

  /** Takes one back; the caller must not touch it again. */
  giveBack(buffer: Buffer): void {
    this.#lent--;
    if (this.#free.length < this.#keep) this.#free.push(buffer);
  }
}

/** The pools of one server: 512 KiB of small and 16 MiB of gather and of stream buffers are kept. */
export class BufferPools {
  readonly small: BufferPool = new BufferPool(SMALL_BUFFER_BYTES, 256);
  readonly gather: BufferPool = new BufferPool(GATHER_BUFFER_BYTES, 128);
  readonly stream: BufferPool = new BufferPool(STREAM_BUFFER_BYTES, 16);
}

/** The buffers of one connection: which one is read into next, and which are still in use. */
export class ReadBuffers {
  readonly #pools: BufferPools;
  readonly #small: Buffer;
  /** What was read into last, if it was not the small one. */
  #last: Buffer | undefined;
  /** What was read into before that: its bytes may still be on their way to the disk. */
  #earlier: Buffer | undefined;
  /** Holds a whole payload that had begun too near the end of another buffer, and was copied here. */
  #copy: Buffer | undefined;

  constructor(pools: BufferPools) {
    this.#pools = pools;
    this.#small = pools.small.lend();
  }

  /**
   * For a header: between frames nothing that was handed out is in use.
   *
   * @param size Of the last payload: a file that was gathered is likely to be followed by another,
   * and then one read gets all of it.
   * @param more Whether the last read filled its buffer: as much may be waiting. Of frames without a
   * payload, which cost their sender nothing, only little is read at a time (S-FAIR-1).
   */
  forHead(size: number, more: boolean): Buffer {
    const { gather } = this.#pools;
    this.#earlier = this.#giveBack(this.#earlier);
    this.#copy = this.#giveBack(this.#copy);
    const gathers = this.#last?.length === GATHER_BUFFER_BYTES;
    const likely = size <= GATHER_BUFFER_BYTES && size > (more ? 0 : SMALL_BUFFER_BYTES);
    if (!likely || (!gathers && gather.scarce)) {
      this.#last = this.#giveBack(this.#last);
      return this.#small;
    }
    if (gathers) return this.#last!;
    this.#giveBack(this.#last);
    return this.#last = gather.lend();
  }

  /** For `remaining` bytes of a payload: two buffers in turns, one is filled while storage writes the other. */
  forPayload(remaining: number): Buffer {
    const { gather, stream } = this.#pools;
    this.#giveBack(this.#earlier);
    this.#earlier = this.#last;
    return this.#last = (remaining > GATHER_BUFFER_BYTES ? stream : gather).lend();
  }

  /**
   * For all `size` bytes of a payload, with those that are here already at its start: behind its
   * header if there is room, else in a copy.
   */
  forWhole(begun: Uint8Array, size: number): Uint8Array {
    const end = begun.byteOffset + size;
    if (begun.buffer === this.#last?.buffer && end <= GATHER_BUFFER_BYTES) {
      return this.#last.subarray(begun.byteOffset, end);
    }
    this.#giveBack(this.#copy);
    this.#copy = this.#pools.gather.lend();
    this.#copy.set(begun);
    return this.#copy.subarray(0, size);
  }

  /** Gives all back. @param busy The kernel may still write into one: they are left to the collector. */
  release(busy: boolean): void {
    this.#giveBack(this.#earlier);
    for (const buffer of [this.#last, this.#copy, this.#small]) {
      if (busy && buffer !== undefined) this.#poolOf(buffer).lose();
      else this.#giveBack(buffer);
    }
  }

  #giveBack(buffer: Buffer | undefined): undefined {
    if (buffer !== undefined) this.#poolOf(buffer).giveBack(buffer);
  }

  /** The pool of all buffers that are as large as this one. */
  #poolOf({ length }: Buffer): BufferPool {
    const { small, gather, stream } = this.#pools;
    return length === SMALL_BUFFER_BYTES ? small : length === GATHER_BUFFER_BYTES ? gather : stream;
  }
}
