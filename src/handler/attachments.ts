/**
 * Which connection of this process holds which session, and the open files of sessions between two
 * connections.
 *
 * @module
 */
import type { Upload } from "../storage/mod.ts";
import type { Attachment } from "./attachment.ts";
import type { ConnectionContext } from "./types.ts";

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
