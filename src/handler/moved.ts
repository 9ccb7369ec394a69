/** What those are told whose session is no longer here. @module */
import { FxferError } from "../errors.ts";
import type { Moved, SessionRecord } from "../session/mod.ts";

/**
 * The answer to an authorised connect to a session that has moved. Only here is the ticket told: to a
 * client that has shown what the session's own client shows.
 */
export function movedAway({ address, ticket }: Moved): FxferError {
  return new FxferError("use_another_server", "Cannot attach: the session has moved", {
    fields: { address, ticket },
  });
}

/** What a connection is told that finds its epoch lost: where the session went, or that it was taken. */
export function displacedBy(record: Pick<SessionRecord, "moved"> | undefined): FxferError {
  if (record?.moved !== undefined) {
    return new FxferError("use_another_server", "Cannot go on: the session has moved", {
      // The ticket comes with the answer to a new connect.
      fields: { address: record.moved.address },
    });
  }
  return new FxferError(
    "session_taken_over",
    "Cannot change session: another connection has taken it over",
  );
}
