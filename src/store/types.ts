/** The contract of what a server remembers about sessions. @module */
import type { SessionRecord } from "../session/mod.ts";

/** What a store holds, for limits and for people. */
export interface StoreStats {
  /** Sessions that are neither expired nor closed. */
  readonly live: number;
  /** Tombstones of ended sessions. */
  readonly ended: number;
}

/** Is told that a session has a new holder, at this epoch. */
export type TakeoverListener = (id: string, epoch: number) => void;

/**
 * Keeps session records.
 *
 * The caller guarantees: records are never changed in place; `save` gets a record whose `version`
 * is one above the version it was made from (1 for a new one); after `false` it loads again
 * before it decides anything.
 *
 * The implementer must: make `save` atomic, also against other processes that share the store;
 * return records equal to what was saved; throw `FxferError("store_unavailable")` with its cause
 * when it cannot tell, and never guess. A `save` that threw may or may not have been stored: the
 * caller loads and looks.
 *
 * `asyncDispose` releases what the store holds open; calling anything after it is a programmer's
 * mistake.
 */
export interface SessionStore extends AsyncDisposable {
  /** Short name for logs and the reply's terms: `memory`, `sqlite`, `redis`. */
  readonly kind: string;
  /**
   * Whether records are kept outside this process: only then is an intent worth writing (S-SEQ-5)
   * for a small file. A store that says false promises that `save` neither fails nor waits.
   */
  readonly persistent: boolean;
  /** The record with this id, tombstones included; undefined when there is none. */
  load(id: string): Promise<SessionRecord | undefined>;
  /** Stores if the kept version is `record.version - 1` (none counts as 0); false: someone else wrote. */
  save(record: SessionRecord): Promise<boolean>;
  /** Forgets a record; an absent one is fine. */
  delete(id: string): Promise<void>;
  /** Every record, tombstones included, in no order; weakly consistent under changes. */
  list(): AsyncIterable<SessionRecord>;
  /** Counts, cheap enough to ask at each connect. */
  stats(): Promise<StoreStats>;
  /**
   * Tells every process that watches the store that a session has a new holder (S-TAKE-3), within a
   * second if it is told at all; the save that raised the epoch is what counts. Absent: nobody is
   * told, and the old holder finds out at its next save.
   */
  announce?(id: string, epoch: number): Promise<void>;
  /**
   * Calls `listener` for each announcement, its own process's included, until disposed. The listener
   * must not throw. Absent: there is nothing to hear.
   */
  watch?(listener: TakeoverListener): AsyncDisposable;
}
