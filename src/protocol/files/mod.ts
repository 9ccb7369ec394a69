/**
 * # The wire of files
 *
 * How files are sent, named, listed, fetched and removed. The frames themselves are in the text of
 * the protocol folder. All fields of session data are optional; null is the same as absent.
 *
 * ## Transfers
 *
 * The payload of a `transfer` without session data is one whole file. In a session a file may come
 * in several frames: every frame but the last says `complete: false`, and each carries the `offset`
 * where it starts. That is how a client sends a file larger than `max_request_size`, or one whose
 * size it does not know yet. Any frame may be the first that tells `length`. A session has one open
 * file at a time. A stateless transfer is one whole file: `complete: false` and `cancel` are
 * `mode_not_allowed`.
 *
 * Session data of `transfer`:
 *
 * - `upload_id`: a UUID the client makes for this file; it makes retries safe (S-TRF-9). Every
 *   frame of the file carries it.
 * - `name`: the file's name at the sender (S-NAM-1). Name and media type are those of the frame that
 *   opens the file.
 * - `mtime_ms`: when the file was last changed, in milliseconds since 1970.
 * - `executable`: true if the sender may run the file.
 * - `on_clash`: `"refuse"`, if the file is not to get another name than the one it has (S-NAM-3).
 * - `offset`: where the payload starts in the file; absent means 0.
 * - `length`: the size of the whole file.
 * - `complete`: whether this frame ends the file; absent means true.
 * - `sha256`: the digest of the whole file, 64 hex digits; compared at the frame that ends the
 *   file.
 * - `payload_sha256`: the digest of this frame's payload alone; needed under a MAC (S-KEY-5, S-MAC-1).
 * - `cancel`: true drops the session's partial file, and stores nothing. The answer is `partial`
 *   with `offset` 0 and `cancelled`: true.
 *
 * - S-TRF-1 `offset` must be the offset up to which the server has the file, and `upload_id` that
 *   of the open file. Anything else is refused with `offset_mismatch`, the right `offset` and the
 *   right `upload_id`, and nothing is written. In stateless mode the right offset is 0.
 * - S-TRF-2 A frame that reaches beyond `length`, ends the file before it, or tells another
 *   `length` than an earlier frame, is `length_mismatch`. A frame or file over a limit of the
 *   server is `too_large`, over a quota `quota_exceeded`. The server refuses all of them before it
 *   reads the payload.
 * - S-TRF-3 Before it reads a payload, the server reserves room for the announced bytes: in its
 *   budget, and in the free space of the disk where it may ask for that. Of three uploads that each
 *   announce 60 % of the room one is taken, and two are told `storage_full`.
 * - S-TRF-4 A connection lost inside the payload of a session loses nothing that has arrived. At
 *   least every 8 MiB, every second, and when the connection ends, the server flushes the bytes as
 *   its durability level asks and then saves the offset in the session store. It reports only
 *   offsets saved in this way, and they never go down. Only when storage itself fails is the
 *   partial file dropped, and the file starts again at 0.
 * - S-TRF-5 The server writes each payload at its offset in the file, computes the SHA-256 of the
 *   whole file, and says it in the reply. If the client sent another `sha256`, the reply is
 *   `checksum_mismatch` and nothing is stored.
 * - S-TRF-6 A stream that ends before `size` bytes is answered `incomplete`, with the `offset` that
 *   is kept, and the connection closes: the peer may have closed only its writing half, and can
 *   still read. In stateless mode nothing is kept and nothing is stored.
 * - S-TRF-7 `ok` means that the whole file stands under its final name and in `commits.jsonl`, as
 *   safely as `durability` says. `process`: it survives the death of the server process. `data`:
 *   its contents are flushed to the disk. `durable`: contents, directory entry, manifest and
 *   session store are.
 * - S-TRF-8 After a refusal the server sends the reply first, and then reads away what is left of
 *   the payload: at most 64 MiB for at most 2 s. If that was the whole payload, the connection goes
 *   on; if not, the server closes its writing half, reads on to the same limits, and closes. A
 *   client whose write fails still tries to read a reply.
 * - S-TRF-9 An `upload_id` that was stored before with the same SHA-256, as sent or else as
 *   computed, gets its first result again, with `replayed: true`, and nothing is stored: a retry is
 *   safe, also in stateless mode and after a fallback. With another `sha256` it is
 *   `sequence_reuse`, with `field` `upload_id`.
 *
 * The `path` of a stored file is relative to the server's storage folder, and unless the server was
 * told to keep names (S-NAM-2), no text of a client is part of it but an extension (S-FRM-5): `received_<32 hex digits>.<ext>`
 * in stateless mode and version 1, and in a session `session_<id>/file_<sequence>_<timestamp>.<ext>`,
 * with the number of the frame that opened the file. A server may use the first form for all files.
 * An existing file is never overwritten.
 *
 * ## Names
 *
 * Feature `names` (S-FEA-1).
 *
 * - S-NAM-1 `name` may have folders before it: components of 1 to 255 bytes joined by `/`, at most
 *   4096 bytes and 64 components in all. `mtime_ms` and `executable` may go with it. The three are
 *   data: the manifest keeps them, and list and fetch give them back.
 * - S-NAM-2 A server that keeps names (setting `storage.naming`, value `original`) stores the file
 *   as `files/<owner>/<name>`; the owner is the user of the key, or `public`. Each component is
 *   written in a form that every file system takes, and from which the name can be read back: in
 *   Unicode form NFC, and with these percent-encoded: `.` and `..`, a dot or space at either end,
 *   control characters, each of `\\ : * ? " < > | %`, and names that Windows reserves. A component
 *   that is then over 255 bytes is cut, and ends in `~` and 16 hex digits of its digest. Two names
 *   that are one to the file system, because they differ in case or form alone, count as taken.
 * - S-NAM-3 A taken name is never overwritten. If the file there has the same bytes, the reply is
 *   `ok` with that file and `existing`: true, and nothing is stored. Else the new file gets a
 *   number, `photo (2).png`; or `name_taken`, if the client asked for `on_clash` `"refuse"`. Folders
 *   are made one by one, and never through a link.
 * - S-NAM-4 Without a name, or where the server does not keep names, paths are as above. List and
 *   fetch find a file by its name all the same.
 *
 * ## Fetch, list, remove
 *
 * Features `fetch`, `list` and `remove`. A reply describes a stored file as `file`, with `path`,
 * `size`, `sha256`, `mime_type` and `stored_at` (ISO 8601 in UTC), and where they are known `name`,
 * `mtime_ms`, `executable` and `user`.
 *
 * Session data of `fetch`:
 *
 * - `path`: the file, as a reply has named it.
 * - `name`: without a path, the newest file of this name.
 * - `offset`: where in the file to begin; absent means 0.
 * - `length`: how many bytes at most; absent means all the rest.
 *
 * Session data of `list`:
 *
 * - `prefix`: only files whose name begins so.
 * - `name`: only files of exactly this name.
 * - `after`: the `next` of the page before.
 * - `follows`: true, in place of `after`: go on where the page before it on this connection ends (S-LST-2).
 * - `limit`: how many files at most; absent means 100, and a server gives 1000 at most.
 * - `session`: only files of the session with this id.
 * - `order`: `newest` first, which absent means, or by `name`.
 *
 * Session data of `remove`:
 *
 * - `path`: the file, as a reply has named it.
 *
 * - S-GET-1 The reply to `fetch` is `ok` with `file` and `offset`. Its header has the file's
 *   `mime_type`, and as `size` the bytes of payload that follow. A refusal has no payload:
 *   `not_found`, `forbidden`, or `offset_mismatch` with the file's `size` when the offset is beyond
 *   it.
 * - S-GET-2 A fetch that was cut goes on at `offset`, on any connection, at any instance, in both
 *   modes. The client compares the whole file's `sha256` before it gives the file its name. A server
 *   that cannot read a file to its end closes the connection inside the payload, and never fills it
 *   up with other bytes.
 * - S-GET-3 A fetch locks nothing: a file that is removed meanwhile is sent to its end where the
 *   system allows that. The file goes out in pieces, between which others are served. A client that
 *   does not read meets the clock `stalled`.
 * - S-LST-1 The reply to `list` is `ok` with `files`, each as `file` above, in at most 64 KiB of
 *   session data, and `next`: null at the end, else a text that only the server can read. A list is
 *   weakly consistent: a file that is stored all the time stands in it exactly once.
 * - S-LST-2 With the feature `follows` a client can ask for several pages at once: a `list` with
 *   `follows`: true, and otherwise as the last `list` on its connection, goes on where the page that
 *   answered that one ends. At the end of the list such a page is empty, and its `next` null. If the
 *   last `list` was refused, or there was none, it is `sequence_gap`.
 * - S-REM-1 The reply to `remove` is `ok` with the `file` that is gone. To remove a file again is the
 *   same `ok` within the retries, and `not_found` after that. The manifest gets a line with
 *   `removed`: history is appended and never rewritten. Budget and quota have the room at once.
 * - S-ACT-1 In a session `fetch` and `list` carry the last number that ran, or a smaller one, and use
 *   none up, as a heartbeat. `remove` uses the next one, and is exactly once.
 * - S-ACT-2 The server says what each client `may` do (S-FEA-2); everything else is `forbidden`. What
 *   a client may not see is `not_found`. A user sees the files of that user; whoever has no key sees
 *   the files of those without one.
 *
 * @module
 */
/** Session data of `transfer`. Without session data the payload is one whole file.
 * @category Protocol */
export interface TransferData {
  /** A UUID the client made: it names the upload across retries (S-TRF-9). */
  readonly uploadId?: string;
  /** The file's name at the sender, with its folders before it, `/` between them (S-NAM-1). */
  readonly name?: string;
  /** When the file was last changed at the sender, in milliseconds since 1970 (S-NAM-1). */
  readonly mtimeMs?: number;
  /** Whether the sender may run the file; absent means false (S-NAM-1). */
  readonly executable?: boolean;
  /** What happens if another file has the name: absent means that this one gets a number (S-NAM-3). */
  readonly onClash?: "refuse";
  /** Where the payload starts in the file, in bytes; absent on the wire means 0. */
  readonly offset: number;
  /** The whole file's size in bytes. */
  readonly length?: number;
  /** Whether this frame ends the file; absent on the wire means true. */
  readonly complete: boolean;
  /** The whole file's SHA-256, 64 lower-case hex digits. */
  readonly sha256?: string;
  /** The SHA-256 of this frame's payload alone, 64 lower-case hex digits (S-MAC-1). */
  readonly payloadSha256?: string;
  /** True drops the partial file; absent on the wire means false. */
  readonly cancel: boolean;
}

/** Session data of `fetch`: which file, and which part of it (S-GET-1).
 * @category Protocol */
export interface FetchData {
  /** The file's path as the server has said it. */
  readonly path?: string;
  /** The file's name at its sender; the newest file of that name is meant. Without effect beside a path. */
  readonly name?: string;
  /** Where in the file to begin, in bytes; absent on the wire means 0. */
  readonly offset: number;
  /** How many bytes to send at most; absent: to the end of the file. */
  readonly length?: number;
}

/** Session data of `list`: which files, and in which order (S-LST-1).
 * @category Protocol */
export interface ListData {
  /** Only files whose name begins with this text. */
  readonly prefix?: string;
  /** Only files of exactly this name. */
  readonly name?: string;
  /** The `next` of the page before. */
  readonly after?: string;
  /** Goes on where the page before on this connection ends, in place of `after`; absent on the wire means false. */
  readonly follows?: boolean;
  /** The most files in the page; a server gives 1000 at most. Absent on the wire means 100. */
  readonly limit: number;
  /** Only files of this session. */
  readonly session?: string;
  /** Newest first, or by name; absent on the wire means newest first. */
  readonly order: ListOrder;
}

/** The order of a list.
 * @category Protocol */
export type ListOrder = "newest" | "name";

/** Session data of `remove` (S-REM-1).
 * @category Protocol */
export interface RemoveData {
  /** The file's path as the server has said it. */
  readonly path?: string;
}
