/**
 * # Sessions
 *
 * TCP gives two programs a stream of bytes for as long as one connection lasts. A session is what
 * outlives the connection: who may continue, which requests have run, and how far the open file is.
 * The text of the protocol folder says what the bytes are; this text says what a session makes of
 * them. A client that needs no session sends stateless frames, and each of them stands alone.
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
 * - **Idle** and **Connected** belong to a connection that has no session yet.
 * - **Authenticated**: attached to a connection. **Active**: it has transferred on this connection.
 * - **Detached**: the connection is gone, and the time to the session's expiry runs.
 * - **Timeout** and **Disconnected**: the session has ended. The server keeps a tombstone, which
 *   tells so to a client that shows the id.
 * - **Cleanup**: the tombstone is gone, and the id means nothing any more.
 *
 * A frame that has no arrow in its state is refused: `not_connected` for work before a session is
 * attached, `protocol_error` for a second connect, `session_expired` and `session_unknown` after
 * the end.
 *
 * ## Clocks
 *
 * | clock      | runs                                     | default     | when it runs out    |
 * | ---------- | ---------------------------------------- | ----------- | ------------------- |
 * | handshake  | from accept to the first whole header    | 10 s        | `handshake_timeout` |
 * | header     | from a header's first byte to its LF     | 10 s        | `header_timeout`    |
 * | stall      | since the last byte of a payload         | 30 s        | `stalled`           |
 * | rate       | from 10 s into a payload, over 30 s      | 1 KiB/s     | `too_slow`          |
 * | keep-alive | since any byte from the client, to 1.5 K | K = 30 s    | `keepalive_timeout` |
 * | expiry     | while the session is detached            | E = 300 s   | `session_expired`   |
 * |            | the same with an open file               | P = 24 h    | `session_expired`   |
 * | tombstone  | from expiry or close                     | max(E, 1 h) | `session_unknown`   |
 *
 * The first five belong to a connection. When one of them runs out, the server says its code and
 * closes; what has arrived of a session's file is kept, and the session is detached. So that the
 * keep-alive does not run out, a client sends a heartbeat when it has sent nothing for half of K.
 * The last ones belong to the session. When it expires, its partial file is removed. Which of the two
 * expiry times holds is in the record: a file is open in it, or not.
 *
 * - S-CLK-1 A server decides whether a session is alive when a client connects, by the session's
 *   record and the time alone. An id is never usable longer because the server is late in cleaning
 *   up.
 * - S-CLK-2 No clock limits how long a payload may take in all, and none ends a session while a
 *   connection is attached.
 * - S-CLK-3 The server's cleanup deletes only a session that is detached, expired, and still the
 *   version of the record the cleanup has looked at.
 * - S-CLK-4 Being attached is a lease of 2 K, which any activity renews. When a server process
 *   dies, its sessions stay attached in the store until the lease ends, and count as detached from
 *   then on. A lease never keeps another connection from taking the session over.
 *
 * ## Connect
 *
 * A stateful `connect` comes before everything else in a session. It uses no number.
 *
 * - S-CON-1 An `id` of null asks for a new session. The server makes a UUIDv4 and, if `want_token`
 *   is true, a secret of 256 bits, of which it keeps only the SHA-256. The reply is
 *   `session_created` with the id in its header, `token` if asked, and `next_sequence` 1.
 * - S-CON-2 A known id is resumed if the client is authorised and the session alive. The reply is
 *   `session_resumed` with `next_sequence` and `upload`: null, or the open file with its `sequence`
 *   (which is `next_sequence`), `offset`, `length` and `upload_id`. A frame that goes on at this
 *   `offset` must be accepted. A server without permission to read its storage (`tier` `"W"` in its
 *   terms) cannot reopen a partial file after a restart; then `upload` is null, and the file starts
 *   over.
 * - S-CON-3 `clean: true` closes the old session, if the client may attach to it, and creates
 *   another one under a new id. No id is ever used twice.
 * - S-CON-4 An unknown id is `session_unknown`. The id of a tombstone is `session_expired` with
 *   `state` `"expired"` or `"closed"`. A server never adopts an id that a client made up.
 * - S-CON-5 To attach again, a client shows the secret as `token`, where the session has one. Where
 *   it has none, the client must come from the same address; a server may be told to accept the
 *   same network (/24 or /64), or any address. The session of a user needs that user's key instead
 *   (S-KEY-5). Every failure is the one code `unauthorized`, and the connection that is attached
 *   goes on.
 * - S-CON-6 The reply states the server's terms, and the client keeps to them: `keepalive_s` (K)
 *   and `session_expiry_s` (E), at most what the client asked for; `partial_expiry_s` (P), which
 *   holds instead of E while a file is open, is at least E, and at most what the client asked for as
 *   `session_expiry_s`; where it is not stated it is E; `max_inflight`, how many requests the
 *   client may have unanswered, and `max_unanswered_bytes`, how many bytes (S-SEQ-6); `limits` in
 *   bytes: `max_header`, `max_session_data`, `max_request_size` (payload of one frame),
 *   `max_upload_size` (one file; 0: none) and `checkpoint_bytes` (S-TRF-4); `server` with
 *   `instance`, `tier`, `durability` and `versions`, and with `upload_ids` false where it
 *   cannot keep S-TRF-9; `challenge`, 32 random bytes in
 *   base64url, from which the codes of frames are made (S-MAC-1); and `features` and `may`, of
 *   which the next two rules speak. A stateless connect is told `server`, these two, and the first three
 *   `limits` only; its challenge comes with codes.
 * - S-FEA-1 A server that speaks version 2.1 lists in its terms `features`, of `names`, `fetch`,
 *   `list`, `follows`, `remove`, `auth`, `mac`, `received` and `early`. A stateless connect is told them as
 *   well. A client uses only what is listed.
 * - S-FEA-2 The terms say what this client `may` do, of `put`, `get`, `list` and `remove`, and the
 *   `quota` that holds for it, if any: `bytes`, `files`, `used_bytes` and `used_files`.
 * - S-CON-7 A second connect on an attached connection is `protocol_error`. After a refused connect
 *   the client may try again on the same connection. A stateful frame before a connect, or with the
 *   id of another session, is `not_connected`.
 * - S-CON-9 With the feature `early` a client need not wait for the reply to its connect. Frames behind
 *   the connect may carry the id null: they mean the session that the connect opens, and their replies
 *   repeat the null. They are numbered from its next number, which is 1 in a new session; for a session
 *   that is resumed, a client sends such frames only if it is sure of the number. It sends at most 1 MiB
 *   before it has read the reply, heads counted, and only where it knows the feature from an earlier time.
 *   If the connect opens no session, each of these frames is refused with the code of the connect, or
 *   after a fallback with the reason for it, and none of them has done anything. A server without the
 *   feature answers `not_connected`, and the client sends the frames again with the id. Where frames carry
 *   codes (S-MAC-1) none can be early, because their codes need the server's challenge; and a client with
 *   a key sends none, because a server must first show that it has the key as well (S-KEY-4).
 *
 * ## Exactly once
 *
 * The session remembers the last number that ran, and keeps the last replies, as many as
 * `max_inflight`, without those of which the client has said that it has read them (S-SEQ-6). Frames run strictly in order, across all connections:
 *
 * | the frame's number    | what the server does                           | code             |
 * | --------------------- | ---------------------------------------------- | ---------------- |
 * | last + 1              | runs it; saves number, reply and file; replies | `ok`, `partial`  |
 * | kept, same request    | sends the kept reply with `replayed: true`     | as kept          |
 * | kept, another request | refuses                                        | `sequence_reuse` |
 * | older, or 0           | refuses                                        | `replay_too_old` |
 * | last + 2 or more      | refuses, and says which number it `expected`   | `sequence_gap`   |
 *
 * - S-SEQ-1 Two frames are the same request if these are equal: action, `upload_id`, `name`,
 *   `mime_type`, `length`, `sha256`, `complete`, the end offset (`offset` + `size`), and the way
 *   the client was authorised (by secret or by address). Because only the end offset counts, a
 *   client may repeat a frame without its bytes: `size` 0, and `offset` where the frame had ended.
 * - S-SEQ-2 A number is used up by `ok`, `partial`, `checksum_mismatch` and `session_closed`. Every
 *   other reply to a transfer or disconnect leaves the number free: the next try carries it again.
 *   Frames sent behind a refused one are refused as well, with `sequence_gap`.
 * - S-SEQ-3 A heartbeat carries the last number that ran, or a smaller one, and uses none up. A
 *   disconnect uses the next number and may be repeated, so a closed session keeps its replies.
 * - S-SEQ-4 Numbers start at 1 and go up by 1, and they go on when the session changes its
 *   connection. Stateless frames may carry any number.
 * - S-SEQ-5 Before a finished file gets its final name, the server saves what it is about to do:
 *   number, temporary name, final name, size and sha256. After a crash it looks for the file: if
 *   the file is there, the commit is finished, and a repeated frame gets its reply; if not, the
 *   intent is dropped, and the frame runs again. A small file may do without (S-SEQ-9): after a crash
 *   its number may be free although the file is there, and its frame, when it comes again, is
 *   answered with that file.
 * - S-SEQ-6 With the feature `received` the header of a frame in a session may have `session.received`:
 *   the client has read every reply up to this number. When the frame has run, the server forgets those
 *   replies, and a repetition of a frame with such a number is `replay_too_old`. A client counts its
 *   unanswered requests by bytes of payload as well: it begins no other frame while more than 8 MiB are
 *   unanswered. A server may offer more as `max_unanswered_bytes`. Then a client whose replies show that
 *   the way to the server holds more may go up to that, but not above 64 MiB, and for bytes that it cannot
 *   read again it stays at 8 MiB.
 * - S-SEQ-7 What uses a number up: `ok`, `partial`, `checksum_mismatch`, a cancel, `session_closed`. What
 *   does not: a refusal before the payload, and a failure that leaves the file where it was:
 *   `incomplete`, `stalled`, `too_slow`, `storage_full`, `store_unavailable`, `internal_error`.
 * - S-SEQ-8 A repeated frame is answered at once, and its payload is read away. An empty frame at the
 *   file's end (`size` 0, the same `sha256` and `complete`) is a repetition, and the one to prefer.
 * - S-SEQ-10 A whole file whose frame failed, because there was no room for its name or its line, may still be
 *   stored: the next frame of the session tries first. If that one has the same number and is another request,
 *   the client has given the file up. Then a file that cannot be stored even now is dropped, and the frame
 *   runs. If the file is stored by now, the number is used up, and the frame is refused with `sequence_gap`.
 *
 * After a lost connection a client connects again with the session's id and secret, and looks at
 * its frames that have no reply. A frame with a number below `next_sequence` has run, and a
 * repetition brings its reply (S-SEQ-1). The others have not run, and are sent again: an open file
 * from `upload.offset` on, a file from its start where `upload` is null. So a file of 9 bytes
 * arrives although the connection is lost after 5 of them:
 *
 * ```text
 * connect, id null, want_token            -> session_created, id S, token T, next_sequence 1
 * transfer 1, size 9, length 9, 5 bytes   -> (lost)
 * connect, id S, token T                  -> session_resumed, next_sequence 1, upload.offset 5
 * transfer 1, size 4, length 9, offset 5  -> ok, file.size 9
 * disconnect 2                            -> session_closed
 * ```
 *
 * ## Takeover
 *
 * A session has one connection. A second connection that presents the session's id takes it over.
 *
 * - S-TAKE-1 The server authorises the newcomer first. If that fails, the attached connection goes
 *   on.
 * - S-TAKE-2 Each attach raises the session's `epoch` by one, in one compare-and-set in the store.
 *   A save with a smaller epoch is refused, and the handler that tried it stops.
 * - S-TAKE-3 In the same server process, the old connection stops reading, saves what it has
 *   received, is sent the notice `session_taken_over` within 250 ms, and is closed. A connection in
 *   another process is told through the store, or finds its epoch lost within 1 s.
 * - S-TAKE-4 The newcomer's reply is sent when the old connection has let go, or after 2 s.
 * - S-TAKE-5 A client that was displaced does not reconnect by itself. After five takeovers within
 *   10 s the next is refused with `takeover_flapping`, to be tried again after 5 s.
 * - S-TAKE-6 No lock outlives a connection, so no client ever waits for one.
 * - S-TAKE-7 Takeovers count for S-TAKE-5 only where the displaced connection was alive: a server that
 *   died in between does not count.
 * - S-NOT-1 A notice, a frame that the server sends unasked, has `notice: true` in its data; replies do not.
 *   A displaced connection is told `session_taken_over`, whatever it was doing, and no other error before.
 *
 * ## Moving to another server
 *
 * A session can be handed to a server with another store. At its old server it ends, with a
 * tombstone that knows where it went; at the new one it begins detached. The old server answers an
 * authorised connect with `use_another_server`, `address` (`host:port`) and, where the session was
 * handed over, `ticket`. The client shows the ticket at the new server as its `token`, and never
 * shows one server's token to another. As a notice, or as the answer to another frame, the code has
 * the `address` only: the client connects again and asks. A client follows only to servers that it
 * was told to trust, at most three in a row. A client that arrives before its session is told
 * `session_unknown` or `unauthorized`, and tries again. Epochs go on from one server to the next,
 * so that of all records of a session in the world the one with the highest epoch is right.
 *
 * ## The end, and doing without a session
 *
 * - S-DIS-1 A disconnect is answered `session_closed` with the totals: `files`, `bytes`,
 *   `messages`, `duration_ms`. It closes the session for good and drops an open file. A connection
 *   that ends without one leaves its session detached, and the expiry begins. A client may send it
 *   behind its last frames: if one of those is refused, so is the disconnect (S-SEQ-2).
 * - S-DIS-3 If the reply to a disconnect was lost, a new connect is answered `session_expired` with
 *   `state` `"closed"`, `files`, `bytes` and `messages`: that confirms it.
 * - S-DEG-1 Only a client that asked for it (`fallback: "stateless"`) is served without a session
 *   when it cannot have one. The reply is `ok` with `mode` `"stateless"`, the id null, and
 *   `degraded` for the reason: `max_sessions`, `store_unavailable`, `busy` or `mode_not_allowed`.
 *   Every other client is refused with that code.
 * - S-DEG-2 When the store is lost in the middle of a session, no reply says `ok` before its number
 *   is saved. The bytes of an open file are kept, the reply is `store_unavailable`, and the session
 *   goes on when the store is back.
 *
 * ## In code
 *
 * This folder is pure: data and rules, without I/O and without a clock. A session is one immutable
 * {@linkcode SessionRecord}. {@linkcode nextState} is the table of states; `lifecycle.ts` has every
 * change of a record as a function from one record to the next; {@linkcode lifeOf} says what a
 * session is at a given time; {@linkcode judge} and {@linkcode fingerprint} are the rules of
 * numbers; {@linkcode authorised} says who may attach; {@linkcode faultOf} finds a damaged record; {@linkcode depart} and {@linkcode arrive}
 * move a session.
 *
 * The state table must know the actions of the wire, but this folder imports no other folder, so
 * that a store or a tool can use it without the wire. So {@linkcode FrameInput} names them again,
 * and `tests/session/actions_test.ts` compares both tables, pair by pair: an action that is missing
 * here, or that the two tables treat differently, fails there.
 *
 * @module
 */
export * from "./session.ts";
export * from "./ring.ts";
export * from "./state.ts";
export * from "./sequence.ts";
export * from "./lifecycle.ts";
export * from "./migration.ts";
export * from "./authorise.ts";
export * from "./witness.ts";
export * from "./check.ts";
