/**
 * The words that describe a session in shared memory, and its replies: a block of bytes from which the oldest go
 * first. Each reply has its length in front, and stands at a multiple of 4 bytes.
 *
 * @module
 */
import type { SharedHeap } from "./shared_heap.ts";

/** The id of a session as four words. */
export type SessionKey = readonly [number, number, number, number];

/** What a table stores. The views may be reused afterwards. */
export interface SessionChange {
  readonly key: SessionKey;
  /** 1 for a new session. */
  readonly version: number;
  readonly hasEnded: boolean;
  readonly text: Uint8Array;
  /** How many of the stored replies stay: the last ones. */
  readonly kept: number;
  /** The replies that follow, each with its length in front. */
  readonly added: Uint8Array;
  readonly addedCount: number;
}

/** Where the words of a session are in its block. */
export const AT = {
  next: 0,
  key: 1,
  version: 5,
  /** Whether it has ended: 1, or 0. */
  ended: 6,
  endedBefore: 7,
  endedAfter: 8,
  text: 9,
  textLength: 10,
  replies: 11,
  repliesStart: 12,
  repliesEnd: 13,
  repliesCount: 14,
} as const;
export const SESSION_BYTES = 60;

/** A block of replies that is larger than this, and mostly empty, is given back for a smaller one, in bytes. */
const LARGE = 16 * 1024;

/** The number of bytes that `length` bytes take up: the next multiple of 4. */
export const padded = (length: number): number => (length + 3) & ~3;

/** The replies of the sessions of one heap. `at` is where the words of a session are. */
export class SharedReplies {
  readonly #heap: SharedHeap;

  constructor(heap: SharedHeap) {
    this.#heap = heap;
  }

  /** How large a new block must be for what a change keeps and adds; 0 where the one that is there will do. */
  sizeOfNew(at: number, { kept, added }: SessionChange): number {
    const { words } = this.#heap;
    const end = words[at + AT.repliesEnd]!;
    const length = end - this.#startOfKept(at, kept) + added.length;
    const room = this.#heap.roomOf(words[at + AT.replies]!);
    const isSmall = end + added.length > room && 2 * length > room;
    const isLarge = room > LARGE && length < room / 8;
    // Twice what is needed, so that few saves have to move what stands there.
    return isSmall || isLarge ? 2 * length : 0;
  }

  /** Where the last `kept` replies begin in their block. */
  #startOfKept(at: number, kept: number): number {
    const { words } = this.#heap;
    const block = words[at + AT.replies]!;
    let start = words[at + AT.repliesStart]!;
    for (let count = words[at + AT.repliesCount]!; count > kept; count--) {
      start += 4 + padded(words[(block + start) >> 2]!);
    }
    return start;
  }

  /** Puts the change into a block: the one that is there, or a new one. */
  put(at: number, block: number, { kept, added, addedCount }: SessionChange): void {
    const { words, bytes } = this.#heap;
    const known = words[at + AT.replies]!;
    let start = this.#startOfKept(at, kept);
    let end = words[at + AT.repliesEnd]!;
    if (block !== known || end + added.length > this.#heap.roomOf(block)) {
      if (end > start) bytes.copyWithin(block, known + start, known + end);
      if (block !== known) this.#heap.give(known);
      [start, end] = [0, end - start];
    }
    bytes.set(added, block + end);
    words[at + AT.replies] = block;
    words[at + AT.repliesStart] = start;
    words[at + AT.repliesEnd] = end + added.length;
    words[at + AT.repliesCount] = kept + addedCount;
  }
}
