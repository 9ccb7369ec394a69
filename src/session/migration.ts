/**
 * A session that moves to a server with another store: what it is where it was, and where it comes.
 *
 * @module
 */
import { FxferError } from "../errors.ts";
import { lifeOf } from "./life.ts";
import type { AuthMethod, Moved, SessionRecord, UploadRecord } from "./session.ts";
import { nextState } from "./state.ts";

/** As what the requests of a session count when they are compared (S-SEQ-1). */
export function authMethodOf(record: Pick<SessionRecord, "tokenHash" | "principal">): AuthMethod {
  return record.principal ?? (record.tokenHash === null ? "address" : "token");
}

/**
 * The record where the session was, from the moment it leaves: a tombstone of a higher epoch, so that
 * whoever holds the session finds its saves refused (S-TAKE-2). It keeps its replies and its file until
 * the tombstone ends, so that the same hand-over can be written down again.
 */
export function depart(record: SessionRecord, moved: Moved, now: number): SessionRecord {
  return {
    ...record,
    version: record.version + 1,
    epoch: record.epoch + 1,
    state: nextState(record.state, "disconnect"),
    instance: null,
    lastActivityAt: now,
    endedAt: now,
    moved,
  };
}

/**
 * Looks whether a session may leave for an address.
 *
 * @returns Whether it has left for it already: then its tombstone is all there is.
 * @throws {FxferError} `session_unknown` or `session_expired` if it has ended; `use_another_server`
 * with `address` if it has left for another one: two may not have it.
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
 * The record where the session comes to: detached from now on.
 *
 * @param session As it left, with the hash of the secret that its client shows here.
 * @param kept What is remembered of it here: from an earlier stay, or from an earlier use of the same
 * hand-over.
 * @param upload Its open file, as it is here.
 * @throws {FxferError} `replay_detected` unless nothing is remembered, or a stay that ended with a
 * move and is older: each hand-over is used once.
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
  const { moved: _moved, ...rest } = session;
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
