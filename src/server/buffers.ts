/**
 * Read buffers. An idle connection owns a small one only; the larger kinds are lent while a payload
 * or a burst of pipelined frames is coming in. Measured: reading into a reused large buffer is
 * several times as fast as into a fresh one each time.
 *
 * @module
 */

/** An idle connection has one buffer of this size: a header and a file of 1 KiB fit into it. */
export const SMALL_BUFFER_BYTES = 2048;

/** A file up to this size is gathered in memory and stored in one step. */
export const GATHER_BUFFER_BYTES: number = 128 * 1024;

/** Large payloads go through buffers of this size. */
const STREAM_BUFFER_BYTES = 512 * 1024;

/** A file that comes alone, or with one other, goes through larger ones: they save it 4 % of the time. */
const LARGE_BUFFER_BYTES = 1024 * 1024;

/** A reused piece of memory. */
export type Buffer = Uint8Array<ArrayBuffer>;

/** The replies to the heads in a small buffer, if there are several of them, take up to this many bytes. */
const REPLY_BUFFER_BYTES = 4096;

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

  /** Whether as many are lent as are kept: then a connection does with a smaller one. */
  get scarce(): boolean {
    return this.#lent >= this.#keep;
  }

  /** A buffer with undefined content. */
  lend(): Buffer {
    this.#lent++;
    return this.#free.pop() ?? new Uint8Array(this.#bytes);
  }

  /** Forgets a lent buffer, which is never used again because the kernel may still write into it. */
  forget(): void {
    this.#lent--;
  }

  /** Takes a buffer back; the caller must not touch it again. */
  giveBack(buffer: Buffer): void {
    this.#lent--;
    if (this.#free.length < this.#keep) this.#free.push(buffer);
  }
}

/** The pools of one server: 512 KiB of small and of reply, 16 MiB of gather, 8 MiB of larger buffers are kept. */
export class BufferPools {
  readonly small: BufferPool = new BufferPool(SMALL_BUFFER_BYTES, 256);
  readonly reply: BufferPool = new BufferPool(REPLY_BUFFER_BYTES, 128);
  readonly gather: BufferPool = new BufferPool(GATHER_BUFFER_BYTES, 128);
  readonly stream: BufferPool = new BufferPool(STREAM_BUFFER_BYTES, 12);
  readonly large: BufferPool = new BufferPool(LARGE_BUFFER_BYTES, 2);

  /** A buffer for replies that has room for so many bytes. */
  lend(bytes: number): Buffer {
    if (bytes <= REPLY_BUFFER_BYTES) return this.reply.lend();
    const fits = bytes <= GATHER_BUFFER_BYTES && !this.gather.scarce;
    return fits ? this.gather.lend() : new Uint8Array(bytes);
  }

  /** Takes back any buffer that was lent; one of another size is left to the collector. */
  giveBack(buffer: Buffer): void {
    this.of(buffer)?.giveBack(buffer);
  }

  /** The pool of all buffers that are as large as this one. */
  of({ length }: Buffer): BufferPool | undefined {
    switch (length) {
      case SMALL_BUFFER_BYTES:
        return this.small;
      case REPLY_BUFFER_BYTES:
        return this.reply;
      case GATHER_BUFFER_BYTES:
        return this.gather;
      case STREAM_BUFFER_BYTES:
        return this.stream;
      case LARGE_BUFFER_BYTES:
        return this.large;
    }
    return undefined;
  }
}

/** The buffers of one connection: chooses the buffer for each read, and knows which are still in use. */
export class ReadBuffers {
  readonly #pools: BufferPools;
  readonly #small: Buffer;
  /** The buffer of the last read, unless that is the small one. */
  #last: Buffer | undefined;
  /** The buffer of the read before: its bytes may still be on their way to the disk. */
  #earlier: Buffer | undefined;

  constructor(pools: BufferPools) {
    this.#pools = pools;
    this.#small = pools.small.lend();
  }

  /**
   * The buffer for a header. Between frames no bytes of earlier reads are in use.
   *
   * @param size Of the last payload: a file that was gathered is likely to be followed by another,
   * and then one read gets all of it.
   * @param more Whether the last read filled a small buffer, or would have: as much may be waiting, and one read
   * and one write for all of it take a tenth of the time of a small file. Of frames without a payload,
   * which cost their sender nothing, only little is read at a time (S-FAIR-1).
   */
  forHead(size: number, more: boolean): Buffer {
    const { gather } = this.#pools;
    this.#earlier = this.#giveBack(this.#earlier);
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

  /**
   * The buffer for the next of `remaining` payload bytes: storage may still write the one before it. A thousand
   * payloads that stand still must not keep a large buffer each (S-FAIR-2).
   */
  forPayload(remaining: number): Buffer {
    this.#giveBack(this.#earlier);
    this.#earlier = this.#last;
    return this.#last = this.#poolFor(remaining).lend();
  }

  #poolFor(remaining: number): BufferPool {
    const { reply, gather, stream, large } = this.#pools;
    if (remaining > STREAM_BUFFER_BYTES && !large.scarce) return large;
    if (remaining > GATHER_BUFFER_BYTES && !stream.scarce) return stream;
    return gather.scarce ? reply : gather;
  }

  /** Whether there is room for a whole payload of `size` bytes. */
  canGather(size: number): boolean {
    return size <= GATHER_BUFFER_BYTES && !this.#pools.gather.scarce;
  }

  /**
   * Room for all `size` bytes of a payload, and for what comes behind it. It begins with the bytes that are here
   * already: they stay behind their header if the rest fits there too, and are copied into another buffer if not.
   */
  forWhole(begun: Uint8Array, size: number): Uint8Array {
    const last = this.#last;
    const { byteOffset: start } = begun;
    if (begun.buffer === last?.buffer && start + size <= GATHER_BUFFER_BYTES) {
      return last.subarray(start, GATHER_BUFFER_BYTES);
    }
    const next = this.#pools.gather.lend();
    next.set(begun);
    this.#giveBack(last); // the frames before this one are over
    return this.#last = next;
  }

  /** Gives all back. @param busy The kernel may still write into one: they are left to the collector. */
  release(busy: boolean): void {
    this.#giveBack(this.#earlier);
    for (const buffer of [this.#last, this.#small]) {
      if (busy && buffer !== undefined) this.#pools.of(buffer)?.forget();
      else this.#giveBack(buffer);
    }
  }

  #giveBack(buffer: Buffer | undefined): undefined {
    if (buffer !== undefined) this.#pools.giveBack(buffer);
  }
}
