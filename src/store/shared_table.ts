/**
 * Sessions as bytes in memory that threads share. The table knows nothing of records: a session is its key,
 * its version, whether it has ended, a text, and a list of replies from which the oldest go first.
 *
 * Each method is one step for all threads, because it holds the lock of the heap. A session is a block of
 * words (`AT`), its text a second block, its replies a third (shared_replies.ts).
 *
 * @module
 */
import { SharedHeap, USER_WORDS } from "./shared_heap.ts";
import {
  AT,
  SESSION_BYTES,
  type SessionChange,
  type SessionKey,
  SharedReplies,
} from "./shared_replies.ts";

/** A session as it is copied out of the table. */
export interface SessionBytes {
  readonly text: Uint8Array;
  /** Each with its length in front. */
  readonly replies: Uint8Array;
}

/** How many sessions there are in all tables, in memory that threads share: at `LIVE`, and at `ENDED`. */
export type SessionCounts = Int32Array<SharedArrayBuffer>;
export const LIVE = 0;
export const ENDED = 1;

/** Chains of sessions whose keys have the same hash. */
export const CHAINS = 256;

/** Words of the table: the chains, and the sessions that have ended, in the order in which they did. */
const FIRST_ENDED = USER_WORDS;
const LAST_ENDED = FIRST_ENDED + 1;
const ENDED_HERE = FIRST_ENDED + 2;
const CHAIN = FIRST_ENDED + 3;
const WORDS = 3 + CHAINS;

/** The addresses of a session, its text and its replies; 0 for none. */
interface Blocks {
  readonly session: number;
  readonly text: number;
  readonly replies: number;
}

/** One thread's view of a table. */
export class SharedTable {
  readonly #heap: SharedHeap;
  readonly #replies: SharedReplies;
  readonly #counts: SessionCounts;
  readonly #maxEnded: number;

  /** @param maxEnded How many ended sessions are kept; beyond that the one that ended first is forgotten. */
  constructor(buffer: SharedArrayBuffer, counts: SessionCounts, maxEnded: number) {
    this.#heap = new SharedHeap(buffer, WORDS);
    this.#replies = new SharedReplies(this.#heap);
    this.#counts = counts;
    this.#maxEnded = maxEnded;
  }

  /** The session, copied; undefined if there is none. */
  load(key: SessionKey): SessionBytes | undefined {
    return this.#heap.locked(() => {
      const at = this.#find(key);
      return at === 0 ? undefined : this.#copy(at);
    });
  }

  /** The sessions of one chain, copied. A session never changes its chain. @param chain 0 to CHAINS - 1. */
  chain(chain: number, liveOnly: boolean): SessionBytes[] {
    const { words } = this.#heap;
    if (Atomics.load(words, CHAIN + chain) === 0) return [];
    return this.#heap.locked(() => {
      const found: SessionBytes[] = [];
      for (let at = words[CHAIN + chain]!; at !== 0; at = words[at + AT.next]!) {
        if (!liveOnly || words[at + AT.ended] === 0) found.push(this.#copy(at));
      }
      return found;
    });
  }

  /**
   * Stores the change if the stored version is one less.
   *
   * @param maxLive A new session is stored only while fewer than so many live.
   * @throws {FxferError} `store_unavailable` if the memory is full; nothing has changed.
   */
  save(change: SessionChange, maxLive: number): boolean {
    const { key, version, hasEnded } = change;
    return this.#heap.locked(() => {
      const { words } = this.#heap;
      let at = this.#find(key);
      // Compared as words: a version of more than 32 bits is told from its neighbours all the same.
      if ((at === 0 ? 0 : words[at + AT.version]) !== ((version - 1) | 0)) return false;
      if (at === 0 && version !== 1) return false;
      const isNew = at === 0;
      const blocks = this.#takeBlocks(at, change);
      if (isNew && !this.#admit(maxLive)) {
        for (const block of Object.values(blocks)) this.#heap.give(block);
        return false;
      }
      if (isNew) at = this.#insert(blocks.session, key);
      words[at + AT.version] = version | 0;
      this.#putText(at, blocks.text, change.text);
      this.#replies.put(at, blocks.replies, change);
      if (hasEnded !== (words[at + AT.ended] === 1)) this.#setEnded(at, hasEnded);
      return true;
    });
  }

  /** Forgets a session; absent is fine. */
  delete(key: SessionKey): void {
    this.#heap.locked(() => {
      const at = this.#find(key);
      if (at !== 0) this.#remove(at);
    });
  }

  /** The place of a session, as a number of words; 0 if there is none. */
  #find([a, b, c, d]: SessionKey): number {
    const { words } = this.#heap;
    let at = words[CHAIN + chainOf(a, b, c, d)]!;
    while (at !== 0) {
      const key = at + AT.key;
      if (
        words[key] === a && words[key + 1] === b && words[key + 2] === c && words[key + 3] === d
      ) return at;
      at = words[at + AT.next]!;
    }
    return 0;
  }

  #copy(at: number): SessionBytes {
    const { words, bytes } = this.#heap;
    const text = words[at + AT.text]!;
    const replies = words[at + AT.replies]!;
    return {
      text: bytes.slice(text, text + words[at + AT.textLength]!),
      replies: bytes.slice(
        replies + words[at + AT.repliesStart]!,
        replies + words[at + AT.repliesEnd]!,
      ),
    };
  }

  /** Counts one more that lives, if there may be one more. */
  #admit(maxLive: number): boolean {
    for (let live = Atomics.load(this.#counts, LIVE); live < maxLive;) {
      const found = Atomics.compareExchange(this.#counts, LIVE, live, live + 1);
      if (found === live) return true;
      live = found; // another table has got one: look again
    }
    return false;
  }

  /**
   * The blocks for what a change stores: those that the session has, or new ones where these are too small.
   * Nothing else has changed, so that a change for which the memory does not suffice is not made at all.
   */
  #takeBlocks(at: number, change: SessionChange): Blocks {
    const { text, added } = change;
    const heap = this.#heap;
    const { words } = heap;
    const taken: number[] = [];
    const take = (size: number) => {
      taken.push(heap.take(size));
      return taken.at(-1)!;
    };
    try {
      if (at === 0) {
        const replies = added.length === 0 ? 0 : take(2 * added.length);
        return { session: take(SESSION_BYTES), text: take(text.length), replies };
      }
      const known = words[at + AT.text]!;
      const size = this.#replies.sizeOfNew(at, change);
      return {
        session: at << 2,
        text: heap.roomOf(known) < text.length ? take(text.length) : known,
        replies: size > 0 ? take(size) : words[at + AT.replies]!,
      };
    } catch (error) {
      for (const block of taken) heap.give(block);
      throw error;
    }
  }

  #insert(session: number, key: SessionKey): number {
    const { words } = this.#heap;
    const at = session >> 2;
    words.fill(0, at, at + SESSION_BYTES / 4);
    words.set(key, at + AT.key);
    const chain = CHAIN + chainOf(...key);
    words[at + AT.next] = words[chain]!;
    Atomics.store(words, chain, at);
    return at;
  }

  #putText(at: number, block: number, text: Uint8Array): void {
    const { words, bytes } = this.#heap;
    const known = words[at + AT.text]!;
    if (block !== known) this.#heap.give(known);
    bytes.set(text, block);
    words[at + AT.text] = block;
    words[at + AT.textLength] = text.length;
  }

  #setEnded(at: number, ended: boolean): void {
    const { words } = this.#heap;
    words[at + AT.ended] = Number(ended);
    Atomics.add(this.#counts, LIVE, ended ? -1 : 1);
    Atomics.add(this.#counts, ENDED, ended ? 1 : -1);
    words[ENDED_HERE]! += ended ? 1 : -1;
    if (!ended) return this.#unlinkEnded(at);
    const last = words[LAST_ENDED]!;
    words[at + AT.endedBefore] = last;
    words[at + AT.endedAfter] = 0;
    words[last === 0 ? FIRST_ENDED : last + AT.endedAfter] = at;
    words[LAST_ENDED] = at;
    if (words[ENDED_HERE]! > this.#maxEnded) this.#remove(words[FIRST_ENDED]!);
  }

  #unlinkEnded(at: number): void {
    const { words } = this.#heap;
    const [before, after] = [words[at + AT.endedBefore]!, words[at + AT.endedAfter]!];
    words[before === 0 ? FIRST_ENDED : before + AT.endedAfter] = after;
    words[after === 0 ? LAST_ENDED : after + AT.endedBefore] = before;
  }

  #remove(at: number): void {
    const { words } = this.#heap;
    if (words[at + AT.ended] === 1) {
      this.#unlinkEnded(at);
      words[ENDED_HERE]!--;
      Atomics.sub(this.#counts, ENDED, 1);
    } else Atomics.sub(this.#counts, LIVE, 1);
    const key = at + AT.key;
    const first = CHAIN + chainOf(words[key]!, words[key + 1]!, words[key + 2]!, words[key + 3]!);
    const next = words[at + AT.next]!;
    if (words[first] === at) Atomics.store(words, first, next);
    else {
      let before = words[first]!;
      while (words[before + AT.next] !== at) before = words[before + AT.next]!;
      words[before + AT.next] = next;
    }
    this.#heap.give(words[at + AT.text]!);
    this.#heap.give(words[at + AT.replies]!);
    this.#heap.give(at << 2);
  }
}

/** Mixes all words, so that ids of which only a few digits differ are spread as well. */
function chainOf(a: number, b: number, c: number, d: number): number {
  const mixed = Math.imul(a ^ d, 0x9e3779b1) ^ Math.imul(b ^ c, 0x85ebca6b);
  return (mixed >>> 16 ^ mixed) & (CHAINS - 1);
}
