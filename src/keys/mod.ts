/**
 * # Keys
 *
 * A server that strangers can reach must know who is there. Its users have keys: a name and a secret that
 * the program makes. A client shows that it has a key without sending it, and the server shows the same;
 * both may then prove every frame. This text is the contract of that, for the frames of the wire's text.
 * `fxfer help keys` prints it.
 *
 * Keys say who is there and that nothing was changed. They hide nothing: whoever listens on the way reads
 * names and files, unless the connection is encrypted by TLS.
 *
 * ## Who is there
 *
 * - S-KEY-1 A key is a user's name and 256 bits that the program makes, never a password:
 *   `fxfer_<name>_<base64url>`, so that scanners for secrets find it. A name is 1 to 32 lower-case letters,
 *   digits and dashes. The server keeps the secret itself, which a MAC needs. A file with secrets that other
 *   users of its machine may read is refused.
 * - S-KEY-2 A `connect`, in either mode, may carry `session.auth` in its header: `{key, nonce, time, mac}`.
 *   `key` is the user's name, `nonce` 16 random bytes in base64url, `time` milliseconds since 1970, and `mac`
 *   an HMAC-SHA256 in base64url without padding, 43 characters. The HMAC covers the header line, its LF and
 *   the session data as they are sent, with the 43 characters of `mac` itself read as 43 dots; nothing is
 *   parsed and written again for it. These characters must stand in the line exactly once, or it is
 *   `malformed_header`. The key of the HMAC has 32 bytes: HKDF-SHA256 of the secret without salt, with info
 *   `fxfer 2.1 c` for frames of the client and `fxfer 2.1 s` for frames of the server.
 * - S-KEY-3 `time` is within 300 s of the server's clock, and no server that shares the store has seen the
 *   nonce in that time. A nonce that was seen is `replay_detected`. A wrong time under a right MAC is
 *   `clock_skew` with `server_time`. The register of nonces forgets none before its time is over: where it
 *   is full, or may have forgotten a nonce because the server's clock was set back, the answer is `busy`. One in memory does not know what was seen before it began, so times before
 *   its start are `busy` with `retry_after_ms`.
 * - S-KEY-4 The reply to a frame with a right `auth` carries `session.mac`, made in the same way with the
 *   server's key, over its header line, LF and session data, and then the nonce of the request as it was sent.
 *   So the client knows that the server has the key, and that the terms are the server's. No key, an unknown
 *   name, a wrong or expired key and a wrong MAC are all `unauthorized`, after the same work.
 * - S-KEY-5 From then on the connection acts for the user. A session belongs to the user who made it: whoever
 *   proves that key may attach to it again, from any address, and nobody else may. No token is made, sent or
 *   asked for. A stateless frame without a connect may carry `auth` itself; it counts for that frame, which
 *   names the SHA-256 of its payload, if it has one, as `payload_sha256` in its session data.
 * - S-KEY-6 A key that is taken away ends the connections of its user with `session_revoked` within 1 s after
 *   the server has read the change. Each server reads its key file again when it changes.
 * - S-KEY-7 Codes: `not_found` (no such file, or none that this user may see), `forbidden` (the user may not
 *   do this), `name_taken`, and `clock_skew`.
 *
 * ## Every frame
 *
 * - S-MAC-1 If the server requires it (`security.mac`), or the client asked with `want_mac: true` in its
 *   `connect`, the connect's reply says `mac: true`. Every frame after the connect then carries `session.mac`,
 *   in both directions: the HMAC as above, over header line, LF and session data, and then 8 bytes, big-endian:
 *   how many frames this end has sent on this connection before. Its key is HKDF-SHA256 of the secret; the salt
 *   is the connect's nonce and the reply's `challenge` as bytes, one after the other; the info is `fxfer 2.1 c
 *   frames` or `fxfer 2.1 s frames`. So no frame can be repeated, moved or brought to another connection: a
 *   wrong one is `replay_detected` and ends the connection. A frame with payload names the SHA-256 of it as
 *   `payload_sha256` in its session data. Bytes that do not match are `checksum_mismatch` with `field`
 *   `payload_sha256`; nothing of them counts, and the connection ends. Where MACs are required, a frame without
 *   is `hmac_required`, and version 1 is off. The payload of a reply has no code of its own: the client holds
 *   the whole file against the `sha256` in the reply.
 *
 * ## In code
 *
 * {@linkcode Keyring} has the keys of a server and judges what a client shows. {@linkcode FrameMacs} makes and
 * checks the codes of one connection. A {@linkcode UserLedger} remembers nonces and what users have stored: in
 * memory, in a SQLite file, or in Redis, as the session store does. `key_file.ts` reads and writes the file of
 * keys. The folder imports nothing but the ground floor.
 *
 * @module
 */
export {
  formatKey,
  isUserName,
  type Key,
  newKey,
  parseKey,
  SECRET_CHARACTERS,
} from "./key_text.ts";
export {
  formatKeyLine,
  type KeyLine,
  mustBePrivate,
  parseDate,
  parseKeyFile,
  parseRights,
} from "./key_file.ts";
export {
  connectKey,
  type CoveredBytes,
  type End,
  FrameMacs,
  isRight,
  MacKey,
  placeOf,
  seal,
} from "./mac.ts";
export { type Grant, GRANTS, OWN_FILES, type User, type UserLimits } from "./rights.ts";
export { type AuthFields, CLOCK_TOLERANCE_MS, Keyring, mustBeNew, type Proof } from "./keyring.ts";
export { MemoryLedger, RESERVED_MS, type Usage, type UserLedger } from "./ledger.ts";
