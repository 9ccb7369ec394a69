/**
 * What a session is at a given time: from its record and that time alone, so that it is right
 * whether or not a sweeper has run (S-CLK-1).
 *
 * @module
 */
import type { SessionRecord } from "./session.ts";
import { isAttached } from "./state.ts";

/** The least time an ended session is remembered, in milliseconds: 1 h. */
export const TOMBSTONE_MS = 3_600_000;

/** What a session is to one who presents its id. */
export type Life = "attached" | "detached" | "expired" | "closed" | "forgotten";

/** Since when nobody serves it: its detach, or the end of a lease nobody renewed (S-CLK-4). */
const detachedSince = (record: SessionRecord): number => record.detachedAt ?? record.leaseUntil;

/**
 * When the session expired or was closed, in milliseconds since the epoch; null while it lives.
 */
export function expiredAt(record: SessionRecord, now: number): number | null {
  if (record.endedAt !== null) return record.endedAt;
  if (isAttached(record.state) && now < record.leaseUntil) return null;
  const at = detachedSince(record) + record.expiryMs;
  return now < at ? null : at;
}

/** Until when the record is worth keeping: the end of its tombstone, max(E, 1 h) after its end. */
export function forgottenAt(record: SessionRecord, now: number): number | null {
  const ended = expiredAt(record, now);
  return ended === null ? null : ended + Math.max(record.expiryMs, TOMBSTONE_MS);
}

/** What the session is at `now`. */
export function lifeOf(record: SessionRecord, now: number): Life {
  const forgotten = forgottenAt(record, now);
  if (record.state === "forgotten" || (forgotten !== null && now >= forgotten)) return "forgotten";
  if (forgotten !== null) return record.state === "closed" ? "closed" : "expired";
  return isAttached(record.state) && now < record.leaseUntil ? "attached" : "detached";
}

/** Whether it can be attached to. */
export function isLive(record: SessionRecord, now: number): boolean {
  return expiredAt(record, now) === null;
}
