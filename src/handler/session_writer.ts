/**
 * Saves of an attached session: compare-and-set, fenced by the epoch (S-TAKE-2), and honest about
 * saves whose outcome is unknown (S-DEG-2).
 *
 * A save that is refused loads the record and looks at what stands there:
 *
 * - Nothing, or a smaller epoch: the store has lost data (Redis without persistence was restarted, a file
 *   was restored from a backup). The connection is told to connect again, and is closed.
 * - A larger epoch, the same one with another process, or an end: the session was taken over, has moved or
 *   has expired. The connection is told, and is closed.
 * - The same epoch, and what the frame was judged by is unchanged: another save of this process was faster,
 *   a renewed lease for example. The change is made once more, from the record that stands there.
 * - The same epoch and another state of the work, which is what a store has that came back with an older
 *   state: the change is not made, because a frame must be judged by the record that it changes. The answer
 *   tells the client where the session stands, and the next frame is judged by the record as it is.
 *
 * @module
 */
import { FxferError } from "../errors.ts";
import type { Events } from "../events.ts";
import { describeError } from "../log.ts";
import { isAttached, type SessionRecord } from "../session/mod.ts";
import type { SessionStore } from "../store/mod.ts";
import type { Attachment } from "./attachments.ts";
import { takenOver } from "./moved.ts";

/** More lost races within one epoch than this mean a store that does not keep its contract. */
const MAX_TRIES = 5;

/** See the module's text. */
export class SessionWriter {
  readonly #store: SessionStore;
  readonly #events: Events;
  #lost = false;

  constructor(store: SessionStore, events: Events) {
    this.#store = store;
    this.#events = events;
  }

  /** Tells once that the store is lost: to be called with what something failed with that needs it. */
  failed(error: unknown): void {
    if (this.#lost || !(error instanceof FxferError) || error.code !== "store_unavailable") return;
    this.#lost = true;
    const facts = { store: this.#store.kind, cause: describeError(error) };
    this.#events.emit({ type: "store.lost", rule: "S-DEG-2", ...facts });
  }

  /** Tells once that the store is back: to be called when it has answered. */
  answered(): void {
    if (!this.#lost) return;
    this.#lost = false;
    this.#events.emit({ type: "store.back", rule: "S-DEG-2", store: this.#store.kind });
  }

  /** Tells that the store is back, if it was lost and takes writes again: a list may be read without. */
  async proveBack(): Promise<void> {
    if (!this.#lost) return;
    await this.#store.check?.();
    this.answered();
  }

  /**
   * Saves `change(record)` and makes it the attachment's record.
   *
   * @param judged Whether the change is right only for a record whose work stands where it did when the
   * frame was judged. False for a lease or a detach, which are right for any.
   * @returns The record that was changed.
   * @throws {FxferError} `store_unavailable`: it may or may not have been stored, the attachment is
   * stale. `sequence_gap`, `offset_mismatch`: the work stands elsewhere; nothing was saved. What
   * `displacedBy()` says: the session is no longer this connection's; nothing was saved and the connection
   * is told to stop.
   */
  async save(
    attachment: Attachment,
    change: (record: SessionRecord) => SessionRecord,
    judged = true,
  ): Promise<SessionRecord> {
    if (attachment.stale) await this.#refreshSame(attachment, judged);
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      if (attachment.displaced) throw attachment.reason ?? takenOver();
      const before = attachment.record;
      const next = change(before);
      let saved: boolean;
      try {
        saved = await this.#store.save(next);
      } catch (error) {
        attachment.stale = true;
        this.failed(error);
        throw error;
      }
      this.answered();
      if (saved) {
        attachment.record = next;
        return before;
      }
      await this.#refreshSame(attachment, judged);
    }
    throw new FxferError("store_unavailable", "Cannot save session: others keep writing it");
  }

  /**
   * Loads the record anew: to be called before a frame is judged.
   *
   * @throws {FxferError} `store_unavailable`, and what `displacedBy()` says.
   */
  async refresh(attachment: Attachment): Promise<void> {
    const { id, epoch, instance } = attachment.record;
    const kept = await this.#store.load(id);
    // Epochs of two histories may be equal, if the store has lost one of them; then the process tells.
    const elsewhere = kept !== undefined && isAttached(kept.state) && kept.instance !== instance;
    if (kept?.epoch !== epoch || elsewhere || endedByOther(kept)) throw attachment.displace(kept);
    attachment.record = kept;
    attachment.stale = false;
  }

  async #refreshSame(attachment: Attachment, judged: boolean): Promise<void> {
    const { record: before, context } = attachment;
    await this.refresh(attachment);
    const { record: kept } = attachment;
    if (!judged || sameWork(before, kept)) return;
    const { id, lastSequence: sequence } = kept;
    const facts = { session: id.slice(0, 8), sequence, was: before.lastSequence };
    context.log.warn("session.rejudged", facts);
    throw resync(before, kept);
  }
}

/** Whether what was judged by one record is right for the other. The offset of the open file may differ. */
function sameWork(one: SessionRecord, other: SessionRecord): boolean {
  return one.lastSequence === other.lastSequence &&
    one.upload?.temporaryPath === other.upload?.temporaryPath &&
    one.intent?.temporaryPath === other.intent?.temporaryPath && one.endedAt === other.endedAt;
}

/** The answer to a frame that was judged by a record which is not there any more: where the session stands. */
function resync(before: SessionRecord, { lastSequence, upload }: SessionRecord): FxferError {
  const text = "Cannot change session: it stands elsewhere by now";
  return lastSequence === before.lastSequence
    ? new FxferError("offset_mismatch", text, {
      fields: { offset: upload?.offset ?? 0, upload_id: upload?.uploadId ?? null },
    })
    : new FxferError("sequence_gap", text, { fields: { expected: lastSequence + 1 } });
}

/** Our own disconnect, taken for lost and asked for again, is answered from the ring (S-SEQ-3). */
function endedByOther(record: SessionRecord): boolean {
  return record.endedAt !== null && record.ring.at(-1)?.reply.code !== "session_closed";
}
