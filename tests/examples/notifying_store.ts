/**
 * Example: a session store that tells of every change of a session, and leaves the rest to another store.
 *
 * @module
 */
import {
  MemorySessionStore,
  type SessionRecord,
  type SessionStore,
  type StoreStats,
} from "../../mod.ts";

/** Keeps sessions in memory, and calls a listener with each record that was saved. */
export class NotifyingStore implements SessionStore {
  readonly kind = "notifying";
  readonly persistent = false;
  readonly #inner = new MemorySessionStore();
  readonly #notify: (record: SessionRecord) => void;

  /** @param notify Must not throw: the record is stored already, and the server must hear so. */
  constructor(notify: (record: SessionRecord) => void) {
    this.#notify = notify;
  }

  async save(record: SessionRecord, maxLive?: number): Promise<boolean> {
    const saved = await this.#inner.save(record, maxLive);
    if (saved) this.#notify(record);
    return saved;
  }

  load(id: string): Promise<SessionRecord | undefined> {
    return this.#inner.load(id);
  }

  delete(id: string): Promise<void> {
    return this.#inner.delete(id);
  }

  list(): AsyncIterable<SessionRecord> {
    return this.#inner.list();
  }

  stats(): Promise<StoreStats> {
    return this.#inner.stats();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#inner[Symbol.asyncDispose]();
  }
}
