/**
 * Which connection of this process holds which session, how a connection saves its session, and the open
 * files of sessions that wait for their next connection.
 *
 * @module
 */
import { FxferError } from "../errors.ts";
import type { Events, Rule, SessionEvent } from "../events.ts";
import { describeError, type Logger } from "../log.ts";
import { omitUndefined } from "../omit_undefined.ts";
import type { Moved, SessionRecord } from "../session/mod.ts";
import type { FileStorage, Upload } from "../storage/mod.ts";
import type { SessionStore } from "../store/mod.ts";
import type { StatefulOptions } from "./stateful_options.ts";
import { type Facts, tell, type Telling } from "./tell.ts";
import type { ConnectionContext } from "./types.ts";

/** If more saves in a row than this lose within one epoch, the store does not keep its contract. */
const MAX_TRIES = 5;

/** What connect, transfer, disconnect and the sweeper work with. */
export interface SessionServices extends Telling {
  readonly store: SessionStore;
  readonly storage: FileStorage;
  readonly options: StatefulOptions;
  readonly attachments: Attachments;
  readonly health: StoreHealth;
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
  /** Whether a save failed that may have been stored: the record must be loaded before it is used. */
  stale = false;
  /** Whether another connection waits for this one, which finishes its commit under way and then stops. */
  yielding = false;
  /** Whether another connection has the session: then this one saves nothing more (S-TAKE-2). */
  displaced = false;
  /** To be called when the connection has let go of the session. */
  release!: () => void;
  /** Resolved by `release` (S-TAKE-4). */
  readonly released: Promise<void> = new Promise((resolve) => this.release = resolve);
  /** The error for a frame under way when the attachment is displaced, where that is known. */
  #reason: FxferError | undefined;

  /** @param record The newest record this process knows. */
  constructor(
    readonly services: SessionServices,
    public record: SessionRecord,
    readonly context: ConnectionContext,
  ) {}

  /**
   * Saves `change(record)` and makes it the attachment's record.
   *
   * @returns The record that was changed.
   * @throws {FxferError} `store_unavailable`: it may or may not have been stored, the attachment is
   * stale. `session_taken_over` or, where the session went to another server, `use_another_server`:
   * another epoch is in the store; nothing was saved and the connection is told to stop.
   */
  async save(
    change: (record: SessionRecord, now: number) => SessionRecord,
  ): Promise<SessionRecord> {
    const { store, health, options } = this.services;
    if (this.stale) await this.refresh();
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      if (this.displaced) throw this.#reason ?? displacedBy();
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
      // The store has a newer version: with the same epoch it is an earlier save that seemed to fail.
      await this.refresh();
    }
    throw new FxferError("store_unavailable", "Cannot save session: others keep writing it");
  }

  /** Loads the record anew; throws as {@linkcode Attachment.save} does. */
  async refresh(): Promise<void> {
    const kept = await this.services.store.load(this.record.id);
    // After a disconnect that seemed to fail, its repetition is answered from the ring (S-SEQ-3).
    const ended = kept?.endedAt !== null && kept?.ring.at(-1)?.reply.code !== "session_closed";
    if (kept?.epoch !== this.record.epoch || ended) throw this.displace(kept);
    this.record = kept;
    this.stale = false;
  }

  /** Tells a step. @param before The record before the save that made the step true. */
  tell<T extends SessionEvent>(type: T, rule: Rule, before: SessionRecord, facts: Facts<T>): void {
    tell(this.services.events, type, rule, before, this.record, facts, this.context.connectionId);
  }

  /**
   * Another epoch is in the store (S-TAKE-2): the connection is told, and saves nothing more.
   *
   * @param kept The session as the store has it.
   * @returns What the connection is told.
   */
  displace(kept: { readonly epoch: number; readonly moved?: Moved } | undefined): FxferError {
    const { context, record: { id } } = this;
    this.displaced = true;
    this.#reason = displacedBy(kept?.moved);
    context.interrupt(this.#reason);
    const facts = omitUndefined({ epoch: kept?.epoch, moved: kept?.moved?.address });
    const who = { connection: context.connectionId, session: id.slice(0, 8) };
    this.services.events.emit({ type: "session.fenced", rule: "S-TAKE-2", ...who, ...facts });
    return this.#reason;
  }
}

/** What a displaced connection is told: where the session has moved, or that it was taken over. */
function displacedBy(moved?: Moved): FxferError {
  if (moved === undefined) {
    const text = "Cannot change session: another connection has taken it over";
    return new FxferError("session_taken_over", text);
  }
  // The ticket is left out: only the reply to a new connect tells it.
  const fields = { address: moved.address };
  return new FxferError("use_another_server", "Cannot go on: the session has moved", { fields });
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

/** Tells once when the store is lost, and once when it is back (S-DEG-2). */
export class StoreHealth {
  readonly #store: string;
  readonly #events: Events;
  #lost = false;

  constructor({ kind }: SessionStore, events: Events) {
    this.#store = kind;
    this.#events = events;
  }

  /** To be called with each error of work that needs the store: `store_unavailable` means that it is lost. */
  failed(error: unknown): void {
    if (this.#lost || !(error instanceof FxferError) || error.code !== "store_unavailable") return;
    this.#lost = true;
    const facts = { store: this.#store, cause: describeError(error) };
    this.#events.emit({ type: "store.lost", rule: "S-DEG-2", ...facts });
  }

  /** To be called when the store has answered. */
  answered(): void {
    if (!this.#lost) return;
    this.#lost = false;
    this.#events.emit({ type: "store.back", rule: "S-DEG-2", store: this.#store });
  }
}
