/**
 * Which connection of this process holds which session, how a connection saves its session, and the open
 * files of sessions that wait for their next connection.
 *
 * The file is over 300 lines, because an attachment, what it works with and all attachments name each other.
 *
 * @module
 */
import { FxferError } from "../errors.ts";
import type { Events, Rule, SessionEvent } from "../events.ts";
import type { Logger } from "../log.ts";
import { omitUndefined } from "../omit_undefined.ts";
import { countTakeover, isAttached, type SessionRecord, type Sight } from "../session/mod.ts";
import type { FileStorage, StoredFile, Upload } from "../storage/mod.ts";
import type { SessionStore } from "../store/mod.ts";
import type { Clock } from "./clock.ts";
import type { Holdings } from "./holdings.ts";
import {
  displacedBy,
  isTaken,
  type KeptSession,
  resync,
  sameWork,
  takenOver,
} from "./kept_session.ts";
import type { StatefulOptions } from "./stateful_options.ts";
import type { StoreHealth } from "./store_health.ts";
import { type Facts, tell, type Telling } from "./tell.ts";
import type { ConnectionContext } from "./types.ts";
import { UnannouncedFiles } from "./unannounced.ts";
import { type Ahead, type Change, UnsavedFrames } from "./unsaved.ts";

/** If more saves in a row than this lose within one epoch, the store does not keep its contract. */
const MAX_TRIES = 5;

/** What connect, transfer, disconnect and the sweeper work with. */
export interface SessionServices extends Telling {
  readonly store: SessionStore;
  readonly storage: FileStorage;
  readonly options: StatefulOptions;
  readonly attachments: Attachments;
  /** Absent where the time is handed in as an option. */
  readonly clock?: Clock;
  /** The time by the wall clock, which takeovers are counted by. */
  readonly wallTime: () => number;
  /** What the last sweep saw of sessions whose time seems to be over, by id. */
  sights: ReadonlyMap<string, Sight>;
  readonly health: StoreHealth;
  readonly holdings: Holdings;
  readonly events: Events;
  readonly log: Logger;
}

/**
 * One session held by one connection. A save is compare-and-set and is refused under an older epoch
 * (S-TAKE-2). After a save whose outcome is unknown, the record is loaded before it is used (S-DEG-2).
 */
export class Attachment {
  /** The open file, when `record.upload` has one. */
  upload: Upload | undefined;
  /** The commit of the record's intent, which took longer than a connect waits for it. */
  finishing: Promise<StoredFile | undefined> | undefined;
  /** The reopening of the file, which took longer than a connect waits for it. */
  restoring: Promise<void> | undefined;
  /** Whether a process that had the session before may still be writing to the file. */
  contended = false;
  /** Whether a save failed that may have been stored: the record must be loaded before it is used. */
  stale = false;
  /** Whether another connection waits for this one, which finishes its commit under way and then stops. */
  yielding = false;
  /** Whether another connection has the session: then this one saves nothing more (S-TAKE-2). */
  displaced = false;
  /**
   * Whether a file is published that no intent announces: a newcomer waits for its commit, however long it
   * takes, because it would find neither.
   */
  committing = false;
  /** Whether the connection has sent a frame before it knew the session's id. */
  #early = false;
  /** To be called when the connection has let go of the session. */
  release!: () => void;
  /** Resolved by `release` (S-TAKE-4). */
  readonly released: Promise<void> = new Promise((resolve) => this.release = resolve);
  /** Files that nothing announces; absent where all are announced, or none needs to be. */
  readonly unannounced: UnannouncedFiles | undefined;
  /** Frames that no save covers yet; `record` has them already. */
  #unsaved: UnsavedFrames | undefined;
  /** The error for a frame under way when the attachment is displaced, where that is known. */
  #reason: FxferError | undefined;

  /** @param record The newest record this process knows. */
  constructor(
    readonly services: SessionServices,
    public record: SessionRecord,
    readonly context: ConnectionContext,
  ) {
    const { store, storage: { journals, durability } } = services;
    if (store.persistent && journals !== undefined && durability === "process") {
      this.unannounced = new UnannouncedFiles(journals, record.id);
    }
  }

  /** S-CON-9: a frame that means the session by the id null has come; only the first is told of. */
  metEarlyFrame(): void {
    if (this.#early) return;
    this.#early = true;
    this.tell("session.early", "S-CON-9", this.record, {});
  }

  /**
   * Saves `change(record)` and makes it the attachment's record.
   *
   * @param judged Whether the change is right only for a record whose work stands where it did when the
   * frame was judged. False for a lease and a detach, which are right for any.
   * @returns The record that was changed.
   * @throws {FxferError} `store_unavailable`: it may or may not have been stored, the attachment is
   * stale. `sequence_gap`: the work stands elsewhere; nothing was saved. What `displacedBy()` makes: the
   * session is no longer this connection's; nothing was saved, and the connection is told to stop.
   */
  async save(change: Change, judged = true): Promise<SessionRecord> {
    const { store, health, options } = this.services;
    const settling = this.settle();
    if (settling !== undefined) await settling;
    if (this.stale) await this.#refreshJudged(judged);
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      this.mustHold();
      const before = this.record;
      const next = change(before, options.now());
      let saved: boolean;
      try {
        saved = await store.save(next);
      } catch (error) {
        this.stale = true;
        health.failed(error);
        throw error;
      }
      health.answered();
      if (saved) {
        this.record = next;
        return before;
      }
      await this.#refreshJudged(judged);
    }
    throw new FxferError("store_unavailable", "Cannot save session: others keep writing it");
  }

  /**
   * Makes a change of the attachment's record that is saved later (see unsaved.ts).
   *
   * @param frame Called once it is saved, with the record before it and after it; and the file that it stored.
   * @returns Saves it; throws what its frame is answered instead.
   */
  runAhead(change: Change, frame: Ahead): () => Promise<void> {
    this.mustHold();
    const unsaved = this.#unsaved ??= new UnsavedFrames(this.record);
    this.record = unsaved.add(change, this.services.options.now(), frame);
    const { lastSequence } = this.record;
    return async () => {
      try {
        await (unsaved.saving ?? this.settle());
      } catch (error) {
        const answer = unsaved.errorFor(lastSequence, error);
        if (answer !== undefined) throw answer;
      }
    };
  }

  /**
   * Saves what has run ahead; throws as {@linkcode Attachment.save} does, and nothing of it has run then. If a
   * gathered file could not be stored it throws why, and the frames before have run.
   */
  settle(): Promise<void> | undefined {
    const unsaved = this.#unsaved;
    if (unsaved === undefined) return undefined;
    this.#unsaved = undefined;
    this.record = unsaved.saved;
    return unsaved.saving = this.#settle(unsaved);
  }

  /** Whether a gathered file waits to be published, or its frame to be saved. */
  get gathers(): boolean {
    return this.#unsaved?.gathers === true;
  }

  /** {@linkcode Attachment.settle} before a file that is not gathered; throws what its frame is answered instead. */
  settleGathered(): Promise<void> | undefined {
    const unsaved = this.#unsaved;
    if (unsaved?.gathers !== true) return undefined;
    return this.settle()!.catch((error) => {
      throw unsaved.errorFor(Infinity, error);
    });
  }

  async #settle(unsaved: UnsavedFrames): Promise<void> {
    unsaved.publish();
    try {
      if (unsaved.record !== unsaved.saved) {
        await this.save((record, now) => unsaved.over(record, now));
      }
      this.unannounced?.saved(this.record.lastSequence);
      unsaved.tell();
    } catch (error) {
      this.unannounced?.add(unsaved.files);
      throw error;
    } finally {
      this.committing = false;
    }
    if (unsaved.failure === undefined) return;
    if (this.unannounced?.journal?.stands === false) this.unannounced.lose();
    throw unsaved.failure = await this.reasonFor(unsaved.failure);
  }

  /** Loads the record anew, for a frame that is still to be judged; throws as {@linkcode Attachment.save} does. */
  async refresh(): Promise<void> {
    const held = this.record;
    const kept = await this.#kept();
    // Another save of this process may have been stored since the record was loaded.
    if (this.record === held) this.record = kept;
    this.stale = false;
  }

  async #kept(): Promise<SessionRecord> {
    const held = this.record;
    const kept = await this.services.store.load(held.id);
    // After a disconnect that seemed to fail, its repetition is answered from the ring (S-SEQ-3).
    const ended = kept?.endedAt !== null && kept?.ring.at(-1)?.reply.code !== "session_closed";
    if (kept?.epoch !== held.epoch || isTaken(held, kept) || ended) throw this.displace(kept);
    return kept;
  }

  async #refreshJudged(judged: boolean): Promise<void> {
    const before = this.record;
    await this.refresh();
    if (!judged || sameWork(before, this.record)) return;
    const { id, lastSequence: sequence } = this.record;
    const facts = { session: id.slice(0, 8), sequence, was: before.lastSequence };
    this.context.log.warn("session.rejudged", facts);
    throw resync(this.record);
  }

  /** Whether half of the lease is gone (S-CLK-4). */
  get leaseIsOld(): boolean {
    const { leaseUntil, keepaliveMs } = this.record;
    return leaseUntil - this.services.options.now() < keepaliveMs;
  }

  /** Throws what the client is told if another connection has the session: asked in the step that publishes. */
  mustHold(): void {
    if (this.displaced) throw this.#reason ?? takenOver();
  }

  /**
   * What a frame that failed with `error` is answered: where another has the session, that and nothing
   * else (S-NOT-1). Asks the store, because this process may have stood still.
   */
  async reasonFor(error: unknown): Promise<unknown> {
    try {
      await this.#kept();
      return error;
    } catch (cause) {
      return this.displaced ? cause : error;
    }
  }

  /** Tells a step. @param before The record before the save that made the step true. */
  tell<T extends SessionEvent>(type: T, rule: Rule, before: SessionRecord, facts: Facts<T>): void {
    tell(this.services.events, type, rule, before, this.record, facts, this.context.connectionId);
  }

  /**
   * The store has another epoch, or another holder (S-TAKE-2): the connection is told, and saves nothing
   * more. That the store has lost data is logged as such: nobody has taken the session over.
   *
   * @param kept The session as the store has it; undefined if it has none.
   * @returns What the connection is told.
   */
  displace(kept: KeptSession | undefined): FxferError {
    const { context, record: { id, epoch } } = this;
    const isNew = !this.displaced;
    this.displaced = true;
    this.#reason = displacedBy(epoch, kept);
    context.interrupt(this.#reason);
    const who = { connection: context.connectionId, session: id.slice(0, 8) };
    if (kept === undefined || kept.epoch < epoch) {
      context.log.warn("session.lost", { ...who, epoch, kept: kept?.epoch ?? "nothing" });
    } else {
      if (isNew) {
        this.#countTakeover().catch((cause) => context.log.warn("takeover.uncounted", { cause }));
      }
      const facts = omitUndefined({ epoch: kept.epoch, moved: kept.moved?.address });
      this.services.events.emit({ type: "session.fenced", rule: "S-TAKE-2", ...who, ...facts });
    }
    return this.#reason;
  }

  /** S-TAKE-7: another process has the session now, and cannot know that this connection was alive. */
  async #countTakeover(): Promise<void> {
    const { store, wallTime } = this.services;
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const kept = await store.load(this.record.id);
      if (kept === undefined || !isAttached(kept.state)) return;
      if (await store.save(countTakeover(kept, wallTime()))) return;
    }
  }
}

/** An open file that waits for its session's next connection. */
export interface Parked {
  readonly upload: Upload;
  /** The epoch under which the file was written: a record with another epoch does not name this file. */
  readonly epoch: number;
}

/** All that the connections of this process hold, and what waits for the next connection. */
export class Attachments {
  /** Which connection holds a session, by the session's id. */
  readonly holders: Map<string, Attachment> = new Map();
  /** The open files of sessions that no connection holds, by the ids of the sessions. */
  readonly parked: Map<string, Parked> = new Map();
  readonly #byContext = new WeakMap<ConnectionContext, Attachment>();
  readonly #turns = new Map<string, Promise<unknown>>();

  /** The attachment of a connection. */
  of(context: ConnectionContext): Attachment | undefined {
    return this.#byContext.get(context);
  }

  /** A connection holds the session from now on, with the keep-alive time of the session. */
  add(attachment: Attachment): void {
    const { context, record } = attachment;
    this.holders.set(record.id, attachment);
    this.#byContext.set(context, attachment);
    context.keepaliveMs = record.keepaliveMs;
  }

  /**
   * The connection no longer holds its session. Its open file is parked for the next connection, or
   * closed where another connection has the session already and did not wait for the file.
   */
  async remove(attachment: Attachment): Promise<void> {
    const { context, record: { id, epoch }, upload, displaced } = attachment;
    if (this.holders.get(id) === attachment) this.holders.delete(id);
    this.#byContext.delete(context);
    attachment.upload = undefined;
    attachment.displaced = true;
    attachment.unannounced?.close(false);
    if (upload !== undefined && !displaced) this.parked.set(id, { upload, epoch });
    attachment.release();
    if (displaced) await upload?.release();
  }

  /** Takes a parked file out; the caller uses it or ends it. */
  unpark(id: string): Upload | undefined {
    const upload = this.parked.get(id)?.upload;
    this.parked.delete(id);
    return upload;
  }

  /** Whether a connect to a session is under way in this process. */
  isConnecting(id: string): boolean {
    return this.#turns.has(id);
  }

  /**
   * Runs the connects to one session one after the other in this process. A connect waits for no longer
   * than the ones before it take: no lock outlives a connect (S-TAKE-6).
   */
  async inTurn<T>(id: string, work: () => Promise<T>): Promise<T> {
    const before = this.#turns.get(id) ?? Promise.resolve();
    const mine = before.then(work, work);
    this.#turns.set(id, mine);
    try {
      return await mine;
    } finally {
      if (this.#turns.get(id) === mine) this.#turns.delete(id);
    }
  }
}
