/**
 * # The wire, version 2.1
 *
 * fxfer moves files over TCP. This text is the contract for the bytes: frames, replies, codes,
 * versions, and the end of a connection. Two more texts belong to it. That of `files/` says how
 * files are sent, listed, fetched and removed; that of the session folder says what a session is,
 * how a client opens and resumes one, its clocks and its numbers. Whoever has read the three can
 * write a client or a server. `fxfer help wire`, `fxfer help files` and `fxfer help session` print
 * them, and `fxfer conformance HOST:PORT` holds a server against them.
 *
 * Every rule has an id; comments, test names and traces name the rule by it. The ids come in
 * families: S-FRM frames, S-VER versions, S-DIS and S-DRN endings; in the text of files S-TRF
 * transfers, S-NAM names, S-GET fetch, S-LST list, S-REM remove, S-ACT what the three have in
 * common; and in the session text S-CLK clocks, S-CON connect, S-FEA features, S-SEQ numbers, S-TAKE
 * takeover, S-DEG doing without a session.
 *
 * ## Frames
 *
 * A client sends requests, and a server sends one reply to each request, in the order of the
 * requests. A client may send requests without waiting for replies. In both directions frame
 * follows frame with nothing between them, and TCP may cut the bytes anywhere. The port is 65432
 * unless server and client are told another.
 *
 * ```text
 * frame        = header LF [ session-data ] [ payload ]
 * header       = one JSON object in UTF-8, at most 16384 bytes before the LF
 * session-data = one JSON object in UTF-8, data_size bytes, at most 65536 bytes
 * payload      = exactly size bytes
 * ```
 *
 * This request stores a file of 5 bytes. Its header, shown here on two lines, is one line:
 *
 * ```text
 * {"version":"2.0","mime_type":"text/plain","size":5,"session":{"id":null,
 *  "mode":"stateless","sequence":1,"action":"transfer","data_size":20}}
 * {"name":"hello.txt"}hello
 * ```
 *
 * The fields of a header, of which only `session.id` and `session.data_size` may be absent:
 *
 * - `version`: `"2.0"`, or `"2.<minor>"` of a later version.
 * - `mime_type`: the media type of the file; any, in a request without one; `application/json` in
 *   replies.
 * - `size`: bytes of payload. Of requests only a `transfer` may have more than 0, of replies only
 *   that to a `fetch`.
 * - `session.id`: a UUIDv4 in lower case; null or absent in stateless frames, in a `connect` that
 *   asks for a new session, and in a frame that is sent behind a connect (S-CON-9).
 * - `session.mode`: `stateless` for a frame that stands alone, `stateful` for a frame of a session.
 * - `session.sequence`: the number of the frame in its session, from 1 (S-SEQ). Stateless frames
 *   and `connect` may carry any number.
 * - `session.action`: what the frame asks for; see the next section.
 * - `session.data_size`: bytes of session data; absent means 0.
 *
 * With `session.auth` or `session.mac` a header also says who sends the frame, and that nothing of it was
 * changed: see the text of keys.
 *
 * The rules that both ends keep for all JSON on the wire:
 *
 * - S-FRM-1 `size`, `sequence`, `data_size`, `offset`, `length`, `keepalive_s` and
 *   `session_expiry_s` are numbers whose text matches `0|[1-9][0-9]{0,15}` and whose value is at
 *   most 2^53-1. Anything else (`1e3`, `1.0`, `-0`, `01`, `"10"`, `true`) is `invalid_field`, and
 *   the reply names the field in `field`: `size`, `session.sequence`, `offset` and so on.
 * - S-FRM-2 A header or session data is `malformed_header` if it is not one JSON object, has a key
 *   twice in one object, nests deeper than 8, is not valid UTF-8, begins with a BOM, or holds NUL
 *   or half a surrogate pair (as a byte or as an escape). One CR before the LF of a header is
 *   tolerated.
 * - S-FRM-3 The keys `__proto__`, `constructor` and `prototype` are `malformed_header` at any
 *   depth. A receiver copies the fields it knows, one by one, and keeps nothing else of the JSON.
 * - S-FRM-4 Unknown keys are ignored. A sender that needs a key of the session data to be
 *   understood lists its name there, in `"crit":["name"]`. A server that does not know the name
 *   refuses the request with `unsupported_feature` and `name`, and the connection goes on.
 * - S-FRM-5 `mime_type` is `token/token`, at most 127 bytes; case does not matter, and parameters
 *   are dropped. Anything else is `invalid_field`; in version 1 it counts as
 *   `application/octet-stream`. The extension of the stored file comes from the server's table of
 *   media types; for a type that is not in it, from the file's name, if it is 1 to 16 letters and
 *   digits; else it is `bin`. `application/octet-stream` is treated as a type that is not in it, but
 *   where the table gives the name's extension to another type, it is `bin`.
 * - S-FRM-6 A header is refused with `header_too_long` as soon as one byte more than its cap has
 *   arrived without an LF. The search for the LF looks at new bytes only.
 *
 * A `data_size` over the cap is `too_large`, before any session data is read. A stream that ends
 * inside a header or session data is `incomplete`.
 *
 * ## Actions
 *
 * | action       | may carry payload | needs a session | uses a number |
 * | ------------ | ----------------- | --------------- | ------------- |
 * | `transfer`   | yes               | yes             | yes           |
 * | `heartbeat`  | no                | yes             | no            |
 * | `connect`    | no                | no              | no            |
 * | `disconnect` | no                | yes             | yes           |
 * | `fetch`      | no                | yes             | no            |
 * | `list`       | no                | yes             | no            |
 * | `remove`     | no                | yes             | yes           |
 *
 * The last two columns speak of stateful frames. A stateless frame needs no session, and its number
 * is ignored. What each action does, and the codes that say it succeeded:
 *
 * - `transfer` stores one file, or in a session a part of one: `ok` for a file, `partial` for a
 *   part.
 * - `heartbeat` is a sign of life: `pong`.
 * - `connect`, stateful, attaches the connection to a session: `session_created` or
 *   `session_resumed`, or `ok` when the server falls back to stateless service (S-DEG-1).
 *   Stateless, it only asks for the server's terms (S-CON-6): `ok`.
 * - `disconnect` ends the session: `session_closed`, and the server closes the connection.
 * - `fetch` sends a stored file, or a part of it, as the payload of its reply: `ok`.
 * - `list` tells which files are stored, a page at a time: `ok`.
 * - `remove` removes a stored file: `ok`.
 *
 * Session data of `connect` (all fields of session data are optional; null is the same as absent):
 *
 * - `token`: the session's secret, at most 256 characters.
 * - `want_token`: true asks for a secret for a new session.
 * - `clean`: true asks to close the old session and to create a new one.
 * - `keepalive_s` and `session_expiry_s`: the times the client would like, in seconds.
 * - `want_mac`: true asks for a code in every frame, of both ends (S-MAC-1).
 * - `fallback`: `"stateless"`, if the client can do without a session.
 *
 * `heartbeat` and `disconnect` have no session data of their own. That of the other actions stands
 * in the text of files.
 *
 * ## Replies
 *
 * A reply is a frame of the same shape. Its `mime_type` is `application/json` and its `size` is 0,
 * except that an `ok` to `fetch` has the media type of the file and its bytes as payload. A reply
 * repeats `id`, `mode`, `sequence` and `action` of its request; only the reply to a `connect`
 * may name another id or mode. Its session data is one JSON object and an LF, which `data_size`
 * counts:
 *
 * ```text
 * {"code":"ok","class":"success","message":"stored","file":{"path":"received_1f….txt",
 *  "size":5,"sha256":"2cf2…","mime_type":"text/plain"},"durability":"process"}
 * ```
 *
 * `message` is a fixed text for each code; it repeats nothing of the request. The other fields
 * depend on the code, and a client ignores fields it does not know:
 *
 * - `file`, `durability`, `upload_id`: with `ok`, what was stored and how safely (S-TRF-7).
 * - `replayed`: true when the request was answered before and nothing ran now.
 * - `offset`: how much of the file the server has, in bytes; with `partial`, `offset_mismatch` and
 *   `incomplete`.
 * - `next_sequence`: the number of the next frame of the session, with the success of a stateful
 *   `connect` or `heartbeat`.
 * - `expected`: the number the server expects, with `sequence_gap` and the like.
 * - `retry_after_ms`: how long to wait before the next try.
 * - `field`, `name`, `limit`, `length`, `sha256`, `supported`: what was wrong with the request,
 *   what is allowed, or what the server has.
 * - `state`: `expired` or `closed`, with `session_expired`.
 * - `files`, `bytes`, `messages`, `duration_ms`: what the session did in all, with
 *   `session_closed`.
 * - `address`, `ticket`: where the session has moved, with `use_another_server`; see the session
 *   text.
 *
 * A server may also send a **notice**: a frame that answers no request, with action `disconnect`,
 * before it closes the connection. A notice repeats id, mode and sequence of the last request
 * (null, `stateless` and 0 before the first one). Framing faults, a takeover, a stopping server and
 * the clocks that run between frames are told by notices; a clock that runs out inside a payload
 * answers its frame. A client that waits for the reply to its own `disconnect` knows that reply by
 * its code: it is `session_closed`, a code of class resync, or `store_unavailable`.
 *
 * ## Codes
 *
 * A client decides by the class of a code, which the reply carries in `class`.
 *
 * - **success**: go on. `ok`, `partial`, `session_created`, `session_resumed`, `session_closed`,
 *   `pong`.
 * - **retry**: send the same frame again, after `retry_after_ms` if the reply has it and after a
 *   random pause besides; connect first if the connection is closed. `busy`, `rate_limited`,
 *   `too_many_connections`, `max_sessions`, `store_unavailable`, `storage_full`,
 *   `server_shutting_down`, `use_another_server`, `handshake_timeout`, `header_timeout`, `stalled`,
 *   `too_slow`, `keepalive_timeout`, `takeover_flapping`, `internal_error`.
 * - **resync**: read the field that says what the server has, adjust, and go on. `offset_mismatch`,
 *   `sequence_gap`, `replay_too_old`, `incomplete`, `session_unknown`, `session_expired`,
 *   `checksum_mismatch`, `not_connected`.
 * - **fatal**: stop, and tell the user. `malformed_header`, `header_too_long`, `invalid_field`,
 *   `unsupported_version`, `unsupported_feature`, `protocol_error`, `too_large`, `length_mismatch`,
 *   `quota_exceeded`, `sequence_reuse`, `not_found`, `name_taken`, `forbidden`, `unauthorized`,
 *   `hmac_required`, `clock_skew`, `replay_detected`, `mode_not_allowed`, `session_taken_over`,
 *   `session_revoked`.
 *
 * The exit codes of the `fxfer` program: 0 all is well, 1 wrong usage or configuration, 2 retries
 * used up (the same command goes on), 3 refused, 4 not authorised, 5 the bytes are not what they
 * should be, 6 sent to a version 1 server and unconfirmed, 7 taken over, 8 a local file cannot be
 * used, 9 some files failed, 130 interrupted (the same command goes on).
 *
 * ## Versions
 *
 * - S-VER-1 The first header decides the version of the whole connection. Without `version` and
 *   `session`, or with `version` `"1.0"`, it is version 1; with `"2.<minor>"` it is version 2. Any
 *   other version is refused with `unsupported_version` and `supported: ["2.1","2.0","1.0"]`. A header of
 *   the other version later on is `protocol_error`. A first line that is no header at all (HTTP,
 *   TLS, noise) is answered in the shape of version 2.
 * - S-VER-2 A reply carries the lower minor version of the two ends. Version 2.1 adds features to
 *   2.0 and changes nothing of it (S-FEA-1).
 * - S-VER-3 Version 1 is `{"mime_type":…,"size":…}`, LF, payload, with a header of at most 4096
 *   bytes, for as many files as the client likes. The version 1 clients in the field never read;
 *   one that closes with unread bytes resets the connection and loses what it has not sent. So the
 *   server writes nothing before it has read the end of the stream, and then one line a file:
 *   `OK <path>` or `ERROR <text>`. A server may be told to write nothing at all, or `OK` after each
 *   file, which loses files in this way.
 * - S-VER-4 A server may refuse version 1. It then closes such connections and stores nothing of
 *   them.
 * - S-VER-5 A version 2 client that reads something else than a version 2 frame (`OK` LF), or
 *   nothing for 2 s, has met a version 1 server. Only if its user allowed it, it goes on in version
 *   1, one connection a file; the result is "sent, unconfirmed".
 * - S-VER-6 Faults of the framing are final: after `malformed_header`, `header_too_long`,
 *   `invalid_field`, `unsupported_version`, `protocol_error`, and session data that is too large or
 *   unfinished, the server says so, reads away as S-TRF-8 says, and closes.
 *
 * ## The end of a connection
 *
 * - S-DIS-2 Both ends close in this order: the last frame, the closing of the writing half, reading
 *   to the end of the stream (for at most 2 s), the closing of the socket. So the last frame is not
 *   lost.
 * - S-DRN-1 A server that is told to stop (SIGTERM) is at once no longer ready, and closes its
 *   listener. At the next frame boundary each connection gets the notice `server_shutting_down`
 *   with `retry_after_ms`. A payload under way may go on for the drain time (10 s); then it is cut,
 *   what has arrived is kept, and the notice carries its `offset`. Then the store is closed and the
 *   process exits with 0. A second signal ends it at once.
 *
 * ## In code
 *
 * This folder is pure: bytes in, events out, and back, without I/O and without a clock.
 * {@linkcode Decoder} reads the frames of both ends, {@linkcode encodeReply} and
 * {@linkcode encodeRequest} write them, {@linkcode negotiateVersion} picks the minor version. A
 * framing fault is the decoder's `fault` event, and always its last. All limits stand in
 * `limits.ts`.
 *
 * To add an action, add its request to the union `RequestFrame` in `actions.ts` and its row to the
 * table {@linkcode ACTIONS} there; decoder and encoder follow from the row. Then add a case to the
 * handlers, a call to the client, an input to `state.ts` of the session folder if it moves a
 * session, and its lines to this text. The compiler and the tests of both folders report what was
 * forgotten.
 *
 * @module
 */
export * from "./limits.ts";
export * from "./frame.ts";
export { ACTIONS } from "./actions.ts";
export type { FetchData, ListData, ListOrder, RemoveData, TransferData } from "./files/mod.ts";
export {
  type Action,
  type AuthHeader,
  type ConnectData,
  type ConnectRequest,
  type DisconnectRequest,
  type FetchRequest,
  type FrameHeader,
  type HeartbeatRequest,
  type ListRequest,
  type Mode,
  type RemoveRequest,
  type RequestBase,
  type RequestFrame,
  type SessionHeader,
  type SignedBytes,
  type TransferRequest,
} from "./requests.ts";
export * from "./decoder.ts";
export * from "./encoder.ts";
export { negotiateVersion } from "./header.ts";
