/**
 * Every change of a session record, as a function from one record to the next.
 *
 * A record is never changed in place. Each result has `version` one higher, and takes its state from
 * {@linkcode nextState} alone. The caller hands in the time; no function here reads a clock.
 *
 * @module
 */
import type { KeptReply } from "./ring.ts";
import { remember, type RingTerms } from "./sequence.ts";
import {
  expiredAt,
  type Intent,
  lifeOf,
  type Removal,
  type SessionRecord,
  type UploadRecord,
} from "./session.ts";
import { isAttached, nextState } from "./state.ts";

/** After this many takeovers within {@linkcode FLAP_WINDOW_MS} another one is refused (S-TAKE-5). */
export const MAX_TAKEOVERS = 5;
/** The time in which takeovers are counted, in milliseconds (S-TAKE-5). */
export const FLAP_WINDOW_MS = 10_000;
/** How long a client is told to wait after a refused takeover, in milliseconds (S-TAKE-5). */
export const FLAP_RETRY_MS = 5000;

/** A lease is two keep-alive times long: a silent connection is closed before, at 1.5 (S-CLK-4). */
const leaseFrom = (now: number, keepaliveMs: number): number => now + 2 * keepaliveMs;

/** Who attaches, and on what terms. Durations in milliseconds. */
export interface AttachInit
  extends Pick<SessionRecord, "clientAddress" | "keepaliveMs" | "expiryMs" | "partialExpiryMs"> {
  readonly now: number;
  /** The time by the wall clock, for the count of takeovers. @default now */
  readonly wallTime?: number;
  /** The server process that serves the connection. */
  readonly instance: string;
}

/** What a new session starts with. */
export interface SessionInit extends AttachInit {
  /** A fresh UUIDv4 (S-CON-1). */
  readonly id: string;
  /** SHA-256 of the secret, hex; null when none was asked for. */
  readonly tokenHash: string | null;
  /** The user who asks; absent for someone without a key. */
  readonly user?: string;
}

/** What a frame that has run leaves behind. */
export interface Execution extends RingTerms {
  /** The number the frame used up: the record's last + 1. */
  readonly sequence: number;
  readonly fingerprint: string;
  readonly reply: KeptReply;
  /** The file that is still open after the frame; null if none is. */
  readonly upload: UploadRecord | null;
  /** Bytes of the files that the frame finished. */
  readonly storedBytes: number;
  /** How many files the frame finished. */
  readonly storedFiles: number;
  readonly now: number;
  readonly input: "transfer" | "disconnect" | "remove";
}

/** A new session, attached to the connection that asked for it (S-CON-1). */
export function createSession(init: SessionInit): SessionRecord {
  const { now, wallTime: _, ...terms } = init;
  return {
    ...terms,
    clock: init.instance,
    version: 1,
    state: nextState(nextState("idle", "connect"), "authorise"),
    epoch: 1,
    leaseUntil: leaseFrom(now, init.keepaliveMs),
    takeovers: NONE,
    createdAt: now,
    lastActivityAt: now,
    detachedAt: null,
    endedAt: null,
    lastSequence: 0,
    ring: NONE,
    upload: null,
    intent: null,
    messageCount: 0,
    totalBytes: 0,
    filesTransferred: 0,
  };
}

// All records share one empty list, so that 10,000 idle sessions do not hold 20,000 empty lists.
const NONE: readonly never[] = Object.freeze([]);

/**
 * Attaches an authorised connection. The epoch goes up, so that another connection that is attached
 * until now is displaced: its saves are refused (S-TAKE-2).
 *
 * @param isAlive Whether that connection is known to be alive: then this counts as a takeover (S-TAKE-7).
 * Where another process has it, that process counts it by {@linkcode countTakeover}, if it lives.
 * @throws {FxferError} `session_expired` or `session_unknown`, decided by the time alone (S-CLK-1).
 */
export function attach(record: SessionRecord, init: AttachInit, isAlive = true): SessionRecord {
  const { now, wallTime = now } = init;
  const life = lifeOf(record, now);
  const living = life === "attached" || life === "detached";
  const state = nextState(living ? record.state : life, "authorise");
  // When the lease has run out, the process of the old connection is dead: no connection is displaced.
  const takeover = isAlive && life === "attached";
  return {
    ...record,
    version: record.version + 1,
    state,
    epoch: record.epoch + 1,
    instance: init.instance,
    clock: init.instance,
    leaseUntil: leaseFrom(now, init.keepaliveMs),
    takeovers: takeover ? withTakeover(record, wallTime) : record.takeovers,
    clientAddress: init.clientAddress,
    lastActivityAt: now,
    detachedAt: null,
    keepaliveMs: init.keepaliveMs,
    expiryMs: init.expiryMs,
    partialExpiryMs: init.partialExpiryMs ?? init.expiryMs,
  };
}

const withTakeover = ({ takeovers }: SessionRecord, wallTime: number): readonly number[] =>
  [...takeovers, wallTime].slice(-MAX_TAKEOVERS);

/**
 * Notes that a connection was alive when another one took its session over (S-TAKE-7). The process that had
 * the connection saves this: no other one can know.
 */
export function countTakeover(record: SessionRecord, wallTime: number): SessionRecord {
  return { ...record, version: record.version + 1, takeovers: withTakeover(record, wallTime) };
}

/**
 * Whether so many takeovers happened within 10 s that another one must be refused (S-TAKE-5). Takeovers
 * are counted by the wall clock. One in the future was noted before that clock was set back, or by
 * another host, and does not count: a client must not wait an hour for what a clock has done.
 */
export function isFlapping({ takeovers }: SessionRecord, wallTime: number): boolean {
  const recent = takeovers.filter((at) => at <= wallTime && wallTime - at < FLAP_WINDOW_MS);
  return recent.length >= MAX_TAKEOVERS;
}

/** Detaches the session because its connection is gone: the time to expiry begins (S-DIS-1). */
export function detach(record: SessionRecord, now: number): SessionRecord {
  return {
    ...record,
    version: record.version + 1,
    state: nextState(record.state, "detach"),
    instance: null,
    lastActivityAt: now,
    detachedAt: now,
  };
}

/** Renews the lease because the client was heard: it now ends two keep-alive times from `now` (S-CLK-4). */
export function renewLease(record: SessionRecord, now: number): SessionRecord {
  return {
    ...record,
    version: record.version + 1,
    state: nextState(record.state, "heartbeat"),
    leaseUntil: leaseFrom(now, record.keepaliveMs),
    lastActivityAt: now,
  };
}

/** Notes that a file, or the next frame of a file, begins. */
export function openUpload(
  record: SessionRecord,
  upload: UploadRecord,
  now: number,
): SessionRecord {
  return {
    ...record,
    version: record.version + 1,
    state: nextState(record.state, "transfer"),
    leaseUntil: leaseFrom(now, record.keepaliveMs),
    lastActivityAt: now,
    upload,
  };
}

/** Notes that more of the open file is durable: its offset never goes down (S-TRF-4). @throws {TypeError} If none is open. */
export function checkpoint(record: SessionRecord, offset: number, now: number): SessionRecord {
  const { upload } = record;
  if (upload === null) throw new TypeError("Cannot checkpoint: session has no upload");
  return openUpload(record, offset > upload.offset ? { ...upload, offset } : upload, now);
}

/** Forgets the open file and its intent, because its bytes are gone or it can never be stored (S-SEQ-5). */
export function dropUpload(record: SessionRecord, now: number): SessionRecord {
  const version = record.version + 1;
  return { ...record, version, lastActivityAt: now, upload: null, intent: null };
}

/** Notes what is about to happen to a finished file, before the file gets its final name (S-SEQ-5). */
export function intend(record: SessionRecord, intent: Intent, now: number): SessionRecord {
  return { ...record, version: record.version + 1, lastActivityAt: now, intent };
}

/** {@linkcode openUpload} and {@linkcode intend} in one save, for a file that was wholly in memory. */
export function intendWhole(
  record: SessionRecord,
  upload: UploadRecord,
  intent: Intent,
  now: number,
): SessionRecord {
  return { ...openUpload(record, upload, now), intent };
}

/** Notes which file is about to be removed; null when that is done. See {@linkcode Removal}. */
export function intendRemoval(
  record: SessionRecord,
  removal: Removal | null,
  now: number,
): SessionRecord {
  return { ...record, version: record.version + 1, lastActivityAt: now, removal };
}

/**
 * Notes that a frame has run: its number, its reply and what it left. Saving this record is the commit
 * of the frame. A disconnect also closes the session.
 *
 * @throws {RangeError} If the number is not the next one: the caller has not asked `judge`.
 */
export function execute(record: SessionRecord, run: Execution): SessionRecord {
  if (run.sequence !== record.lastSequence + 1) {
    throw new RangeError("Cannot commit frame: its sequence is not the next one");
  }
  const { sequence, fingerprint, reply, now } = run;
  const closes = run.input === "disconnect";
  return {
    ...record,
    version: record.version + 1,
    state: nextState(record.state, run.input),
    instance: closes ? null : record.instance,
    leaseUntil: closes ? record.leaseUntil : leaseFrom(now, record.keepaliveMs),
    lastActivityAt: now,
    endedAt: closes ? now : null,
    lastSequence: sequence,
    ring: remember(record.ring, { sequence, fingerprint, reply }, run.maxInflight, run.received),
    upload: closes ? null : run.upload,
    intent: null,
    messageCount: record.messageCount + 1,
    totalBytes: record.totalBytes + run.storedBytes,
    filesTransferred: record.filesTransferred + run.storedFiles,
  };
}

/**
 * Notes that the session has expired, and at what time it did (S-CLK-1). The kept replies are dropped.
 *
 * @param early Ends a detached session now, if its time is not over, because its place is needed.
 * @throws {RangeError} If the session's time is not over: it must not be cleaned up (S-CLK-3).
 * @throws {FxferError} `session_expired` if the session has ended already.
 */
export function expire(record: SessionRecord, now: number, early = false): SessionRecord {
  const detached = isAttached(record.state) ? nextState(record.state, "detach") : record.state;
  const state = nextState(detached, "expire");
  const endedAt = expiredAt(record, now) ?? (early ? now : null);
  if (endedAt === null) throw new RangeError("Cannot expire session: its time is not over");
  return {
    ...record,
    version: record.version + 1,
    state,
    instance: null,
    detachedAt: record.detachedAt ?? record.leaseUntil,
    endedAt,
    ring: NONE,
    upload: null,
    intent: null,
  };
}

/** Closes the session for a clean start (S-CON-3). A disconnect goes through {@linkcode execute} instead. */
export function close(record: SessionRecord, now: number): SessionRecord {
  const state = nextState(record.state, "disconnect");
  return { ...dropUpload(record, now), state, instance: null, endedAt: now };
}

/**
 * Ends a session by an operator's word (S-ADM-1). The epoch goes up, so that the connection that holds the
 * session saves nothing more, and learns why.
 *
 * @throws {FxferError} `session_expired` if the session has ended already.
 */
export function revoke(record: SessionRecord, now: number): SessionRecord {
  return { ...close(record, now), epoch: record.epoch + 1, revoked: true };
}
