/**
 * What a connection is told that finds another record of its session in the store than its own.
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
import type { SessionRecord } from "../session/mod.ts";

/** The session of a holder as the store has it: all of it, or what an announcement says. */
export type KeptSession =
  & Pick<SessionRecord, "id" | "epoch">
  & Partial<Pick<SessionRecord, "moved" | "state" | "instance">>;

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

/** Whether what was judged by one record is right for the other. The offset of the open file may differ. */
export function sameWork(one: SessionRecord, other: SessionRecord): boolean {
  return one.lastSequence === other.lastSequence &&
    one.upload?.temporaryPath === other.upload?.temporaryPath &&
    one.intent?.temporaryPath === other.intent?.temporaryPath && one.endedAt === other.endedAt;
}

/** The answer to a frame that was judged by a record which is not there any more: where the session stands. */
export function resync(before: SessionRecord, { lastSequence, upload }: SessionRecord): FxferError {
  const text = "Cannot change session: it stands elsewhere by now";
  return lastSequence === before.lastSequence
    ? new FxferError("offset_mismatch", text, {
      fields: { offset: upload?.offset ?? 0, upload_id: upload?.uploadId ?? null },
    })
    : new FxferError("sequence_gap", text, { fields: { expected: lastSequence + 1 } });
}

/** Our own disconnect, taken for lost and asked for again, is answered from the ring (S-SEQ-3). */
export function endedByOther(record: SessionRecord): boolean {
  return record.endedAt !== null && record.ring.at(-1)?.reply.code !== "session_closed";
}
