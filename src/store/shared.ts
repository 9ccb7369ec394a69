/**
 * Sessions in memory that the threads of one process share: what several workers have in place of the memory
 * store. They end with the process, as there; a worker that dies loses none.
 *
 * ## Why shared memory
 *
 * A connection is with the worker that the system gave it to, and Deno cannot hand it to another one. So the
 * sessions must be where every worker reaches them. Three ways were compared:
 *
 * - One thread owns the sessions, and the others ask it by messages. Where one frame is on the way, a save waits
 *   25 to 38 µs for its answer, and takes 10 to 15 µs of the owner and as much of the asker; with sixteen on the
 *   way it is 6 µs of each. So the owner has more to do than it can from about ten workers on.
 * - A worker hands the bytes of a connection on to the worker that has the session. Then every byte is read and
 *   written twice, and a session ends with its worker.
 * - All threads see the memory. A save takes 3 µs of its own worker, and waits for nobody but whoever has the
 *   lock, for 0.7 µs. There are sixteen locks, by the id of the session.
 *
 * `tests/bench/shared_sessions.ts` measures this, and simulates workers that need 60 µs for the rest of a file,
 * each on a core of its own. Thousands of files a second:
 *
 *     workers                                      1    2    4    8   16   32
 *     one thread is asked                         15   30   61  121  167  167
 *     shared memory                               16   32   63  127  254  508
 *     … where all read the whole list of files    16   31   59  110  192  305
 *
 * The last line is the limit that is left: in tier RW each worker reads the lines that the others write into
 * `commits.jsonl`, at 1.4 µs a line.
 *
 * These 60 µs are half as much again as one worker without others needs: as with a store outside of the process,
 * what a worker is about to publish must be found by another one that takes the session over at that moment.
 * A worker that looked at its epoch before it publishes, and nothing else, would store a file twice: the test of
 * a frame that comes again through the other worker finds that within a second.
 *
 * The price is that records are bytes here, and a heap and a table had to be written (shared_heap.ts,
 * shared_table.ts). Announcements of takeovers go from thread to thread as messages, which the user of the store
 * carries. A thread that was stopped in the middle of a change would leave a lock behind: nothing in a change
 * throws or waits, and threads are stopped from outside only when the process ends. If it happens all the same,
 * the store says `store_unavailable`, and does not guess.
 *
 * @module
 */
import type { SessionRecord } from "../session/mod.ts";
import { SharedClock } from "./shared_clock.ts";
import { reserveHeap } from "./shared_heap.ts";
import { padded, type SessionKey } from "./shared_replies.ts";
import {
  CHAINS,
  ENDED,
  LIVE,
  type SessionBytes,
  type SessionCounts,
  SharedTable,
} from "./shared_table.ts";
import { StoredRings } from "./stored_rings.ts";
import type { SessionStore, StoreStats, TakeoverListener, TakeoverWatch } from "./types.ts";

/** How many tables there are, each with a lock of its own. */
const TABLES = 16;

/** Sessions that `list` reads before other work gets a turn. */
const PAGE = 256;

/** The memory of the sessions. It can be sent to other threads as it is. */
export interface SharedSessions {
  readonly tables: readonly SharedArrayBuffer[];
  readonly counts: SessionCounts;
  readonly time: BigInt64Array<SharedArrayBuffer>;
}

/** Makes the memory for sessions. It takes little of the machine's memory until there are some. */
export function createSharedSessions(): SharedSessions {
  return {
    tables: Array.from({ length: TABLES }, reserveHeap),
    counts: new Int32Array(new SharedArrayBuffer(8)),
    time: new BigInt64Array(new SharedArrayBuffer(8)),
  };
}

/** What {@linkcode SharedSessionStore} takes. */
export interface SharedSessionStoreOptions {
  /**
   * Whether other threads go on with a session that this one has begun to work at: true for workers. Then a
   * file that is being published must be found by whoever takes the session over meanwhile (S-SEQ-5).
   * @default {false}
   */
  readonly persistent?: boolean;
  /** Sends word of a takeover to the stores of all other threads; they call `hear`. @default nobody hears */
  readonly tell?: (id: string, epoch: number) => void;
  /** How many tombstones are kept, about. @default {10_000} */
  readonly maxEnded?: number;
}

/** Keeps session records in shared memory: one thread's view of them. */
export class SharedSessionStore implements SessionStore {
  /** `memory`. */
  readonly kind = "memory";
  readonly persistent: boolean;
  readonly #tables: readonly SharedTable[];
  readonly #counts: SessionCounts;
  readonly #clock: SharedClock;
  readonly #tell: (id: string, epoch: number) => void;
  readonly #rings = new StoredRings();
  readonly #writer = new Writer();
  readonly #listeners = new Set<TakeoverListener>();
  #disposed = false;

  constructor(memory: SharedSessions, options: SharedSessionStoreOptions = {}) {
    const { persistent = false, tell = () => {}, maxEnded = 10_000 } = options;
    const { tables, counts, time } = memory;
    this.persistent = persistent;
    const most = Math.ceil(maxEnded / tables.length);
    this.#tables = tables.map((buffer) => new SharedTable(buffer, counts, most));
    this.#counts = counts;
    this.#clock = new SharedClock(time);
    this.#tell = tell;
  }

  /** The record with this id, of a live session or a tombstone. */
  // deno-lint-ignore require-await -- a throw must become a rejection
  async load(id: string): Promise<SessionRecord | undefined> {
    this.#mustBeOpen();
    const key = keyOf(id);
    const found = key && this.#tableOf(key).load(key);
    if (found === undefined) return undefined;
    const record = recordOf(found);
    this.#rings.note(record);
    return record;
  }

  /** Compares the version, and for a new record the limit, and stores. Nothing is awaited in between. */
  // deno-lint-ignore require-await -- as in load
  async save(record: SessionRecord, maxLive: number = Infinity): Promise<boolean> {
    this.#mustBeOpen();
    const { id, version, endedAt } = record;
    const key = keyOf(id);
    if (key === undefined) throw new TypeError("Cannot save session: its id must be a UUID");
    const { kept, added } = this.#rings.change(record);
    const bytes = this.#writer.write({ ...record, ring: [] }, added);
    const change = { key, version, hasEnded: endedAt !== null, kept, ...bytes };
    if (!this.#tableOf(key).save(change, maxLive)) return false;
    this.#rings.note(record);
    return true;
  }

  /** Removes a record. */
  // deno-lint-ignore require-await -- as in load
  async delete(id: string): Promise<void> {
    this.#mustBeOpen();
    const key = keyOf(id);
    if (key !== undefined) this.#tableOf(key).delete(key);
  }

  /** Yields every record; one that is added meanwhile may show or not. */
  async *list(scope: "all" | "live" = "all"): AsyncIterable<SessionRecord> {
    let read = 0;
    for (const table of this.#tables) {
      for (let chain = 0; chain < CHAINS; chain++) {
        this.#mustBeOpen();
        for (const found of table.chain(chain, scope === "live")) {
          yield recordOf(found);
          if (++read % PAGE === 0) await new Promise((resolve) => setTimeout(resolve));
        }
      }
    }
  }

  /** Counts the saved records: an expired session counts as live until it is saved as expired. */
  // deno-lint-ignore require-await -- as in load
  async stats(): Promise<StoreStats> {
    this.#mustBeOpen();
    return { live: Atomics.load(this.#counts, LIVE), ended: Atomics.load(this.#counts, ENDED) };
  }

  /** The time that all threads share. */
  // deno-lint-ignore require-await -- as in load
  async now(): Promise<number> {
    this.#mustBeOpen();
    return this.#clock.now();
  }

  /** Tells those who watch, here at once, and in other threads as fast as a message goes there. */
  // deno-lint-ignore require-await -- as in load
  async announce(id: string, epoch: number): Promise<void> {
    this.#mustBeOpen();
    this.#tell(id, epoch);
    this.hear(id, epoch);
  }

  /** Tells those who watch here of a takeover that was announced in another thread. */
  hear(id: string, epoch: number): void {
    for (const listener of this.#listeners) listener(id, epoch);
  }

  /** Calls `listener` for each announcement until disposed of. */
  watch(listener: TakeoverListener): TakeoverWatch {
    this.#listeners.add(listener);
    return {
      [Symbol.asyncDispose]: () => {
        this.#listeners.delete(listener);
        return Promise.resolve();
      },
    };
  }

  /** Lets go of the memory, which stays as it is for others. */
  // deno-lint-ignore require-await -- as in load
  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed = true;
    this.#clock[Symbol.dispose]();
  }

  #tableOf([first]: SessionKey): SharedTable {
    return this.#tables[first & (TABLES - 1)]!;
  }

  #mustBeOpen(): void {
    if (this.#disposed) throw new TypeError("Cannot use session store: it is closed");
  }
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** The id as words; undefined for a text that is no id of a session. */
function keyOf(id: string): SessionKey | undefined {
  if (!UUID.test(id)) return undefined;
  const word = (hex: string) => parseInt(hex, 16) | 0;
  return [
    word(id.slice(0, 8)),
    word(id.slice(9, 13) + id.slice(14, 18)),
    word(id.slice(19, 23) + id.slice(24, 28)),
    word(id.slice(28)),
  ];
}

/** A save needs no more memory than this, in bytes, but for one that is unusually large. */
const USUAL_BYTES = 256 * 1024;

/** Writes records as bytes, into memory that each save uses again. */
class Writer {
  readonly #encoder = new TextEncoder();
  #usual = new Uint8Array(4096);

  /** The views are valid until the next call. */
  write(
    record: SessionRecord,
    replies: SessionRecord["ring"],
  ): { readonly text: Uint8Array; readonly added: Uint8Array; readonly addedCount: number } {
    const texts = [JSON.stringify(record), ...replies.map((reply) => JSON.stringify(reply))];
    // Three bytes for each unit of a text at most, its length, and up to the next multiple of 4.
    const room = texts.reduce((sum, { length }) => sum + 3 * length + 8, 0);
    const bytes = room <= this.#usual.length ? this.#usual : new Uint8Array(padded(2 * room));
    if (bytes.length <= USUAL_BYTES) this.#usual = bytes;
    const words = new Int32Array(bytes.buffer);
    const { written: first } = this.#encoder.encodeInto(texts[0]!, bytes);
    const from = padded(first);
    let to = from;
    for (const text of texts.slice(1)) {
      const { written } = this.#encoder.encodeInto(text, bytes.subarray(to + 4));
      words[to >> 2] = written;
      to += 4 + padded(written);
    }
    return {
      text: bytes.subarray(0, first),
      added: bytes.subarray(from, to),
      addedCount: replies.length,
    };
  }
}

const decoder = new TextDecoder();

function recordOf({ text, replies }: SessionBytes): SessionRecord {
  const record = JSON.parse(decoder.decode(text));
  const words = new Int32Array(replies.buffer);
  for (let at = 0; at < replies.length;) {
    const length = words[at >> 2]!;
    record.ring.push(JSON.parse(decoder.decode(replies.subarray(at + 4, at + 4 + length))));
    at += 4 + padded(length);
  }
  return record;
}
