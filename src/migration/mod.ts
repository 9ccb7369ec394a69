/**
 * A session moves from one server to another that shares neither its store nor its storage.
 *
 * An operator exports it at the source, carries a blob to the target by any way there is (a pipe
 * through ssh, a file), and imports it there. The client is told by the source where to go on.
 *
 * ## The blob
 *
 * ```text
 * blob = "fxfer-session.1." payload "." mac LF [ bytes ]
 * ```
 *
 * - `payload`: base64url of one JSON object: the address of the target, from when and until when the
 *   blob can be used, the session's record as it left (sequence, kept replies, totals, terms, open file), and size
 *   and SHA-256 of the bytes.
 * - `mac`: base64url of the HMAC-SHA-256 over all that stands before it, with a secret both servers have
 *   in a file. What is signed are the characters of the line themselves, and nothing of them is read
 *   before the signature is known to be right.
 * - `bytes`: the open file up to its durable offset, as much as its record promises. They follow the
 *   line and are not inside it, so a file of any size streams through constant memory; the line has their
 *   digest. Where the storage of the source cannot read partial files, or that of the target
 *   cannot reopen them (capability `partials`), the session goes without its file: the client is told at
 *   its connect that no file is open, and sends the file from its start. Nothing is lost, only sent again.
 *   Bytes beyond the durable offset stay behind and are sent again too.
 *
 * Files stored before the move stay at the source, and kept replies go on naming them by the paths they
 * have there.
 *
 * ## Never two servers
 *
 * The epoch that fences a session within one store (S-TAKE-2) goes on across the move: `depart` raises
 * it, `arrive` raises it again. It is the nonce of the hand-over, too: a target takes a session only if
 * it remembers nothing of it, or an earlier stay there that ended with a move and has a smaller epoch;
 * compare-and-set lets one of two imports win. What it remembers is the record or its tombstone, which
 * lives for an hour or longer; a blob lives for ten minutes, thirty at most, by the target's own clock
 * give or take five. So a blob is used once at its target, and its address keeps it from being used at
 * another server.
 *
 * | step | a crash after it leaves |
 * | --- | --- |
 * | 1. source, one save: epoch up, state closed, `moved` with address and ticket | no server serves the session. The connection that held it finds its saves refused. The same export goes on from here: same epoch, same ticket |
 * | 2. source: a commit that had been announced is brought to its end (S-SEQ-5), one save | the same, with no commit left open |
 * | 3. the blob is written | the same. Half a blob is refused by its signature, its size or its digest. Export again |
 * | 4. target: the bytes into a file that no session names | the same; the file is swept, the blob can be used again |
 * | 5. target, one save: the session, detached, epoch up | the target serves it |
 *
 * Between 1 and 5 no server serves the session; its client keeps trying. If step 5 never comes, the
 * session is lost: the client is told `session_unknown` and starts over, under the same upload ids. The
 * source cannot take step 1 back, because it cannot know whether step 5 has happened. To take a session
 * back, the target imports it and exports it to the source. A blob whose target is gone for good may be
 * imported at the source itself *in the target's name* (`--as`): the operator vouches that the target has
 * not imported it and never will.
 *
 * ## The client, and what it shows where
 *
 * Until its tombstone ends (an hour or the session's expiry, whichever is longer), the source answers
 * an authorised connect with `use_another_server`, the `address`, and a `ticket`: 256 random bits made for
 * this hand-over. The blob holds the ticket's hash in place of the token's. So the token never leaves
 * the source: neither the blob nor the client takes it to the target. At the target the
 * ticket is the session's token from then on, also for a session that had none: its client may have
 * another address there. The source keeps the ticket as it is, in its store, for as long as it answers
 * with it; the ticket opens nothing at the source.
 *
 * A connection attached at the time of step 1 gets the notice `use_another_server` with the `address` at
 * its next save, or within a second; its client connects again and gets the ticket. What it had sent
 * since the last checkpoint it sends again, at the target.
 *
 * @module
 */
export { exportSession } from "./export.ts";
export type { ExportedSession, ExportOptions } from "./export.ts";
export { importSession } from "./import.ts";
export type { ImportedSession, ImportOptions } from "./import.ts";
export { importMigrationKey, MIN_SECRET_BYTES } from "./hand_over.ts";
