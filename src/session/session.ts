/**
 * The session record: everything a server remembers about one session, as plain JSON-safe data.
 * Records are immutable: a change is a new record with `version` one higher. {@linkcode lifeOf} says what
 * a session is at a given time, by its record alone, whether or not the server has cleaned up (S-CLK-1).
 *
 * @module
 */
import type { Ring } from "./ring.ts";
import { isAttached, type SessionState } from "./state.ts";

/** A file that is being received.
 * @category Session */
export interface UploadRecord {
  /** The number of the frame that opened the file: part of the file's final name. */
  readonly openedBy: number;
  /** The number of the frame that is under way, or that ran last. */
  readonly sequence: number;
  /** The UUID the client made for the upload; absent when it sent none. */
  readonly uploadId?: string;
  /** How many bytes are durable; never goes down (S-TRF-4). */
  readonly offset: number;
  /** The whole file's size in bytes; absent while it is unknown. */
  readonly length?: number;
  /** The media type, from the frame that opened the file. */
  readonly mimeType: string;
  /** The file's name at the sender, as data. */
  readonly name?: string;
  /** When the file was last changed at the sender, in milliseconds since 1970, as data. */
  readonly mtimeMs?: number;
  /** Whether the sender may run the file. */
  readonly executable?: boolean;
  /** What happens if another file has the name. */
  readonly onClash?: "refuse";
  /** The user who sends the file. */
  readonly user?: string;
  /** Where the bytes are, relative to the storage folder. The session layer does not interpret it. */
  readonly temporaryPath: string;
  /** The path the file will get, relative to the storage folder. */
  readonly finalPath: string;
}

/** What is about to happen to a finished file, saved before the file gets its final name (S-SEQ-5).
 * @category Session */
export interface Intent {
  /** The number of the frame that finishes the file. */
  readonly sequence: number;
  /** That frame's fingerprint, for its kept reply. */
  readonly fingerprint: string;
  /** Where the bytes are, relative to the storage folder. */
  readonly temporaryPath: string;
  /** Where the bytes will be. */
  readonly finalPath: string;
  /** The file's size in bytes. */
  readonly size: number;
  /** 64 lower-case hex digits. */
  readonly sha256: string;
  /** The media type it is stored with. */
  readonly mimeType: string;
}

/** A stored file that is about to be removed, saved before it is gone (S-REM-1).
 * @category Session */
export interface Removal {
  /** The number of the frame that removes the file. */
  readonly sequence: number;
  /** That frame's fingerprint. */
  readonly fingerprint: string;
  /** The file as the reply will describe it: a later file of the same path is another one. */
  readonly file: { readonly path: string; readonly [field: string]: unknown };
}

/** How a client was authorised to use the session: by the session's secret, or by its own address.
 * @category Session */
export type AuthMethod = "token" | "address";

/** Where a session has gone that was handed to another server.
 * @category Session */
export interface Moved {
  /** `host:port` of the new server, as clients reach it. */
  readonly address: string;
  /**
   * A secret made for the new server. The client shows it there in place of its token, which no other
   * server may see. The old server tells it only to a client that it has authorised.
   */
  readonly ticket: string;
}

/** One session. Times are milliseconds since the epoch, durations milliseconds.
 * @category Session */
export interface SessionRecord {
  /** A UUIDv4 made by a server; never used for another session (S-CON-3). */
  readonly id: string;
  /** 1 for a new record, one more with each save. A store takes a save only if it is the next one. */
  readonly version: number;
  /** Where the session is in its life; see `nextState`. */
  readonly state: SessionState;
  /** 1 for a new session, one more with each attach; a save with a smaller one is refused (S-TAKE-2). */
  readonly epoch: number;
  /** The server process that serves the attached connection; null while detached. */
  readonly instance: string | null;
  /**
   * The server process whose clock the times of this record are of: the one that it was last attached
   * to. Absent in records that other programs have written.
   */
  readonly clock?: string;
  /** Until when that process counts as alive (S-CLK-4). */
  readonly leaseUntil: number;
  /** The times of the last takeovers, newest last, at most 5 (S-TAKE-5). */
  readonly takeovers: readonly number[];

  /** SHA-256 of the session's secret, hex; null when the client asked for none. */
  readonly tokenHash: string | null;
  /** The user whose session it is: only who has that user's key may attach (S-KEY-5). Absent: nobody's. */
  readonly user?: string;
  /** The address of the client that last attached. */
  readonly clientAddress: string;

  /** When the session was created. */
  readonly createdAt: number;
  /** When the record last changed because of its client. */
  readonly lastActivityAt: number;
  /** When the connection went away, and the time to expiry began; null while attached. */
  readonly detachedAt: number | null;
  /** When the session expired or was closed, and its tombstone began; null while it lives. */
  readonly endedAt: number | null;

  /** The keep-alive time agreed at the last connect. */
  readonly keepaliveMs: number;
  /** The expiry time agreed at the last connect. */
  readonly expiryMs: number;
  /** The same while a file is open; absent where it is no longer then. See {@linkcode expiryOf}. */
  readonly partialExpiryMs?: number;

  /** The last number that ran; 0 before the first frame. */
  readonly lastSequence: number;
  /** The last replies, oldest first, at most max_inflight. */
  readonly ring: Ring;
  /** The file that is being received; null between files. */
  readonly upload: UploadRecord | null;
  /** The commit that is under way; null when there is none. */
  readonly intent: Intent | null;

  /** The removal that is under way; absent or null when there is none. */
  readonly removal?: Removal | null;

  /** How many frames have run. */
  readonly messageCount: number;
  /** Bytes of the files stored. */
  readonly totalBytes: number;
  /** How many files were stored. */
  readonly filesTransferred: number;

  /** Where the session has gone; absent while it is here. A record that has this is a tombstone. */
  readonly moved?: Moved;
  /** Whether an operator has ended the session (S-ADM-1); absent: no. */
  readonly revoked?: true;
  /**
   * How requests were authorised at the session's first server, for the comparison of requests
   * (S-SEQ-1). Only a session that has moved has this, because its secret here is another one; where it
   * is absent, `tokenHash` says it. See `authMethodOf()`.
   */
  readonly principal?: AuthMethod;
}

/** The shortest time for which an ended session is remembered, in milliseconds: 1 h. */
export const TOMBSTONE_MS = 3_600_000;

/** What a session is for a client that presents its id. */
export type Life = "attached" | "detached" | "expired" | "closed" | "forgotten";

/** Whether a file is open, or about to be stored: then there are bytes to go on from. */
export function hasFile({ upload, intent }: Pick<SessionRecord, "upload" | "intent">): boolean {
  return upload !== null || intent !== null;
}

/** How long the session outlives its connection: longer while it has a file, whose bytes would be lost. */
export function expiryOf(record: SessionRecord): number {
  const { expiryMs, partialExpiryMs = expiryMs } = record;
  return hasFile(record) ? partialExpiryMs : expiryMs;
}

/** When the session was detached; after a crash, when the lease ended that was not renewed (S-CLK-4). */
const detachedSince = (record: SessionRecord): number => record.detachedAt ?? record.leaseUntil;

/** When the session expired or was closed, in milliseconds since the epoch; null while it lives. */
export function expiredAt(record: SessionRecord, now: number): number | null {
  if (record.endedAt !== null) return record.endedAt;
  if (isAttached(record.state) && now < record.leaseUntil) return null;
  const at = detachedSince(record) + expiryOf(record);
  return now < at ? null : at;
}

/** When the tombstone ends, max(E, 1 h) after the session's end; null while the session lives. */
export function forgottenAt(record: SessionRecord, now: number): number | null {
  const ended = expiredAt(record, now);
  return ended === null ? null : ended + Math.max(record.expiryMs, TOMBSTONE_MS);
}

/** What the session is at `now`, in milliseconds since the epoch. */
export function lifeOf(record: SessionRecord, now: number): Life {
  const forgotten = forgottenAt(record, now);
  if (record.state === "forgotten" || (forgotten !== null && now >= forgotten)) return "forgotten";
  if (forgotten !== null) return record.state === "closed" ? "closed" : "expired";
  return isAttached(record.state) && now < record.leaseUntil ? "attached" : "detached";
}
