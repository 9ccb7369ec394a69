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
 * The price is that records are bytes here, and a heap and a table had to be written (shared_heap.ts,
 * shared_table.ts). Announcements of takeovers go from thread to thread as messages, which the user of the store
 * carries. A thread that was stopped in the middle of a change would leave a lock behind: nothing in a change
 * throws or waits, and threads are stopped from outside only when the process ends. If it happens all the same,
 * the store says `store_unavailable`, and does not guess.
 *
 * ## A file is published once
 *
 * Another worker may take a session over while this one publishes a file of it. Stores outside of the process
 * are saved an intent for that, or a journal is written. Here the worker holds the session (`hold`) in the step
 * that publishes: the attach of the other one waits until the save. Nothing is awaited from the one to the
 * other, so the time is that of some system calls, and a thread that fails ends before or after them. A file of
 * a user with a quota has an intent, because the main thread is asked in between.
 *
 * @module
 */
import { FxferError } from "../errors.ts";
import type { SessionRecord } from "../session/mod.ts";
import { SharedClock } from "./shared_clock.ts";
import { reserveHeap } from "./shared_heap.ts";
import { keyOf, recordOf, RecordWriter } from "./shared_records.ts";
import type { SessionKey } from "./shared_replies.ts";
import { CHAINS, ENDED, LIVE, type SessionCounts, SharedTable, VIEWS } from "./shared_table.ts";
import { StoredRings } from "./stored_rings.ts";
import { TakeoverListeners } from "./takeover_listeners.ts";
import type { SessionStore, StoreStats, TakeoverListener, TakeoverWatch } from "./types.ts";

/** How many tables there are, each with a lock of its own. */
const TABLES = 16;

/** Sessions that `list` reads before other work gets a turn. */
const PAGE = 256;

/** For how long a save waits for the holder of a session at most, and from look to look, in milliseconds. */
const HELD_MS = 2000;
const LOOK_MS = 1;

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
    counts: new Int32Array(new SharedArrayBuffer(12)),
    time: new BigInt64Array(new SharedArrayBuffer(8)),
  };
}

/** What {@linkcode SharedSessionStore} takes. */
export interface SharedSessionStoreOptions {
  /** Whether intents are saved (S-SEQ-5), as for a store outside of the process. @default {false} */
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
  readonly #writer = new RecordWriter();
  readonly #listeners = new TakeoverListeners();
  /** The sessions that this view holds. */
  readonly #held = new Set<string>();
  #disposed = false;

  constructor(memory: SharedSessions, options: SharedSessionStoreOptions = {}) {
    const { persistent = false, tell = () => {}, maxEnded = 10_000 } = options;
    const { tables, counts, time } = memory;
    this.persistent = persistent;
    const most = Math.ceil(maxEnded / tables.length);
    const view = Atomics.add(counts, VIEWS, 1) + 1;
    this.#tables = tables.map((buffer) => new SharedTable(buffer, counts, most, view));
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

  /**
   * Compares the version, and for a new record the limit, and stores. Nothing is awaited in between, unless another
   * thread holds the session.
   */
  async save(record: SessionRecord, maxLive: number = Infinity): Promise<boolean> {
    const key = keyOf(record.id);
    if (key === undefined) throw new TypeError("Cannot save session: its id must be a UUID");
    for (let waited = 0;; waited += LOOK_MS) {
      const saved = this.#save(record, key, maxLive);
      if (saved !== undefined) return saved;
      if (waited > HELD_MS) throw heldTooLong();
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
  }

  #save(record: SessionRecord, key: SessionKey, maxLive: number): boolean | undefined {
    this.#mustBeOpen();
    const { id, version, epoch, endedAt } = record;
    const { kept, added } = this.#rings.change(record);
    const bytes = this.#writer.write({ ...record, ring: [] }, added);
    const change = { key, version, epoch, hasEnded: endedAt !== null, kept, ...bytes };
    const saved = this.#tableOf(key).save(change, maxLive);
    if (saved !== true) return saved;
    this.#rings.note(record);
    this.#held.delete(id);
    return true;
  }

  /** Keeps the saves of other threads waiting until this one saves the session, or lets it go. */
  hold(id: string, epoch: number): boolean {
    this.#mustBeOpen();
    const key = keyOf(id);
    if (key === undefined || !this.#tableOf(key).hold(key, epoch)) return false;
    this.#held.add(id);
    return true;
  }

  /** Ends `hold`, if no save did. */
  letGo(id: string): void {
    if (!this.#held.delete(id)) return;
    const key = keyOf(id)!;
    this.#tableOf(key).letGo(key);
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
    this.#listeners.tell(id, epoch);
  }

  /** Calls `listener` for each announcement until disposed of. */
  watch(listener: TakeoverListener): TakeoverWatch {
    return this.#listeners.add(listener);
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

function heldTooLong(): FxferError {
  const text = "Cannot save session: a worker that stores a file of it has died, or stands still";
  const cause = new Error(`the session was held for ${HELD_MS} ms`);
  return new FxferError("store_unavailable", text, { cause });
}
