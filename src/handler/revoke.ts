/** An operator ends a session, wherever it is held (S-ADM-1). @module */
import { FxferError } from "../errors.ts";
import type { Events } from "../events.ts";
import { revoke, type SessionRecord } from "../session/mod.ts";
import type { FileStorage } from "../storage/mod.ts";
import type { SessionStore } from "../store/mod.ts";
import { Attachments } from "./attachments.ts";
import { removePartial } from "./housekeeping.ts";
import { MAX_TRIES, unknownSession } from "./takeover.ts";
import { tell } from "./tell.ts";

/** What it takes to end a session from outside of its connection. */
export interface RevokeParts {
  readonly store: SessionStore;
  readonly storage: FileStorage;
  readonly events: Events;
}

/**
 * Ends a session. Its holder is told by the store's message, or finds out within a second.
 *
 * @returns The record of the ended session.
 * @throws {FxferError} `session_unknown`; `session_expired` if it has ended already; `store_unavailable`.
 */
export async function revokeSession(parts: RevokeParts, id: string): Promise<SessionRecord> {
  const { store, events } = parts;
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const record = await store.load(id);
    if (record === undefined) throw unknownSession();
    const now = Math.round(await store.now?.() ?? Date.now());
    const ended = revoke(record, now);
    if (!await store.save(ended)) continue;
    tell(events, "session.revoked", "S-ADM-1", record, ended, {});
    await store.announce?.(id, ended.epoch).catch(() => {}); // its holder looks into the store anyway
    // What was reserved of a user's quota comes back by itself.
    const services = { ...parts, attachments: new Attachments(), options: {} };
    await removePartial(services, record, ended);
    return ended;
  }
  throw new FxferError("store_unavailable", "Cannot revoke: others keep writing the session");
}
