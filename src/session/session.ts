/**
 * The session record: everything a server remembers about one session, as plain JSON-safe data.
 * Records are immutable: a change is a new record with `version` one higher.
 *
 * @module
 */
import type { SessionState } from "./state.ts";

/** A reply a session keeps so that a retry is answered and not run again. */
export interface RingEntry {
  readonly sequence: number;
  /** What makes two requests "the same" (S-SEQ-1); see `fingerprint()`. */
  readonly fingerprint: string;
  /** The reply's session data, by its wire names. */
  readonly reply: KeptReply;
}

/** A kept reply: JSON-safe, with at least its code. */
export interface KeptReply {
  readonly code: string;
  readonly [field: string]: unknown;
}

/** A file that is being received. */
export interface UploadRecord {
  /** The sequence of the frame that opened it: part of the file's name. */
  readonly openedBy: number;
  /** The sequence of the frame under way or last executed. */
  readonly sequence: number;
  /** The client's name for the upload; absent when it gave none. */
  readonly uploadId?: string;
  /** The durable offset: never goes down (S-TRF-4). */
  readonly offset: number;
  /** The whole size; absent while unknown. */
  readonly length?: number;
  readonly mimeType: string;
  readonly name?: string;
  /** Where the bytes are, relative to the storage folder; opaque to the session layer. */
  readonly temporaryPath: string;
  /** The name it will get, relative to the storage folder. */
  readonly finalPath: string;
}

/** What is about to happen to a finished upload, written before its file gets its final name (S-SEQ-5). */
export interface Intent {
  readonly sequence: number;
  readonly fingerprint: string;
  readonly temporaryPath: string;
  readonly finalPath: string;
  readonly size: number;
  readonly sha256: string;
  readonly mimeType: string;
}

/** One session. Times are milliseconds since the epoch, durations milliseconds. */
export interface SessionRecord {
  /** UUIDv4, made by a server, never used again (S-CON-3). */
  readonly id: string;
  /** 1 for a new record, one more with each save: the store compares and sets on it. */
  readonly version: number;
  readonly state: SessionState;
  /** One more with each attach; a write with a smaller epoch is refused (S-TAKE-2). */
  readonly epoch: number;
  /** The instance that serves the attached connection; null while detached. */
  readonly instance: string | null;
  /** Until when `instance` is believed to be alive (S-CLK-4). */
  readonly leaseUntil: number;
  /** The times of the last takeovers, newest last, at most 5 (S-TAKE-5). */
  readonly takeovers: readonly number[];

  /** SHA-256 of the secret token, hex; null when none was asked for. */
  readonly tokenHash: string | null;
  /** The address of the client that last attached. */
  readonly clientAddress: string;

  readonly createdAt: number;
  readonly lastActivityAt: number;
  /** When the connection went away: expiry runs from here; null while attached. */
  readonly detachedAt: number | null;
  /** When it expired or was closed: the tombstone runs from here; null before. */
  readonly endedAt: number | null;

  /** Keep-alive agreed at connect. */
  readonly keepaliveMs: number;
  /** Expiry agreed at connect. */
  readonly expiryMs: number;

  /** The last sequence that was executed; 0 before the first. */
  readonly lastSequence: number;
  /** The last replies, oldest first, at most max_inflight. */
  readonly ring: readonly RingEntry[];
  readonly upload: UploadRecord | null;
  readonly intent: Intent | null;

  /** Frames executed. */
  readonly messageCount: number;
  /** Payload bytes stored in finished files. */
  readonly totalBytes: number;
  /** Files stored. */
  readonly filesTransferred: number;
}
