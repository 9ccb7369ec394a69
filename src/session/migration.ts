/** A session that moves to a server with another store: its record at either server. @module */
import { FxferError } from "../errors.ts";
import { close } from "./lifecycle.ts";
import {
  type AuthMethod,
  lifeOf,
  type Moved,
  type SessionRecord,
  type UploadRecord,
} from "./session.ts";
import { nextState } from "./state.ts";

/**
 * How the requests of a session are authorised, for the comparison of requests (S-SEQ-1). A session
 * that has moved keeps the answer of its first server, so that a repeated request stays the same one.
 */
export function authMethodOf(record: Pick<SessionRecord, "tokenHash" | "principal">): AuthMethod {
  return record.principal ?? (record.tokenHash === null ? "address" : "token");
}

/**
 * The record at the old server from the moment the session leaves: a tombstone with a higher epoch, so
 * that the saves of an attached connection are refused (S-TAKE-2). It keeps the replies and the file
 * until the tombstone ends, so that the same hand-over can be exported once more.
 */
export function depart(record: SessionRecord, moved: Moved, now: number): SessionRecord {
  const { upload, intent } = record;
  return { ...close(record, now), epoch: record.epoch + 1, upload, intent, moved };
}

/**
 * Checks whether a session may leave for an address.
 *
 * @returns True if the session has left for this address already: only its tombstone is here.
 * @throws {FxferError} `session_unknown` or `session_expired` if the session has ended;
 * `use_another_server` with `address` if it has left for another address, because two servers must
 * never have it.
 */
export function departing(record: SessionRecord, address: string, now: number): boolean {
  const life = lifeOf(record, now);
  if (life === "forgotten") {
    throw new FxferError("session_unknown", "Cannot export session: there is none with this id");
  }
  if (record.moved !== undefined) {
    if (record.moved.address === address) return true;
    const text = `Cannot export session: it has moved to ${record.moved.address}`;
    throw new FxferError("use_another_server", text, { fields: { address: record.moved.address } });
  }
  if (life === "attached" || life === "detached") return false;
  throw new FxferError("session_expired", `Cannot export session: it is ${life}`, {
    fields: { state: life },
  });
}

/**
 * The record at the new server: the session is detached from now on.
 *
 * @param session The record as it left the old server, with the hash of the secret that the client
 * shows here.
 * @param kept The record this server already has of the session: from an earlier stay here, or from an
 * earlier use of the same hand-over.
 * @param upload The open file, as it is here.
 * @throws {FxferError} `replay_detected` if `kept` is anything but an earlier stay that ended with a
 * move: each hand-over is used once.
 */
export function arrive(
  session: SessionRecord,
  kept: SessionRecord | undefined,
  upload: UploadRecord | null,
  now: number,
): SessionRecord {
  if (kept !== undefined && (kept.moved === undefined || kept.epoch > session.epoch)) {
    throw new FxferError("replay_detected", "Cannot import session: it was imported before");
  }
  // The times are those of the program that imports the session.
  const { moved: _moved, clock: _clock, ...rest } = session;
  return {
    ...rest,
    version: (kept?.version ?? 0) + 1,
    epoch: session.epoch + 1,
    state: nextState("authenticated", "detach"),
    instance: null,
    leaseUntil: now,
    takeovers: [],
    principal: authMethodOf(session),
    lastActivityAt: now,
    detachedAt: now,
    endedAt: null,
    upload,
    intent: null,
  };
}
