/**
 * Every change of a session record, as a function from one record to the next.
 *
 * Nothing is changed in place; each result has `version` one higher, and its state comes from
 * {@linkcode nextState} alone. Times are handed in: nothing here reads a clock.
 *
 * @module
 */
import { expiredAt, lifeOf } from "./life.ts";
import { remember } from "./sequence.ts";
import type { Intent, KeptReply, SessionRecord, UploadRecord } from "./session.ts";
import { isAttached, nextState } from "./state.ts";

/** How many takeovers within {@linkcode FLAP_WINDOW_MS} are too many (S-TAKE-5). */
export const MAX_TAKEOVERS = 5;
/** The time in which they are counted, in milliseconds (S-TAKE-5). */
export const FLAP_WINDOW_MS = 10_000;
/** How long a client of a flapping session waits, in milliseconds (S-TAKE-5). */
export const FLAP_RETRY_MS = 5000;

/** A lease outlives two silent keep-alive times: the connection is closed at 1.5 (S-CLK-4). */
const leaseFrom = (now: number, keepaliveMs: number): number => now + 2 * keepaliveMs;

/** Who attaches, and the terms agreed. Durations in milliseconds. */
export interface AttachInit {
  readonly now: number;
  readonly clientAddress: string;
  /** The server process that serves the connection. */
  readonly instance: string;
  readonly keepaliveMs: number;
  readonly expiryMs: number;
}

/** What a new session starts with. */
export interface SessionInit extends AttachInit {
  /** A fresh UUIDv4 (S-CON-1). */
  readonly id: string;
  /** SHA-256 of the secret, hex; null when none was asked for. */
  readonly tokenHash: string | null;
}

/** What a frame that ran leaves behind. */
export interface Execution {
  /** The sequence it consumed: the record's last + 1. */
  readonly sequence: number;
  readonly fingerprint: string;
  readonly reply: KeptReply;
  /** The file still open after it. */
  readonly upload: UploadRecord | null;
  /** Bytes of the files it finished. */
  readonly storedBytes: number;
  /** Files it finished. */
  readonly storedFiles: number;
  /** How many replies are kept. */
  readonly maxInflight: number;
  readonly now: number;
  readonly input: "transfer" | "disconnect";
}

/** A new session, attached to the connection that asked for it (S-CON-1). */
export function createSession(init: SessionInit): SessionRecord {
  return {
    id: init.id,
    version: 1,
    state: nextState(nextState("idle", "connect"), "authorise"),
    epoch: 1,
    instance: init.instance,
    leaseUntil: leaseFrom(init.now, init.keepaliveMs),
    takeovers: NONE,
    tokenHash: init.tokenHash,
    clientAddress: init.clientAddress,
    createdAt: init.now,
    lastActivityAt: init.now,
    detachedAt: null,
    endedAt: null,
    keepaliveMs: init.keepaliveMs,
    expiryMs: init.expiryMs,
    lastSequence: 0,
    ring: NONE,
    upload: null,
    intent: null,
    messageCount: 0,
    totalBytes: 0,
    filesTransferred: 0,
  };
}

// One empty list for all records: 10,000 idle sessions share it.
const NONE: readonly never[] = Object.freeze([]);

/**
 * An authorised connection takes the session, from nobody or from the one attached (S-TAKE-2).
 *
 * @throws {FxferError} `session_expired` or `session_unknown` by the clock, sweeper or not (S-CLK-1).
 */
export function attach(record: SessionRecord, init: AttachInit): SessionRecord {
  const { now } = init;
  const life = lifeOf(record, now);
  const living = life === "attached" || life === "detached";
  const state = nextState(living ? record.state : life, "authorise");
  // A lease that ran out has no holder: that is a resume after a crash, not a takeover.
  const takeover = life === "attached";
  return {
    ...record,
    version: record.version + 1,
    state,
    epoch: record.epoch + 1,
    instance: init.instance,
    leaseUntil: leaseFrom(now, init.keepaliveMs),
    takeovers: takeover ? [...record.takeovers, now].slice(-MAX_TAKEOVERS) : record.takeovers,
    clientAddress: init.clientAddress,
    lastActivityAt: now,
    detachedAt: null,
    keepaliveMs: init.keepaliveMs,
    expiryMs: init.expiryMs,
  };
}

/** Whether the session changed hands five times within 10 s: refuse another takeover (S-TAKE-5). */
export function isFlapping(record: SessionRecord, now: number): boolean {
  const { takeovers } = record;
  return takeovers.length >= MAX_TAKEOVERS && now - takeovers[0]! < FLAP_WINDOW_MS;
}

/** The connection is gone: expiry runs from here (S-DIS-1). */
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

/** The peer was heard: its server holds the session for another two keep-alive times (S-CLK-4). */
export function renewLease(record: SessionRecord, now: number): SessionRecord {
  return {
    ...record,
    version: record.version + 1,
    state: nextState(record.state, "heartbeat"),
    leaseUntil: leaseFrom(now, record.keepaliveMs),
    lastActivityAt: now,
  };
}

/** A file, or the next frame of one, begins. */
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

/**
 * More of the open file is durable: its offset goes up, never down (S-TRF-4).
 *
 * @throws {TypeError} If no upload is open.
 */
export function checkpoint(record: SessionRecord, offset: number, now: number): SessionRecord {
  const { upload } = record;
  if (upload === null) throw new TypeError("Cannot checkpoint: session has no upload");
  return openUpload(
    record,
    offset > upload.offset ? { ...upload, offset } : upload,
    now,
  );
}

/** The open file was cancelled or is gone. */
export function dropUpload(record: SessionRecord, now: number): SessionRecord {
  return { ...record, version: record.version + 1, lastActivityAt: now, upload: null };
}

/** Says what is about to happen to a finished file, before it gets its final name (S-SEQ-5). */
export function intend(record: SessionRecord, intent: Intent, now: number): SessionRecord {
  return { ...record, version: record.version + 1, lastActivityAt: now, intent };
}

/**
 * {@linkcode intend} for a file that was received in one go: the first word of it is its intent.
 */
export function intendWhole(
  record: SessionRecord,
  upload: UploadRecord,
  intent: Intent,
  now: number,
): SessionRecord {
  return { ...openUpload(record, upload, now), intent };
}

/** Recovery found no file under the intent's name: it did not happen (S-SEQ-5). */
export function dropIntent(record: SessionRecord, now: number): SessionRecord {
  return { ...record, version: record.version + 1, lastActivityAt: now, intent: null };
}

/**
 * A frame has run: its sequence, its reply and what it left, in the one record whose save is the
 * commit (S-SEQ). A disconnect closes the session with it.
 *
 * @throws {RangeError} If the sequence is not the next one: `judge` was not asked.
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
    ring: remember(record.ring, { sequence, fingerprint, reply }, run.maxInflight),
    upload: closes ? null : run.upload,
    intent: null,
    messageCount: record.messageCount + 1,
    totalBytes: record.totalBytes + run.storedBytes,
    filesTransferred: record.filesTransferred + run.storedFiles,
  };
}

/**
 * Writes down that the session expired, at the moment it did (S-CLK-1); the replies go with it.
 *
 * @throws {RangeError} If its time is not over: a sweeper deletes only what has expired (S-CLK-3).
 * @throws {FxferError} `session_expired` if it has ended already.
 */
export function expire(record: SessionRecord, now: number): SessionRecord {
  const detached = isAttached(record.state) ? nextState(record.state, "detach") : record.state;
  const state = nextState(detached, "expire");
  const endedAt = expiredAt(record, now);
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

/** Ends the session without a frame: a clean start (S-CON-3). A disconnect goes through {@linkcode execute}. */
export function close(record: SessionRecord, now: number): SessionRecord {
  return {
    ...record,
    version: record.version + 1,
    state: nextState(record.state, "disconnect"),
    instance: null,
    lastActivityAt: now,
    endedAt: now,
    upload: null,
    intent: null,
  };
}
