/**
 * Memory that the threads of one process share: a lock, a few words for whoever uses the heap, and blocks of
 * bytes that are taken and given back.
 *
 * Sizes of blocks are powers of two, and each size has a list of the blocks that are free. So taking and giving
 * back are a few steps, and what was used at its peak is at most doubled by blocks of the wrong size.
 *
 * @module
 */
import { FxferError } from "../errors.ts";

/** Words of the heap itself, before those of its user: the lock, the end of the blocks, the free ones by size. */
const LOCK = 0;
const END = 1;
const FREE = 2;

/** The first word of the heap's user. */
export const USER_WORDS = 34;

/** What the lock says: nobody has it, one thread has it, and one has it while others wait. */
const OPEN = 0;
const HELD = 1;
const AWAITED = 2;

/**
 * A thread that holds the lock for longer than this, in milliseconds, has died in the middle of a change,
 * which takes some microseconds.
 */
const WAIT_MS = 2000;

/** The smallest block, as a power of two: 128 bytes. */
const SMALLEST = 7;

/** A heap grows up to this, in bytes. Only what is used takes memory of the machine. */
const MAX_BYTES = 2 ** 30;
const FIRST_BYTES = 2 ** 16;

/** The memory of a new heap. */
export function reserveHeap(): SharedArrayBuffer {
  return new SharedArrayBuffer(FIRST_BYTES, { maxByteLength: MAX_BYTES });
}

/** One thread's view of a heap. An address counts bytes; 0 is the address of no block. */
export class SharedHeap {
  readonly words: Int32Array<SharedArrayBuffer>;
  readonly bytes: Uint8Array<SharedArrayBuffer>;
  readonly #buffer: SharedArrayBuffer;
  /** The address of the first block. */
  readonly #first: number;

  /**
   * @param buffer Made by {@linkcode reserveHeap}, or sent here by another thread.
   * @param userWords How many words the user has, from `USER_WORDS` on: the same in all threads.
   */
  constructor(buffer: SharedArrayBuffer, userWords: number) {
    this.#buffer = buffer;
    this.words = new Int32Array(buffer);
    this.bytes = new Uint8Array(buffer);
    this.#first = 4 * (USER_WORDS + userWords);
  }

  /**
   * Runs `work` while no other thread runs its own. It must be short, and must not wait.
   *
   * @throws {FxferError} `store_unavailable` if another thread has died in the middle of its work.
   */
  locked<T>(work: () => T): T {
    const { words } = this;
    if (Atomics.compareExchange(words, LOCK, OPEN, HELD) !== OPEN) this.#wait();
    try {
      return work();
    } finally {
      if (Atomics.exchange(words, LOCK, OPEN) === AWAITED) Atomics.notify(words, LOCK, 1);
    }
  }

  #wait(): void {
    const { words } = this;
    while (Atomics.exchange(words, LOCK, AWAITED) !== OPEN) {
      if (Atomics.wait(words, LOCK, AWAITED, WAIT_MS) === "timed-out") {
        const text = "Cannot read sessions: a worker has died while it changed them, restart the " +
          "server";
        const cause = new Error(`the lock was held for ${WAIT_MS} ms`);
        throw new FxferError("store_unavailable", text, { cause });
      }
    }
  }

  /**
   * The address of a block with room for `size` bytes, at a multiple of 4. What stands in it is left over.
   *
   * @throws {FxferError} `store_unavailable` if the memory is full.
   */
  take(size: number): number {
    const { words } = this;
    const kind = Math.max(SMALLEST, 32 - Math.clz32(size + 3));
    const free = words[FREE + kind]!;
    if (free !== 0) {
      words[FREE + kind] = words[free >> 2]!;
      return free;
    }
    const at = Math.max(words[END]!, this.#first);
    const end = at + 2 ** kind;
    this.#grow(end);
    words[END] = end;
    words[at >> 2] = kind;
    return at + 4;
  }

  #grow(end: number): void {
    const { byteLength, maxByteLength } = this.#buffer;
    if (end <= byteLength) return;
    try {
      this.#buffer.grow(Math.max(end, Math.min(maxByteLength, 2 * byteLength)));
    } catch (cause) {
      const text = "Cannot save session: the memory for sessions is full";
      throw new FxferError("store_unavailable", text, { cause });
    }
  }

  /** How many bytes a block has room for. */
  roomOf(block: number): number {
    return block === 0 ? 0 : 2 ** this.words[(block >> 2) - 1]! - 4;
  }

  /** Gives a block back. */
  give(block: number): void {
    if (block === 0) return;
    const { words } = this;
    const list = FREE + words[(block >> 2) - 1]!;
    words[block >> 2] = words[list]!;
    words[list] = block;
  }
}
