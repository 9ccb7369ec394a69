/**
 * What a server may believe of times that another server has written.
 *
 * Each server measures durations by a clock that never jumps. Its start is taken from a clock that all
 * servers of a store share, where the store has one, else from the wall clock of its own host. So the
 * times in a record are exact for the process that wrote them ({@linkcode SessionRecord.clock}), and for
 * every other process they are off by as much as the two clocks are. It is assumed that this is no more
 * than {@linkcode MAX_SKEW_MS}, and nothing else: a server that cleans up ends the session of another
 * process only after it has itself seen, for a whole lease or expiry time by its own clock, that nobody
 * writes the record any more (S-CLK-3, S-CLK-4). A connect does not wait for that: the record and the
 * time decide (S-CLK-1). Takeovers in the future are not counted (S-TAKE-5).
 *
 * @module
 */
import { expiredAt, expiryOf, type SessionRecord } from "./session.ts";
import { isAttached } from "./state.ts";

/** So far apart the clocks of two servers are at most, in milliseconds: 70 min. */
export const MAX_SKEW_MS = 4_200_000;

/** A version of a record, and since when a server has seen no other one. */
export interface Sight {
  readonly version: number;
  readonly since: number;
}

/** Who judges. */
export interface Witness {
  readonly now: number;
  /** The server process. */
  readonly instance: string;
  /** Whether all servers of the store take their time from one clock. */
  readonly sharedClock: boolean;
}

/** What a server has seen of a record now, given what it saw before. */
export function look(record: SessionRecord, before: Sight | undefined, now: number): Sight {
  return before?.version === record.version ? before : { version: record.version, since: now };
}

/**
 * Whether a server that cleans up may end a session whose time is over by its record.
 *
 * @param sight What this server has seen of the record.
 */
export function mayEnd(record: SessionRecord, sight: Sight, witness: Witness): boolean {
  const { now, instance, sharedClock } = witness;
  const at = expiredAt(record, now);
  if (at === null) return false;
  if (record.clock === instance || now - at > MAX_SKEW_MS) return true;
  const lease = isAttached(record.state) ? 2 * record.keepaliveMs : 0;
  return now - sight.since >= lease + (sharedClock ? 0 : expiryOf(record));
}
