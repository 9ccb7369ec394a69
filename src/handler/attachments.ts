/**
 * Which connection of this process holds which session, and the open files of sessions between two
 * connections.
 *
 * @module
 */
import type { FxferError } from "../errors.ts";
import type { Events, Rule, SessionEvent } from "../events.ts";
import { omitUndefined } from "../omit_undefined.ts";
import type { SessionRecord } from "../session/mod.ts";
import type { Upload } from "../storage/mod.ts";
import { displacedBy, type KeptSession } from "./moved.ts";
import { type Facts, tell } from "./tell.ts";
import type { ConnectionContext } from "./types.ts";

/** One session held by one connection. */
export class Attachment {
  /** The newest record this process knows. */
  record: SessionRecord;
  readonly context: ConnectionContext;
  readonly #events: Events;
  /** The open file, when `record.upload` has one. */
  upload: Upload | undefined;
  /** A save failed and may or may not have been stored: load before anything is decided. */
  stale = false;
  /** Another connection waits for this one to let go: finish what is being committed, then stop. */
  yielding = false;
  /** Another connection has the session: nothing more is saved from here (S-TAKE-2). */
  displaced = false;
  /** Why, where that is known: what a frame under way is answered, too. */
  reason: FxferError | undefined;
  /** Settles when the connection has let go (S-TAKE-4). */
  readonly released: Promise<void>;
  /** Settles {@linkcode Attachment.released}. */
  readonly release: () => void;

  constructor(
    record: SessionRecord,
    context: ConnectionContext,
    upload: Upload | undefined,
    events: Events,
  ) {
    this.record = record;
    this.context = context;
    this.upload = upload;
    this.#events = events;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.released = promise;
    this.release = resolve;
  }

  /** Tells a step. @param before The record before the save that made the step true. */
  tell<T extends SessionEvent>(
    type: T,
    rule: Rule,
    before: SessionRecord,
    facts: Facts<T>,
  ): void {
    tell(this.#events, type, rule, before, this.record, facts, this.context.connectionId);
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
    this.displaced = true;
    this.reason = displacedBy(epoch, kept);
    context.interrupt(this.reason);
    const who = { connection: context.connectionId, session: id.slice(0, 8) };
    if (kept === undefined || kept.epoch < epoch) {
      context.log.warn("session.lost", { ...who, epoch, kept: kept?.epoch ?? "nothing" });
    } else {
      const facts = omitUndefined({ epoch: kept.epoch, moved: kept.moved?.address });
      this.#events.emit({ type: "session.fenced", rule: "S-TAKE-2", ...who, ...facts });
    }
    return this.reason;
  }
}

/** An open file that waits for its session's next connection. */
export interface Parked {
  readonly upload: Upload;
  /** The epoch it was written under: in any other it is not what the record speaks of. */
  readonly epoch: number;
}

/** See the module's text. */
export class Attachments {
  readonly #byId = new Map<string, Attachment>();
  readonly #byContext = new WeakMap<ConnectionContext, Attachment>();
  readonly #parked = new Map<string, Parked>();
  readonly #turns = new Map<string, Promise<unknown>>();

  /** The attachment of a connection. */
  of(context: ConnectionContext): Attachment | undefined {
    return this.#byContext.get(context);
  }

  /** Who holds a session in this process. */
  holder(id: string): Attachment | undefined {
    return this.#byId.get(id);
  }

  /** All attachments, for a stop. */
  all(): IterableIterator<Attachment> {
    return this.#byId.values();
  }

  /** A connection holds the session from now on. */
  add(attachment: Attachment): void {
    this.#byId.set(attachment.record.id, attachment);
    this.#byContext.set(attachment.context, attachment);
  }

  /**
   * The connection no longer holds its session. Its open file is parked for the next connection, or
   * closed where another connection has the session already and did not wait for the file.
   */
  async remove(attachment: Attachment): Promise<void> {
    const { context, record: { id, epoch }, upload, displaced } = attachment;
    if (this.#byId.get(id) === attachment) this.#byId.delete(id);
    this.#byContext.delete(context);
    attachment.upload = undefined;
    attachment.displaced = true;
    if (upload !== undefined && !displaced) this.park(id, upload, epoch);
    attachment.release();
    if (displaced) await upload?.release();
  }

  /** Keeps an open file for the next connection of its session. */
  park(id: string, upload: Upload, epoch: number): void {
    this.#parked.set(id, { upload, epoch });
  }

  /** The parked file of a session; it stays parked. */
  parked(id: string): Parked | undefined {
    return this.#parked.get(id);
  }

  /** Takes a parked file out; the caller uses it or ends it. */
  unpark(id: string): Upload | undefined {
    const upload = this.#parked.get(id)?.upload;
    this.#parked.delete(id);
    return upload;
  }

  /** The sessions that have a parked file. */
  parkedIds(): IterableIterator<string> {
    return this.#parked.keys();
  }

  /** Every parked file, taken. */
  *unparkAll(): Generator<Upload> {
    for (const [id, { upload }] of this.#parked) {
      this.#parked.delete(id);
      yield upload;
    }
  }

  /** Whether a connect to a session is under way in this process. */
  changing(id: string): boolean {
    return this.#turns.has(id);
  }

  /**
   * Connects to one session come one after the other in this process. The wait is bounded by what a
   * connect does: no lock outlives it (S-TAKE-6).
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
