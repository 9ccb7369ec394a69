/** Sessions in the memory of this process: the fastest store. Its records end with the process. @module */
import type { SessionRecord } from "../session/mod.ts";
import { TakeoverListeners } from "./takeover_listeners.ts";
import type { SessionStore, StoreStats, TakeoverListener, TakeoverWatch } from "./types.ts";

/** What {@linkcode MemorySessionStore} takes.
 * @category Store */
export interface MemorySessionStoreOptions {
  /**
   * How many tombstones are kept, 0 or more. Beyond that the session that ended first is forgotten, and
   * its id answers `session_unknown` earlier than it would otherwise.
   * @default {10_000}
   */
  readonly maxEnded?: number;
}

/**
 * Keeps session records in a map. Records are immutable, so `load` returns the saved object itself.
 *
 * @example
 * ```ts
 * import { MemorySessionStore } from "../../mod.ts";
 *
 * await using store = new MemorySessionStore({ maxEnded: 100 });
 * console.assert(await store.load("2f0e4f0b-5f0c-4a53-9d0b-0a9f5d5f8c11") === undefined);
 * ```
 * @category Store
 */
export class MemorySessionStore implements SessionStore {
  /** `memory`. */
  readonly kind = "memory";
  /** False: no record outlives the process. */
  readonly persistent = false;
  readonly #records = new Map<string, SessionRecord>();
  /** Ids of ended sessions. A set keeps the order of insertion, so the first one ended first. */
  readonly #ended = new Set<string>();
  readonly #maxEnded: number;
  readonly #listeners = new TakeoverListeners();
  #disposed = false;

  /**
   * An empty store.
   *
   * @throws {RangeError} If `maxEnded` is negative or no integer.
   */
  constructor(options: MemorySessionStoreOptions = {}) {
    const { maxEnded = 10_000 } = options;
    if (!Number.isSafeInteger(maxEnded) || maxEnded < 0) {
      throw new RangeError("Cannot create store: maxEnded must be an integer of 0 or more");
    }
    this.#maxEnded = maxEnded;
  }

  /** The record with this id, of a live session or a tombstone. */
  async load(id: string): Promise<SessionRecord | undefined> {
    return await this.#open().get(id);
  }

  /** Compares the version, and for a new record the limit, and stores. Nothing is awaited in between. */
  // deno-lint-ignore require-await -- a throw must become a rejection
  async save(record: SessionRecord, maxLive: number = Infinity): Promise<boolean> {
    const records = this.#open();
    const { id, version } = record;
    if ((records.get(id)?.version ?? 0) !== version - 1) return false;
    if (version === 1 && records.size - this.#ended.size >= maxLive) return false;
    records.set(id, record);
    if (record.endedAt === null) this.#ended.delete(id);
    else this.#ended.add(id);
    if (this.#ended.size > this.#maxEnded) {
      const [oldest] = this.#ended;
      this.#ended.delete(oldest!);
      records.delete(oldest!);
    }
    return true;
  }

  /** Removes a record. */
  // deno-lint-ignore require-await -- as in save
  async delete(id: string): Promise<void> {
    this.#open().delete(id);
    this.#ended.delete(id);
  }

  /** Yields every record; one that is added meanwhile may show or not. */
  async *list(): AsyncIterable<SessionRecord> {
    yield* this.#open().values();
  }

  /** Counts the saved records: an expired session counts as live until it is saved as expired. */
  // deno-lint-ignore require-await -- as in save
  async stats(): Promise<StoreStats> {
    const ended = this.#ended.size;
    return { live: this.#open().size - ended, ended };
  }

  /** Tells those who watch, at once. */
  // deno-lint-ignore require-await -- as in save
  async announce(id: string, epoch: number): Promise<void> {
    this.#open();
    this.#listeners.tell(id, epoch);
  }

  /** Calls `listener` for each announcement until disposed of. */
  watch(listener: TakeoverListener): TakeoverWatch {
    return this.#listeners.add(listener);
  }

  /** Forgets everything. */
  // deno-lint-ignore require-await -- as in save
  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed = true;
    this.#records.clear();
    this.#ended.clear();
  }

  #open(): Map<string, SessionRecord> {
    if (this.#disposed) throw new TypeError("Cannot use session store: it is closed");
    return this.#records;
  }
}
