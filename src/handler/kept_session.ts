/**
 * What a save that was refused finds in the store, and what becomes of the holder of the session:
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
import { isAttached, type SessionRecord } from "../session/mod.ts";

/** A session as the store has it: its record, or what an announcement says. */
export type KeptSession =
  & Pick<SessionRecord, "id" | "epoch">
  & Partial<Pick<SessionRecord, "instance" | "moved" | "revoked" | "state">>;

/**
 * Whether the session has another holder than the record says. Epochs of two histories may be equal, if
 * the store has lost one of them; then the process tells.
 */
export function isTaken({ epoch, instance }: SessionRecord, kept: KeptSession): boolean {
  if (kept.epoch !== epoch) return kept.epoch > epoch;
  const attached = kept.state !== undefined && isAttached(kept.state);
  return attached && kept.instance !== instance;
}

/**
 * What a connection is told that no longer holds its session (S-TAKE-2).
 *
 * @param held The epoch under which it had the session.
 * @param kept Undefined if the store does not know the session any more.
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
    // The ticket is left out: only the reply to a new connect tells it.
    const fields = { address: kept.moved.address };
    return new FxferError("use_another_server", "Cannot go on: the session has moved", { fields });
  }
  if (kept.revoked) return revoked();
  if (kept.state === "expired") {
    const fields = { state: kept.state };
    return new FxferError("session_expired", "Cannot go on: the session has expired", { fields });
  }
  return takenOver();
}

/** What a client is told whose session an operator has ended (S-ADM-1). */
export function revoked(): FxferError {
  return new FxferError("session_revoked", "Cannot go on: an operator has ended the session");
}

/** What a connection is told whose session another connection has. */
export function takenOver(): FxferError {
  const text = "Cannot change session: another connection has taken it over";
  return new FxferError("session_taken_over", text);
}

/** Whether what was judged by one record is right for the other. The offset of the open file may differ. */
export function sameWork(one: SessionRecord, other: SessionRecord): boolean {
  return one.lastSequence === other.lastSequence && one.endedAt === other.endedAt &&
    one.upload?.temporaryPath === other.upload?.temporaryPath &&
    one.intent?.temporaryPath === other.intent?.temporaryPath;
}

/** The answer to a frame that was judged by a record which is not there any more: which number comes next. */
export function resync({ lastSequence }: SessionRecord): FxferError {
  return new FxferError("sequence_gap", "Cannot change session: it stands elsewhere by now", {
    fields: { expected: lastSequence + 1 },
  });
}
