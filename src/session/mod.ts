/**
 * The session layer as data and rules: pure, no I/O, no clock.
 *
 * TCP gives two programs a stream of bytes for as long as one connection lasts. A session is what
 * outlives the connection: who may continue, which requests have run, how far the open file is. It
 * is one immutable {@linkcode SessionRecord}; this folder has every change of it as a function, and
 * the rules that decide which change is allowed. The rule ids (S-…) stand in comments, test names
 * and traces.
 *
 * ## States
 *
 * ```text
 *   Idle ─connect─► Connected ─authorise─► Authenticated ─transfer─► Active
 *                                            ▲  │  ▲                  │  │
 *                                            │  │  └────authorise─────┤  │
 *                                  authorise │  │      (takeover)     │  │
 *                                            │  ├───────detach────────┘  │
 *                                            │  ▼                        │
 *                         Timeout ◄─expire─ Detached                     │
 *                            │                  │                        │
 *                            │                  └──disconnect──┬─────────┘
 *                            │                                 ▼
 *                            └──forget─► Cleanup ◄─forget─ Disconnected
 * ```
 *
 * One table says all of it: {@linkcode nextState}. Every pair that is not an arrow is an error with
 * a code: `not_connected` for work before a session is attached, `protocol_error` for a second
 * connect where one is (S-CON-7), `session_expired` and `session_unknown` after the end.
 *
 * ## Clocks
 *
 * Three times belong to a session; {@linkcode lifeOf} computes what they mean at any moment from the
 * record alone, so an id is never usable longer because a sweeper is late (S-CLK-1).
 *
 * - **Lease**, 2 keep-alive times: renewed by activity. A record whose server died stays attached
 *   in the store; when the lease runs out it counts as detached from that moment (S-CLK-4). The lease
 *   never blocks a takeover.
 * - **Expiry** E, default 300 s: runs from detach only, never while a connection is attached, however
 *   long a payload takes (S-CLK-2).
 * - **Tombstone**, max(E, 1 h): after expiry or close the id answers `session_expired`; then the
 *   record is forgotten and it answers `session_unknown`. A sweeper removes only what is detached,
 *   expired, and still the version it looked at (S-CLK-3).
 *
 * ## Connect (S-CON)
 *
 * - S-CON-1 An id of null asks for a new session: the server makes a UUIDv4 and, if asked, a 256-bit
 *   secret of which only the SHA-256 is kept.
 * - S-CON-2 A known id, authorised and alive, is resumed: the reply says which sequence comes next and
 *   how far the open file is; that offset must be accepted next.
 * - S-CON-3 `clean` closes the old session, if the client may, and makes another under a new id. No id
 *   is used twice.
 * - S-CON-4 An unknown id is `session_unknown`; one within its tombstone is `session_expired` with
 *   `state` expired or closed. An id that a client made up is never adopted.
 * - S-CON-5 Attaching again takes the secret where one was made, else the client's address: the same
 *   one, its /24 or /64, or any ({@linkcode authorised}). Every failure is `unauthorized`, and the
 *   attached connection notices nothing.
 * - S-CON-7 Another connect on an attached connection is a `protocol_error`; after a refused one the
 *   client may try again.
 *
 * ## Exactly once (S-SEQ)
 *
 * The frames of a session are counted from 1, across all its connections. The record keeps the last
 * number and the last replies (`max_inflight` of them), and {@linkcode judge} decides:
 *
 * | the frame's number | what happens |
 * | --- | --- |
 * | last + 1 | it runs; number, reply and upload are saved in one step, then the reply is sent |
 * | kept, same request | nothing runs; the kept reply goes out with `replayed: true` |
 * | kept, another request | `sequence_reuse` |
 * | older than what is kept, or 0 | `replay_too_old` |
 * | last + 2 or more | `sequence_gap` with `expected` |
 *
 * - S-SEQ-1 Two requests are the same if action, upload_id, name, mime_type, length, sha256, complete,
 *   the end offset and the principal are ({@linkcode fingerprint}).
 * - S-SEQ-2 A refusal that kept the request from running leaves the number free for its retry.
 * - S-SEQ-3 A heartbeat repeats the last number and uses none up; a disconnect uses last + 1 and may be
 *   repeated, so a closed record keeps its replies.
 * - S-SEQ-5 Before a finished file gets its final name the record says so ({@linkcode Intent}): after a
 *   crash the file is either there and the commit is finished, or it is not and the intent is dropped.
 *
 * ## Takeover (S-TAKE)
 *
 * A second connection that may have the session gets it at once: {@linkcode attach} raises `epoch`,
 * and whoever still holds a smaller epoch finds its saves refused and stops (S-TAKE-1, S-TAKE-2). No
 * lock outlives a connection, so nobody ever waits for one (S-TAKE-6). A displaced client does not
 * come back by itself; five takeovers within 10 s are refused as flapping for 5 s (S-TAKE-5,
 * {@linkcode isFlapping}).
 *
 * ## Moving to another server
 *
 * A session may be handed to a server with another store ({@linkcode depart}, {@linkcode arrive}): here
 * it ends as a tombstone that knows where it went, and who is authorised is answered
 * `use_another_server`; there it begins detached. Epochs go on from one server to the next, so of all
 * records of a session in the world the one with the highest epoch is right.
 *
 * ## Ending and doing without (S-DIS, S-DEG)
 *
 * - S-DIS-1 A disconnect closes the session for good; a connection that just ends leaves it detached,
 *   and expiry starts.
 * - S-DEG-1 When no session can be had, a client that allowed it is served stateless; any other is told
 *   why. S-DEG-2 When the store is lost in mid-session no reply says `ok` before its number is stored:
 *   the bytes stay, and the session goes on when the store is back.
 *
 * @module
 */
export type {
  AuthMethod,
  Intent,
  KeptReply,
  Moved,
  RingEntry,
  SessionRecord,
  UploadRecord,
} from "./session.ts";
export { arrive, authMethodOf, depart, departing } from "./migration.ts";
export {
  isAttached,
  nextState,
  type SessionInput,
  type SessionState,
  STATE_NAMES,
} from "./state.ts";
export {
  fingerprint,
  judge,
  remember,
  type RequestFacts,
  type SequenceDecision,
} from "./sequence.ts";
export { expiredAt, forgottenAt, isLive, type Life, lifeOf, TOMBSTONE_MS } from "./life.ts";
export {
  attach,
  type AttachInit,
  checkpoint,
  close,
  createSession,
  detach,
  dropIntent,
  dropUpload,
  execute,
  type Execution,
  expire,
  FLAP_RETRY_MS,
  FLAP_WINDOW_MS,
  intend,
  intendWhole,
  isFlapping,
  MAX_TAKEOVERS,
  openUpload,
  renewLease,
  type SessionInit,
} from "./lifecycle.ts";
export { authorised, type Credentials, type IpBinding } from "./authorise.ts";
