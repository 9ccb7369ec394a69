/**
 * Saves of an attached session: compare-and-set, fenced by the epoch (S-TAKE-2), and honest about
 * saves whose outcome is unknown (S-DEG-2).
 *
 * @module
 */
import { FxferError } from "../errors.ts";
import type { Events } from "../events.ts";
import { describeError } from "../log.ts";
import type { SessionRecord } from "../session/mod.ts";
import type { SessionStore } from "../store/mod.ts";
import type { Attachment } from "./attachments.ts";
import { displacedBy } from "./moved.ts";

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

  /**
   * Saves `change(record)` and makes it the attachment's record.
   *
   * @returns The record that was changed.
   * @throws {FxferError} `store_unavailable`: it may or may not have been stored, the attachment is
   * stale. `session_taken_over` or, where the session went to another server, `use_another_server`:
   * another epoch is in the store; nothing was saved and the connection is told to stop.
   */
  async save(
    attachment: Attachment,
    change: (record: SessionRecord) => SessionRecord,
  ): Promise<SessionRecord> {
    if (attachment.stale) await this.refresh(attachment);
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      if (attachment.displaced) throw attachment.reason ?? displacedBy(undefined);
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
      // The store has a newer version: with the same epoch it is an earlier save that seemed to fail.
      await this.refresh(attachment);
    }
    throw new FxferError("store_unavailable", "Cannot save session: others keep writing it");
  }

  /** Loads the record anew; throws as {@linkcode SessionWriter.save} does. */
  async refresh(attachment: Attachment): Promise<void> {
    const kept = await this.#store.load(attachment.record.id);
    if (kept?.epoch !== attachment.record.epoch || endedByOther(kept)) {
      throw attachment.displace(kept);
    }
    attachment.record = kept;
    attachment.stale = false;
  }
}

/** Our own disconnect, taken for lost and asked for again, is answered from the ring (S-SEQ-3). */
function endedByOther(record: SessionRecord): boolean {
  return record.endedAt !== null && record.ring.at(-1)?.reply.code !== "session_closed";
}
