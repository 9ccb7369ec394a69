/**
 * Which connection of this process holds which session, and the open files of sessions between two
 * connections.
 *
 * @module
 */
import { FxferError } from "../errors.ts";
import type { Events, Rule, SessionEvent } from "../events.ts";
import { omitUndefined } from "../omit_undefined.ts";
import type { Moved, SessionRecord } from "../session/mod.ts";
import type { Upload } from "../storage/mod.ts";
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
  /** Why it is displaced, where that is known: what a frame under way is answered, too. */
  reason: FxferError | undefined;
  /** Resolved when the connection has let go (S-TAKE-4). */
  readonly released: PromiseWithResolvers<void> = Promise.withResolvers();

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
  }

  /** Tells a step. @param before The record before the save that made the step true. */
  tell<T extends SessionEvent>(type: T, rule: Rule, before: SessionRecord, facts: Facts<T>): void {
    tell(this.#events, type, rule, before, this.record, facts, this.context.connectionId);
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
    this.reason = displacedBy(kept?.moved);
    context.interrupt(this.reason);
    const facts = omitUndefined({ epoch: kept?.epoch, moved: kept?.moved?.address });
    const who = { connection: context.connectionId, session: id.slice(0, 8) };
    this.#events.emit({ type: "session.fenced", rule: "S-TAKE-2", ...who, ...facts });
    return this.reason;
  }
}

/** What a displaced connection is told: where the session has moved, or that it was taken over. */
export function displacedBy(moved?: Moved): FxferError {
  if (moved === undefined) {
    const text = "Cannot change session: another connection has taken it over";
    return new FxferError("session_taken_over", text);
  }
  // Without the ticket, which is told in the answer to a new connect alone.
  const fields = { address: moved.address };
  return new FxferError("use_another_server", "Cannot go on: the session has moved", { fields });
}

/** An open file that waits for its session's next connection. */
export interface Parked {
  readonly upload: Upload;
  /** The epoch it was written under: a record with another epoch does not speak of this file. */
  readonly epoch: number;
}

/** See the module's text. */
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
    attachment.released.resolve();
    if (displaced) await upload?.release();
  }

  /** Takes a parked file out; the caller uses it or ends it. */
  unpark(id: string): Upload | undefined {
    const upload = this.parked.get(id)?.upload;
    this.parked.delete(id);
    return upload;
  }

  /** Whether a connect to a session is under way in this process. */
  changing(id: string): boolean {
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
