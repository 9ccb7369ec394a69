/**
 * What a session is at a given time. The answer comes from the session's record and that time alone,
 * so it is right whether or not the server has cleaned up in between (S-CLK-1).
 *
 * @module
 */
import type { SessionRecord } from "./session.ts";
import { isAttached } from "./state.ts";

/** The shortest time for which an ended session is remembered, in milliseconds: 1 h. */
export const TOMBSTONE_MS = 3_600_000;

/** What a session is for a client that presents its id. */
export type Life = "attached" | "detached" | "expired" | "closed" | "forgotten";

/** When the session was detached; after a crash, when the lease ended that was not renewed (S-CLK-4). */
const detachedSince = (record: SessionRecord): number => record.detachedAt ?? record.leaseUntil;

/** When the session expired or was closed, in milliseconds since the epoch; null while it lives. */
export function expiredAt(record: SessionRecord, now: number): number | null {
  if (record.endedAt !== null) return record.endedAt;
  if (isAttached(record.state) && now < record.leaseUntil) return null;
  const at = detachedSince(record) + record.expiryMs;
  return now < at ? null : at;
}

/** When the tombstone ends, max(E, 1 h) after the session's end; null while the session lives. */
export function forgottenAt(record: SessionRecord, now: number): number | null {
  const ended = expiredAt(record, now);
  return ended === null ? null : ended + Math.max(record.expiryMs, TOMBSTONE_MS);
}

/** What the session is at `now`, in milliseconds since the epoch. */
export function lifeOf(record: SessionRecord, now: number): Life {
  const forgotten = forgottenAt(record, now);
  if (record.state === "forgotten" || (forgotten !== null && now >= forgotten)) return "forgotten";
  if (forgotten !== null) return record.state === "closed" ? "closed" : "expired";
  return isAttached(record.state) && now < record.leaseUntil ? "attached" : "detached";
}

/** Whether a client could still attach to the session. */
export function isLive(record: SessionRecord, now: number): boolean {
  return expiredAt(record, now) === null;
}
