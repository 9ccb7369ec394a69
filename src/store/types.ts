/** The contract between the server and whatever keeps the records of sessions. @module */
import type { SessionRecord } from "../session/mod.ts";

/** How many sessions a store holds: for limits, and for people.
 * @category Store */
export interface StoreStats {
  /** Sessions that are not saved as expired or closed. */
  readonly live: number;
  /** Sessions that have ended, and whose records are still kept (tombstones). */
  readonly ended: number;
}

/** Is called when a session has a new holder, under this epoch.
 * @category Store */
export type TakeoverListener = (id: string, epoch: number) => void;

/**
 * Keeps session records.
 *
 * The caller guarantees: it never changes a record in place; `save` gets a record whose `version` is one
 * above that of the record it was made from (1 for a new session); after `save` returned false, it loads
 * the record again before it decides anything; after `save` threw, it does the same, because the record
 * may have been stored or not.
 *
 * The implementer guarantees: `save` is atomic, also between processes that share the store; a loaded
 * record equals the saved one; when the store cannot tell, it throws `FxferError("store_unavailable")`
 * with its cause, and never guesses.
 *
 * `asyncDispose` closes what the store holds open. Any call after it throws a `TypeError`.
 * @category Store
 */
export interface SessionStore extends AsyncDisposable {
  /** A short name for logs: `memory`, `sqlite`, `redis`. Nothing may be decided by it. */
  readonly kind: string;
  /**
   * Whether records are kept outside of this process. Only then does the server save an intent before it
   * publishes a small file (S-SEQ-5). A store that says false promises that `save` neither fails nor waits.
   */
  readonly persistent: boolean;
  /** The record with this id, of a live session or a tombstone; undefined when there is none. */
  load(id: string): Promise<SessionRecord | undefined>;
  /**
   * Stores the record if the kept one has the version `record.version - 1` (no record counts as version 0).
   * Otherwise changes nothing and returns false: someone else has written meanwhile.
   */
  save(record: SessionRecord): Promise<boolean>;
  /** Removes a record; does nothing if there is none. */
  delete(id: string): Promise<void>;
  /**
   * Yields every record once, tombstones included, in any order. Records that are saved or deleted while
   * the list runs may show or not.
   */
  list(): AsyncIterable<SessionRecord>;
  /** Counts the sessions. It must be cheap: the server asks at each connect. */
  stats(): Promise<StoreStats>;
  /**
   * Capability: the time in milliseconds since the epoch by a clock that all processes share. Absent:
   * each has its own.
   */
  now?(): Promise<number>;
  /**
   * Capability: tells every process that watches the store that a session has a new holder (S-TAKE-3).
   * The message should arrive within a second, and may be lost: what counts is the saved record with the
   * higher epoch. Absent: the former holder finds out when its next save returns false.
   */
  announce?(id: string, epoch: number): Promise<void>;
  /**
   * Capability: calls `listener` for each message of `announce`, also those of its own process, until it
   * is disposed of. The listener must not throw. Absent: this process hears of takeovers by others only
   * when it saves.
   */
  watch?(listener: TakeoverListener): AsyncDisposable;
}
