/**
 * # What is on the wire, version 2.0
 *
 * Pure: bytes in, events out, and back; no I/O, no clock. {@linkcode Decoder} reads both ends' frames,
 * {@linkcode encodeReply} and {@linkcode encodeRequest} write them. What a session makes of the frames
 * (connect, sequences, takeover) is told by the session folder. The rule ids (S-…) stand in comments,
 * test names and traces. Here is what another implementation needs to talk to this one.
 *
 * ## Frame
 *
 * ```text
 * frame        = header LF [ session-data ] [ payload ]
 * header       = one JSON object, UTF-8, no BOM, at most 16384 bytes before LF (v1: 4096)
 * session-data = exactly session.data_size bytes: one JSON object, UTF-8, at most 65536 bytes
 * payload      = exactly size bytes
 * ```
 *
 * ```json
 * {"version":"2.0","mime_type":"image/png","size":1024,
 *  "session":{"id":null,"mode":"stateless","sequence":1,"action":"transfer","data_size":96}}
 * ```
 *
 * (On the wire the header is one line.) TCP carries frame after frame with nothing between them, in
 * both directions, and may be cut anywhere.
 *
 * | field | value |
 * | --- | --- |
 * | `version` | `"2.<minor>"` |
 * | `mime_type` | media type of the file; `application/json` in replies |
 * | `size` | bytes of payload; more than 0 only for `transfer` |
 * | `session.id` | UUIDv4 in lower case; null or absent: no session, or a new one |
 * | `session.mode` | `stateless` or `stateful` |
 * | `session.sequence` | counts the frames of a session from 1; stateless frames and `connect` carry any |
 * | `session.action` | `connect`, `transfer`, `heartbeat` or `disconnect` |
 * | `session.data_size` | bytes of session data; absent means 0 |
 *
 * - S-FRM-1 `size`, `sequence`, `data_size`, `offset`, `length` are numbers written as
 *   `0|[1-9][0-9]{0,15}` and at most 2^53-1; so are `keepalive_s` and `session_expiry_s`. `1e3`, `1.0`,
 *   `-0`, `01`, `"10"` and `true` are `invalid_field`, and `field` names the culprit (`size`,
 *   `session.sequence`, `offset` …).
 * - S-FRM-2 `malformed_header`: not one JSON object, a key twice in one object, nesting deeper than 8,
 *   invalid UTF-8, a BOM, NUL or half a surrogate pair (escaped or not). One CR before LF is tolerated.
 *   Session data is held to the same.
 * - S-FRM-3 The keys `__proto__`, `constructor` and `prototype` at any depth are `malformed_header`.
 *   Known fields are copied one by one into typed records; nothing else of the JSON is kept.
 * - S-FRM-4 Unknown keys are ignored. A sender that needs one to be understood names it in the session
 *   data, `"crit":["name"]`: then an unknown one is refused with `unsupported_feature` and `name`, and
 *   the connection goes on.
 * - S-FRM-5 `mime_type` is `token/token` of at most 127 bytes, case ignored, parameters dropped.
 *   Anything else is `invalid_field`; in v1 it counts as `application/octet-stream`.
 * - S-FRM-6 A header is refused with `header_too_long` as soon as one byte more than its cap is here
 *   without LF; each byte is searched once.
 * - `data_size` over the cap is `too_large` before any of it is read. An end of the stream inside a
 *   header or session data is `incomplete`.
 *
 * ## Session data of requests
 *
 * All fields are optional, and null is the same as absent.
 *
 * | action | field | value |
 * | --- | --- | --- |
 * | connect | `token` | the secret of the session, at most 256 characters |
 * | | `want_token` | true: make a secret for a new session |
 * | | `clean` | true: close the old session and make a new one |
 * | | `keepalive_s`, `session_expiry_s` | what the client would like, in seconds |
 * | | `fallback` | `"stateless"`: serve without a session if none can be had |
 * | transfer | `upload_id` | a UUID made by the client: a retry of the same upload stores nothing twice |
 * | | `name` | the file's name at the sender, at most 255 bytes: data, never a path |
 * | | `offset` | where the payload starts in the file; 0 |
 * | | `length` | the whole file's size |
 * | | `complete` | whether this frame ends the file; true |
 * | | `sha256` | the whole file's digest, 64 hex digits |
 * | | `cancel` | true: drop the partial file |
 *
 * A frame without session data is whole: the smallest upload is a header and its bytes.
 *
 * ## Transfers
 *
 * - S-TRF-1 `offset` must be the durable offset, else `offset_mismatch` with the right `offset`.
 * - S-TRF-2 More than `length`, or another length than before, is `length_mismatch`; over a limit is
 *   `too_large`, over a quota `quota_exceeded`: all before the payload is read.
 * - S-TRF-4, S-TRF-6 A connection lost in a payload keeps what arrived in stateful mode; an end before
 *   `size` bytes is answered `incomplete` with the durable `offset`. Stateless, nothing is published.
 * - S-TRF-5 The server computes the file's sha256 and says it; if the client sent another one:
 *   `checksum_mismatch`, nothing published.
 * - S-TRF-7 `ok` means that the whole file is under its final name at the level in `durability`.
 * - S-TRF-8 After a refusal the server reads away at most 64 MiB of payload for at most 2 s; if that was
 *   all of it the connection goes on, else it closes. A client tries to read a reply after a write error.
 * - S-TRF-9 An `upload_id` seen before with the same sha256 gets its first result with `replayed: true`.
 *
 * ## Replies and notices
 *
 * Same frame: `mime_type` is `application/json`, `size` 0; id, mode, sequence and action echo the
 * request (connect and a fallback may say another id or mode). The session data is one object and an
 * LF, which `data_size` counts:
 *
 * ```json
 * {"code":"ok","class":"success","message":"stored",
 *  "file":{"path":"received_1f….png","size":1024,"sha256":"…","mime_type":"image/png"}}
 * ```
 *
 * One reply a request, in order; requests may be pipelined. Unasked, the server may send a frame with
 * action `disconnect` before it closes: a notice (`session_taken_over`, `server_shutting_down`,
 * `keepalive_timeout` …). Other fields of a reply depend on the code: `offset`, `expected`,
 * `retry_after_ms`, `field`, `supported`, `state`, `replayed`. `message` is a fixed text for each code and
 * repeats nothing of the request. A client ignores fields it does not know and decides by the class:
 *
 * | class | the client | codes |
 * | --- | --- | --- |
 * | success | goes on | ok, partial, session_created, session_resumed, session_closed, pong |
 * | retry | sends the same frame again, after `retry_after_ms` if given, with jitter | busy, rate_limited, too_many_connections, max_sessions, store_unavailable, storage_full, server_shutting_down, use_another_server, handshake_timeout, header_timeout, stalled, too_slow, keepalive_timeout, takeover_flapping, internal_error |
 * | resync | reads the field, adjusts, goes on | offset_mismatch, sequence_gap, replay_too_old, incomplete, session_unknown, session_expired, checksum_mismatch, not_connected |
 * | fatal | stops and tells the user | malformed_header, header_too_long, invalid_field, unsupported_version, unsupported_feature, protocol_error, too_large, length_mismatch, quota_exceeded, sequence_reuse, unauthorized, hmac_required, replay_detected, mode_not_allowed, session_taken_over, session_revoked |
 *
 * `use_another_server` says that a session has moved. As the answer to an authorised connect it carries
 * `address` (`host:port`) and, where the session was handed over, `ticket`: what the client shows there
 * as its `token`, in place of the one it has, which is for this server alone. As a notice, or as the
 * answer to another frame, it carries the `address` only: the client connects again and asks. A client
 * follows to servers it was told to trust, three in a row at most, and never shows one server's token
 * to another. One that is there before its session (`session_unknown`) tries again.
 *
 * ## Versions
 *
 * - S-VER-1 The first header decides for the whole connection. Neither `version` nor `session`, or
 *   `version` `"1.0"`: v1. `"2.<minor>"`: v2. Anything else: `unsupported_version` with
 *   `supported: ["2.0","1.0"]`. A frame of the other version later on is `protocol_error`. A first line
 *   that is no header at all (HTTP, TLS, noise) is answered in the v2 shape.
 * - S-VER-2 Replies carry the lower minor of the two: {@linkcode negotiateVersion}.
 * - S-VER-3 v1 is `{"mime_type":…,"size":…}` LF payload, many files on a connection. The v1 clients in
 *   the field never read; one that closes with unread bytes in its socket resets the connection and
 *   loses what it had not sent. So the server by default writes nothing before EOF, and then one line a
 *   file: `OK <path>` or `ERROR <text>` ({@linkcode encodeV1Results}).
 * - S-VER-4 A server may switch v1 off: it closes such a connection and stores nothing.
 * - S-VER-5 A v2 client that reads something other than a v2 frame (`OK` LF), or nothing for 2 s, has met
 *   a v1 server; only if its user allowed it, it goes on in v1, and the result is "sent, unconfirmed".
 * - S-VER-6 Framing faults are final: after `malformed_header`, `header_too_long`, `invalid_field`,
 *   `unsupported_version` or `protocol_error`, and after too large or unfinished session data, the server
 *   replies, reads away as in S-TRF-8, and closes. The decoder's `fault` event is always its last.
 *
 * ## Closing
 *
 * - S-DIS-2 Both ends close in this order: last frame, close the writing half, read to EOF for at most
 *   2 s, close.
 * - S-DRN-1 A server that stops sends `server_shutting_down` with `retry_after_ms` at a frame boundary.
 *
 * @module
 */
export * from "./limits.ts";
export type {
  Action,
  ConnectData,
  ConnectRequest,
  DecodeEvent,
  DisconnectRequest,
  FileInfo,
  FrameHeader,
  HeartbeatRequest,
  Mode,
  ReplyBody,
  ReplyFrame,
  ReplyHeader,
  RequestBase,
  RequestFrame,
  SessionHeader,
  TransferData,
  TransferRequest,
  V1Header,
} from "./frame.ts";
export { Decoder, type DecoderOptions } from "./decoder.ts";
export { encodeReply, encodeRequest, type RequestInit } from "./encoder.ts";
export { encodeV1Header, encodeV1Results, type V1Result } from "./v1.ts";
export { negotiateVersion } from "./version.ts";
