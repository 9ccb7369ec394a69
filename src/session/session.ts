/**
 * The session record: everything a server remembers about one session, as plain JSON-safe data.
 * Records are immutable: a change is a new record with `version` one higher.
 *
 * @module
 */
import type { SessionState } from "./state.ts";

/** A reply a session keeps so that a retry is answered and not run again. */
export interface RingEntry {
  /** The sequence it answered. */
  readonly sequence: number;
  /** What makes two requests "the same" (S-SEQ-1); see `fingerprint()`. */
  readonly fingerprint: string;
  /** The reply's session data, by its wire names. */
  readonly reply: KeptReply;
}

/** A kept reply: JSON-safe, with at least its code. */
export interface KeptReply {
  /** A code of the table. */
  readonly code: string;
  /** The other fields of the reply. */
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
  /** As the opening frame named it. */
  readonly mimeType: string;
  /** The name at the sender, as data. */
  readonly name?: string;
  /** Where the bytes are, relative to the storage folder; opaque to the session layer. */
  readonly temporaryPath: string;
  /** The name it will get, relative to the storage folder. */
  readonly finalPath: string;
}

/** What is about to happen to a finished upload, written before its file gets its final name (S-SEQ-5). */
export interface Intent {
  /** The sequence of the frame that finishes the file. */
  readonly sequence: number;
  /** That frame's fingerprint: its kept reply needs it. */
  readonly fingerprint: string;
  /** Where the bytes are, relative to the storage folder. */
  readonly temporaryPath: string;
  /** Where they will be. */
  readonly finalPath: string;
  /** Bytes. */
  readonly size: number;
  /** 64 lower-case hex digits. */
  readonly sha256: string;
  /** The media type it is stored with. */
  readonly mimeType: string;
}

/** As what a request was authorised: by a secret, or by its client's address. */
export type AuthMethod = "token" | "address";

/** Where a session went that was handed to another server. */
export interface Moved {
  /** `host:port` of that server, as clients reach it. */
  readonly address: string;
  /**
   * What the client shows there instead of its token, which no other server may see: a secret made
   * for that server alone, told to who is authorised here and to nobody else.
   */
  readonly ticket: string;
}

/** One session. Times are milliseconds since the epoch, durations milliseconds. */
export interface SessionRecord {
  /** UUIDv4, made by a server, never used again (S-CON-3). */
  readonly id: string;
  /** 1 for a new record, one more with each save: the store compares and sets on it. */
  readonly version: number;
  /** Where the session is in its life; see `nextState`. */
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

  /** When it was created. */
  readonly createdAt: number;
  /** When a frame last changed it. */
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
  /** The file that is being received; null between files. */
  readonly upload: UploadRecord | null;
  /** The commit under way; null outside one. */
  readonly intent: Intent | null;

  /** Frames executed. */
  readonly messageCount: number;
  /** Payload bytes stored in finished files. */
  readonly totalBytes: number;
  /** Files stored. */
  readonly filesTransferred: number;

  /** Where it went; absent while it is here. A record that has it is a tombstone. */
  readonly moved?: Moved;
  /**
   * As what its requests count when they are compared (S-SEQ-1), for a session that came from another
   * server and has another secret here; absent: as its own secret says.
   */
  readonly principal?: AuthMethod;
}
