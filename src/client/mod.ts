/**
 * The client: sends files to a server, over as many connections as that takes.
 *
 * ## The parts, in reading order
 *
 * ```text
 * types.ts                  what a program gives to the client, and what it gets
 * stored_types.ts, terms.ts
 * client.ts                 connect(): the door; one of the next two does the work
 * session_manager.ts        keeps a session over one connection after another
 * v1_sender.ts              sends to a version 1 server: no session, nothing confirmed
 *   options.ts                the program's options with their defaults; the pauses between tries
 *   current_server.ts         which server to connect to, when a session has moved
 *   handshake.ts              the first request of a connection, and its reply
 *   early.ts                  what may go out before that reply is there (S-CON-9)
 *   connection_runner.ts      works one connection: a writer, a reader, a watch for silence
 *     client_connection.ts      bytes out, replies in
 *       dial.ts                   tries all addresses of a server, and makes TLS of it (src/tls/)
 *     transmitter.ts            writes one frame
 *       pace.ts                   how fast payload may go out
 *   send_queue.ts             decides what is sent next and what a reply means; no I/O
 *     outgoing_files.ts         the files that have no result yet
 *     calls.ts                  what else is asked and has no result yet
 *     requests.ts               the requests, and which of them have no reply yet
 *     replies.ts                what a reply says, and what it means
 *     window.ts                 how many requests have no reply at a time
 *     sequence_numbers.ts, frame_size.ts, sleeper.ts
 *   outgoing_file.ts          one file: how much of it is sent, answered and hashed
 *     file_facts.ts, file_digest.ts, frame_source.ts, source.ts, small_file.ts
 *   call.ts                   one question besides files to send
 *     list_remove.ts, fetch_call.ts
 *   client_errors.ts          the errors that the client makes itself
 * ```
 *
 * ## How a file travels
 *
 * `send` makes an `OutgoingFile`, and the session manager puts it into the send queue. The queue has the
 * file prepare its next frame: its first bytes are read, while heartbeats go on. The runner's writer then
 * takes the frame from the queue, and the transmitter writes it from the file's source. The
 * runner's reader hands each reply to the queue. The queue acknowledges the frame, or rewinds the file to
 * the offset that the server names, or fails it. If the connection is lost, the session manager makes
 * another one, and the queue goes on where the server has the session. With the last reply the file
 * compares the server's digest with its own, and `send` returns.
 *
 * To a server that is known, frames go out with the connect: the session manager then makes the runner before
 * the reply is there, and the runner reads it first. Whatever is not as it was known to be, the client connects
 * again and waits: all that it then has to know is what a lost connection leaves as well.
 *
 * ## How a file comes back
 *
 * `fetch` makes a `FetchCall`, and the send queue gives its request out before the frames of files. The
 * runner's reader hands the pieces of the reply's payload to the call, one at a time, and reads on when the
 * program has taken the piece: so a slow program slows the server down, by TCP alone. If the connection is
 * lost, the call asks for the rest. At the end it compares the digest of the whole file.
 *
 * ## Decisions
 *
 * - **The queue does no I/O.** All exactly-once rules of the client are plain functions of replies, and
 *   are tested without a socket.
 * - **Unanswered frames are kept without their bytes.** A source of known size can be read again, so a
 *   client of any number of large files needs two buffers of memory. Only a stream's bytes are kept, at
 *   most one window of frames.
 * - **A frame has at most 8 MiB, as a checkpoint of the server.** After a lost connection little is sent
 *   twice, and the replies show progress. One frame for a whole file would only spare a few replies.
 * - **A frame that is in memory waits for others, up to 64 KiB, and they are written in one system call.** The
 *   writer flushes them before it sleeps, so a single file does not wait. Of 2,000
 *   files of 10 KiB this leaves 330 writes.
 * - **A small file is read when its turn comes, and its bytes are forgotten when they are copied.** Where the
 *   program says that a disk answers at once (`readNow`), a blocking open, read and close take 10 µs, and
 *   awaited ones 50 µs and the time of several threads. No promise is made for such a file but its result:
 *   those of its frame and its digest took another 20 µs. On a disk that may hang nothing blocks.
 * - **The window begins with what a server answers while the connect is under way, and with 32 requests at
 *   least.** Over 50 ms these are 200, which saves 500 files of 10 KiB a tenth of their time. Then it grows by
 *   how close together the replies come. To begin with the server's limit would take memory of every server
 *   near by, for nothing. A server states its limit for sessions, where it keeps replies; outside of them
 *   1,600 requests may be unanswered, and over a distance bytes are the limit that counts (S-SEQ-6). Where
 *   no file is sent it begins with the limit: a question takes no memory of a server.
 * - **A program with many files waits until the client is `ready`.** A file that waits for its turn takes some
 *   3 KB, and makes nothing faster once 64 wait. What is in use when V8 cleans its space for new objects up decides
 *   how large that space becomes.
 * - **Files under way are in arrays, not in a Set.** Each table of a Set that was replaced refers to the one behind
 *   it, and an old one that V8 has not collected keeps all that follow: every file of a long run, until the next
 *   full collection.
 * - **A window that was full waits for 16 replies before it is filled again.** One request for each reply
 *   would be a system call for each, at both ends: of small files that is some 6 % of the processor time.
 * - **The bytes under way begin with what a fast way holds, and with two frames at least.** With 16 MiB unanswered,
 *   1 GiB over 50 ms takes 64 round trips, whatever the network could do. The bytes beyond take no memory:
 *   the client reads them again if it must, and the network holds them until the server reads. Only a server
 *   that offers more gets more, because one may count on 8 MiB (S-SEQ-6).
 * - **A file is read into two buffers of 256 KiB, each read awaited.** Piping the file's stream is a fifth slower
 *   (measured on loopback); synchronous reads are a tenth faster, but block the program on a slow disk.
 * - **What is published is one state of the file.** Before its last bytes go out, the client looks whether
 *   the file was touched. If it was, or if its parts were sent at different times, the digest of the whole
 *   file goes with the last frame, and the server publishes nothing else. To send that digest always would
 *   read the last frame of every file twice.
 * - **No read is awaited inside a frame without its connection.** A disk that hangs costs the connection
 *   when the server's stall clock runs out; the next try begins its frame when the disk answers.
 * - **The rate is limited where bytes are written, in small pieces.** A source that is slowed down would
 *   be silent for as long as a buffer takes, which is longer than the clocks of a server.
 * - **After a refusal nothing new is sent until all replies are there.** To guess the next number at once
 *   would save one round trip; a wrong guess could be the number of another request.
 * - **The server's pause is a floor, and jitter comes on top.** Clients that lost the same server at the
 *   same moment do not all come back at the same moment, and none comes too early.
 *
 * @module
 */
export { connect } from "./client.ts";
export type { LostReason } from "./client_errors.ts";
export { DEFAULT_BACKOFF, DEFAULT_RETRIES } from "./options.ts";
export { fitName } from "./file_facts.ts";
export { smallFileSource, smallFileState } from "./small_file.ts";
export type { FileState } from "./source.ts";
export { fileSource } from "./source.ts";
export type {
  FetchOptions,
  FetchResult,
  FetchSink,
  ListOptions,
  RemoveResult,
  StoredName,
} from "./stored_types.ts";
export type { SessionTotals, Terms } from "./terms.ts";
export type { Source, SourceInput } from "./source.ts";
export type {
  Backoff,
  Client,
  ClientEvent,
  ConnectOptions,
  Progress,
  SendOptions,
  SendResult,
} from "./types.ts";
