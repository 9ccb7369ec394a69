/** What those are told who no longer hold their session. @module */
import { FxferError } from "../errors.ts";
import type { Moved, SessionRecord } from "../session/mod.ts";

/** The session of a holder as the store has it: all of it, or what an announcement says. */
export type KeptSession =
  & Pick<SessionRecord, "id" | "epoch">
  & Partial<Pick<SessionRecord, "moved" | "state" | "instance">>;

/**
 * The answer to an authorised connect to a session that has moved. Only here is the ticket told: to a
 * client that has shown what the session's own client shows.
 */
export function movedAway({ address, ticket }: Moved): FxferError {
  return new FxferError("use_another_server", "Cannot attach: the session has moved", {
    fields: { address, ticket },
  });
}

/**
 * What a connection is told that no longer holds its session (S-TAKE-2).
 *
 * @param held The epoch under which it had the session.
 * @param kept The session as the store has it; undefined if the store does not know it any more. A smaller
 * epoch than the connection's means that the store has lost data: there the connection never attached.
 */
export function displacedBy(held: number, kept: KeptSession | undefined): FxferError {
  if (kept === undefined) {
    return new FxferError("session_unknown", "Cannot go on: the store has lost the session");
  }
  if (kept.epoch < held) {
    const text = "Cannot go on: the store has lost the last attach, connect again";
    return new FxferError("not_connected", text);
  }
  if (kept.moved !== undefined) {
    return new FxferError("use_another_server", "Cannot go on: the session has moved", {
      // The ticket comes with the answer to a new connect.
      fields: { address: kept.moved.address },
    });
  }
  if (kept.state === "expired") {
    return new FxferError("session_expired", "Cannot go on: the session has expired", {
      fields: { state: kept.state },
    });
  }
  return takenOver();
}

/** What a connection is told whose session another connection has. */
export function takenOver(): FxferError {
  return new FxferError(
    "session_taken_over",
    "Cannot change session: another connection has taken it over",
  );
}
