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

/** What {@linkcode SessionStore.watch} has begun; disposing ends it.
 * @category Store */
export interface TakeoverWatch extends AsyncDisposable {
  /**
   * Whether messages arrive at this moment. While they do not, the server looks at the records of the
   * sessions it holds once a second. Absent: they always do.
   */
  hearing?(): boolean;
}

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
   * publishes a small file (S-SEQ-5), or note it in a journal (S-SEQ-9), and have one save cover several frames.
   * A store that says false promises that `save` neither fails nor waits.
   */
  readonly persistent: boolean;
  /**
   * Whether the record of an ended session vanishes by itself when its tombstone is over. Absent: the server
   * looks at tombstones every few seconds, and deletes them.
   */
  readonly forgetsEnded?: boolean;
  /** The record with this id, of a live session or a tombstone; undefined when there is none. */
  load(id: string): Promise<SessionRecord | undefined>;
  /**
   * Stores the record if the kept one has the version `record.version - 1` (no record counts as version 0).
   * Otherwise changes nothing and returns false: someone else has written meanwhile.
   *
   * @param maxLive Given with a new record only: the record is stored, and true returned, only while fewer
   * than so many sessions are live. The store counts and stores in one atomic step, also between processes,
   * so that the limit is exact however many clients connect at once.
   */
  save(record: SessionRecord, maxLive?: number): Promise<boolean>;
  /** Removes a record; does nothing if there is none. */
  delete(id: string): Promise<void>;
  /**
   * Yields every record once, in any order, with tombstones if `all` is asked for. Records that are saved or
   * deleted while the list runs may show or not.
   *
   * A damaged record never ends the list. The store sets it aside where an operator finds it, tells so in
   * its log, and from then on knows nothing of this session: `load` gives undefined, `stats` does not count
   * it. Until then `load` throws `store_unavailable`.
   */
  list(scope?: "all" | "live"): AsyncIterable<SessionRecord>;
  /** Counts the sessions. It must be cheap: the server asks at each connect. */
  stats(): Promise<StoreStats>;
  /**
   * Capability of a store that is not persistent, but shared by threads: until this process saves the session, or
   * lets it go, the saves of all others wait. It is called in the step that publishes a file; from there on nothing
   * but the save is awaited, so that no thread ends, and no other waits for long, before it.
   *
   * @returns False if the session has another epoch by now, or has ended: the file must not be published.
   */
  hold?(id: string, epoch: number): boolean;
  /** Ends what {@linkcode SessionStore.hold} began, if no save did. */
  letGo?(id: string): void;
  /**
   * Capability: the time in milliseconds since the epoch by a clock that all processes share. Absent:
   * each has its own.
   */
  now?(): Promise<number>;
  /**
   * Capability: proves that a session can be saved, by writing as a save does, or throws as a save would.
   * Readiness asks once a second. Absent: `stats` is asked, which proves less.
   */
  check?(): Promise<void>;
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
  watch?(listener: TakeoverListener): TakeoverWatch;
}
