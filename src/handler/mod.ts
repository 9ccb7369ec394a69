/**
 * What a request does: the handlers between the connections of server/ and the session store and storage.
 *
 * types.ts is the contract of a handler: a connection hands it one request with its payload, and gets the
 * reply. stateless.ts serves requests that stand alone, and version 1; stateful.ts serves sessions:
 *
 *     stateful.ts -> connect.ts (a new session, or takeover.ts and recovery.ts for an existing one)
 *                 -> transfer.ts -> open_file.ts (a file that arrives in several frames)
 *                                -> commit.ts (number and reply; unsaved.ts: those of several frames)
 *                                   unannounced.ts (small files without an intent)
 *                 -> removal.ts (remove.ts, exactly once)
 *     both -> fetch.ts, list.ts, remove.ts, and stored_files.ts for what the three share
 *     attachments.ts (which connection holds which session), housekeeping.ts (sweeps, takeovers elsewhere)
 *
 * ## The life of a file in a session
 *
 * The record in the store says in which state the file of a session is. It changes by compare-and-set alone,
 * and only for the holder: the connection with the newest epoch (S-TAKE-2). Four rules follow:
 *
 * 1. A file is removed or dropped after the save that makes the record forget it, never before.
 * 2. The holder asks whether it still holds the session in the same synchronous step in which it gives the
 *    final name (`mustHold`). One that was displaced publishes nothing.
 * 3. Once an intent is saved, what stands under its final name stays there: the holder and a newcomer may
 *    both finish the commit, and both make the same file and the same line. A line that stands twice is one
 *    file.
 * 4. A state that cannot be finished has a way out: the bytes are gone, so the record forgets the file, and
 *    the frame runs again.
 *
 * | state, by the record | on the disk | event: who may, in this order | a crash or a freeze in between |
 * | --- | --- | --- | --- |
 * | nothing | nothing | frame begins: the holder makes a partial file, saves `upload` | a partial file that no record names: the sweep removes it |
 * | `upload` | a partial file, whole up to `offset` | bytes, 8 MiB or a second: the holder writes, flushes, saves `offset` | more bytes than `offset` says: they are cut off |
 * | `upload` | the same | a write fails: the holder closes the file | it is opened again at `offset`, by this holder or the next |
 * | `upload` | no file, or too short | next frame or connect: the holder saves that nothing is open | the same again |
 * | `upload` | the same | cancel, wrong digest, known upload id: the holder saves the reply, removes the file | a partial file that no record names |
 * | `upload` | a whole partial file | last byte: the holder seals, saves `intent` | still `upload`: the frame goes on at `offset` |
 * | `intent` | a sealed partial file | the holder gives the final name; a newcomer does so by `recover` | still `intent`: whoever comes next |
 * | `intent` | the final name, no line | holder or newcomer: flush, line | the same |
 * | `intent` | the final name and its line | holder or newcomer: saves the reply | the newcomer finds the line, and saves the reply |
 * | `intent` | no line | another request with this number, while the commit fails: the holder saves that nothing is open, removes the file (S-SEQ-10) | a file without a line |
 * | `intent` | neither name has the bytes | newcomer or next frame: saves that nothing is open | the same again |
 * | nothing, reply kept | the final name and its line | the frame comes again: it is answered from memory | |
 *
 * A holder that froze and wakes up has an old epoch: its saves are refused, its rename finds no partial file,
 * its failure makes it ask the store, and its client hears of the takeover (S-NOT-1). A flush that hangs keeps
 * the holder, and no newcomer: that one waits 2 s for the holder, and the connect no longer than 1.5 s for the
 * commit. It waits no longer for a partial file that must be copied, because its former holder may still write
 * to it: the reply says the offset, which the record has, and the next frame waits for the copy.
 *
 * ## Small files that nothing announces
 *
 * - S-SEQ-9 At level `process` a file that is wholly in memory may be published without an intent, if its holder
 *   notes it in the session's journal first, and its number is saved after it. Frames that follow each other
 *   without a pause may share that save: then it says what all of them did, and their replies are sent after it, in
 *   order. If the save is refused or fails, none of them has run and none of the replies is sent. Who gets the
 *   session next takes the journal over before it publishes anything: from then on the former holder publishes
 *   nothing, and a frame that comes again is answered with the file that is there, which is counted once.
 *
 * | by the record | on the disk | event: who may, in this order | a crash or a freeze in between |
 * | --- | --- | --- | --- |
 * | nothing | a whole partial file | the holder notes it, and looks whether the journal is its own | a partial file that no record names. Who wakes up finds that the journal is not its own, and announces the file, which is refused |
 * | nothing | the same, noted | the holder gives the final name | the newcomer removes the partial file. Who wakes up cannot rename it |
 * | nothing | the final name, no line | the holder writes the line | the newcomer writes it; twice does no harm |
 * | nothing | the final name and its line, of one frame or several | the holder saves all numbers and replies | the newcomer knows the files. If a frame never comes again, its file stays: it has a line, and nobody has an `ok` |
 * | replies kept | the same | the frames come again: answered from memory | |
 *
 * A client that goes on after a store has lost data may send a file under a smaller number than before. So a file
 * without an upload id is known by its name, size and digest, if its number is not saved. Two files that are equal
 * in all three, of which no save speaks, may have their paths exchanged in the replies.
 *
 * Announced as before are: the first two small files of a connection, because a journal takes four system calls;
 * files of users with a quota, which count although their client never comes back; all files at the levels
 * `data` and `durable`, because a flush takes longer than a save, and one that hangs must leave a commit that
 * others can finish; all files where the storage has no journals. While somebody stands still who holds the claim
 * of an upload id, the newcomer answers `busy` to that id (S-TRF-11).
 *
 * Claims by session and number, one for each file, would do without a journal. They were tried: eleven more system
 * calls a file took 20 to 30 µs of the server, as much as the save that they made needless.
 *
 * At level `process`, with a store that dies with the process, a file that is wholly in memory has no intent:
 * between `mustHold` and the saved reply a newcomer waits (`committing`). Nobody else could know of the file.
 *
 * @module
 */
export type {
  ConnectionContext,
  Payload,
  Reply,
  ReplyPayload,
  Request,
  RequestHandler,
  V1Request,
  V2Request,
} from "./types.ts";
export {
  anonymous,
  DEFAULT_ANONYMOUS,
  type Identity,
  mustMay,
  type Right,
  RIGHTS,
} from "./identity.ts";
export { ComputedDigest } from "../storage/mod.ts";
export { Quotas } from "./quotas.ts";
export { StatelessHandler, type StatelessOptions, V1Handler } from "./stateless.ts";
export { degrade, type FallbackTerms, hashToken, newSecret } from "./connect.ts";
export { afterIntent, finishFile, tellFinished } from "./recovery.ts";
export { revokeSession } from "./revoke.ts";
export { sweepOrphans } from "./orphan_sweep.ts";
export { COMMIT_MS, MAX_TRIES } from "./takeover.ts";
export { StatefulHandler } from "./stateful.ts";
export { type Stored, tell, type Telling } from "./tell.ts";
export {
  DEFAULT_STATEFUL_OPTIONS,
  type StatefulChange,
  type StatefulOptions,
} from "./stateful_options.ts";
