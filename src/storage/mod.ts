/**
 * Where the bytes of files live: names, digests, budget, durability, the list of stored files.
 *
 * types.ts is the contract between the server and a storage. Every storage stores files. Its capabilities,
 * optional members that are present or absent, tell whether it can also reopen partial files, recover
 * commits, find files by upload id, learn of other processes' files and sweep. {@linkcode DiskStorage} is
 * the storage of the program.
 *
 * ## A storage of your own
 *
 * What to implement, in this order; after each step the suite tells what is still missing:
 *
 * 1. {@linkcode Upload}, one file that arrives piece by piece: `write` keeps the bytes and feeds the digest,
 *    `seal` fixes it, `publish` gives the file its final name, `discard` removes it, `release` as well.
 *    `checkpoint` promises that the bytes up to its offset are durable.
 * 2. {@linkcode FileStorage} with `begin`, which makes an upload; `put`, which may be begin, write, seal,
 *    a comparison of digests and publish; `check`, which throws while no file can be stored; `durability`,
 *    the strongest level that is true; `label`, a word for logs. With that a server works, in both modes.
 * 3. `find`, with replays in `put` and `publish`: a client whose reply was lost may now send a file again
 *    without having it stored twice (S-TRF-9). `find` may be asynchronous, as for a database. If it answers
 *    from memory while other processes store files, too, add `refresh`.
 * 4. `partials`: uploads go on after a restart of the server (S-TRF-4). From now on `release` leaves the
 *    bytes. Then `sweep`, because partial files whose session is gone must be removed at some time.
 * 5. `recover`: a file is stored once even if the server crashes between the file's publication and the
 *    session's record of it (S-SEQ-5).
 * 6. `journals`: small files of a session whose record outlives the process take one save, not two (S-SEQ-9).
 *    `put` calls `note` of the journal that stands in its spec right before it gives the final name.
 * 7. `gather`: files that came together are stored in one step, instead of `put` for each.
 * 8. `catalogue`: clients may list, fetch and remove what is stored (S-LST-1, S-GET-1, S-REM-1).
 *
 * Each member's text in types.ts says what the caller guarantees, what you must guarantee, and what users
 * lose where a capability is absent. What must always hold: `ok` comes after the level is reached; a file
 * that is not whole is never taken for a whole one; text of a client becomes part of a path only as original_names.ts writes it; paths that
 * come back from a session record are checked before they are used; errors are `storage_full` or
 * `internal_error` with a cause.
 *
 * Run `tests/storage_suite.ts` on your storage: a test file calls `storageSuite(name, factory, gaps)`, where `gaps`
 * names what the storage cannot do, each with the reason; these tests show as skipped. Two examples, which
 * run as tests: `tests/examples/memory_storage.ts` is a storage from scratch without a capability, and
 * `tests/examples/image_storage.ts` wraps the disk and takes images only.
 *
 * ## The rules of the disk
 *
 * - S-MAN-1 `commits.jsonl`, the manifest, lists the whole files: one JSON object and LF a line, with `path`,
 *   `size`, `sha256`, `mime_type`, `time` and, where known, `name`, `session`, `sequence`, `upload_id`,
 *   `client`, `user`, `mtime_ms` and `executable`. A file that was removed gets one more line, with its path
 *   as `removed`, and `time`. A line without LF is torn and counts as not there. Whoever appends after a torn
 *   line begins with LF, whichever process tore it. Lines of one path are one file, and the last one says
 *   what it is, or that it is gone.
 * - S-MAN-2 A file under a final name without a line is not committed. Who starts, the sweep, and the next
 *   try with its upload id complete it where a claim or an intent says what it is, once its process has
 *   died. Any other file is left alone: somebody may have moved the manifest away that lists it.
 * - S-MAN-3 The manifest is the file that its path leads to, not the one that a process has open. A manifest
 *   that was moved away or removed is followed by a new one (so rotation needs no signal; ids in the one
 *   before still hold for the processes that run, and its last files are found until they stand in the new
 *   one, or half a second is over). A storage folder that was replaced, or that a file system
 *   was mounted over, is adopted with what is in it, and the log says so.
 * - S-TRF-10 A full disk or a failed write keeps what was durable: the offset stays where it was, and the
 *   upload goes on from there when there is room. `storage_full` says `retry_after_ms`. What was answered
 *   `partial` is dropped only by expiry, by a cancel, or with the folder. A detached session whose address
 *   has more sessions than any other may expire before its time, when a newcomer finds no room.
 * - S-TRF-11 An upload id (S-TRF-9) holds for everything that shares the folder, as long as the manifest has
 *   its line: other connections, workers and servers, restarts, both modes. Of two tries under way at once
 *   the first to publish wins, and the other is answered its result; it waits up to 2 s for the outcome,
 *   then the answer is `busy`.
 *
 * ## The disk: two tiers
 *
 * What the process may do in the folder decides how a file comes to be, and which capabilities there are:
 *
 * | | W: `--allow-write=storage` | RW: also `--allow-read=storage` |
 * | --- | --- | --- |
 * | receives under | the final name, createNew, mode 0200 | `.incoming/<random>.part` |
 * | publishes by | chmod 0640 | a rename to the final name, which must be free |
 * | then | one line in `commits.jsonl` | the same |
 * | names that can be trusted | those with a line, or with another mode than 0200 | all final names |
 * | capabilities | `find`, and `catalogue` without `open` for the files of this process | all |
 * | after a restart | nothing can be read: partial files stay for people to remove, upload ids are forgotten, the budget counts from 0 | partial files are reopened, recovered or swept; ids and bytes come from the manifest |
 * | S-MAN-1 | the last byte cannot be read: after lines of others the next one begins with LF in any case | the last byte is read |
 * | S-MAN-2 | claims cannot be read, so there are none: a whole file whose line is missing stays as it is | as said |
 * | S-MAN-3 | the path is opened for each line; whether the folder is another one shows only when something is missing in it | the path is looked at once in 2 ms, and lines since the last look are written again |
 * | S-TRF-10, S-TRF-11 | partial files end with their connection, and ids hold for one process | as said |
 * | durability | `process`, `data` | and `durable`: to flush a folder it must be opened for reading |
 * | planted symbolic links | createNew refuses one as the last part of a path, one in place of a session's folder is removed; the manifest cannot be looked at | lstat refuses them when a folder is made or first used, and whenever the manifest or a claim is opened; a claim that was a file before may be looked at after that, before anything is written |
 * | names that are kept | `files/<owner>/…`, by createNew when the file begins; a file with the same bytes is known if this process has stored it | by a hard link at the end, which refuses a name that is in use |
 * | folders of kept names | a link below the owner's folder cannot be told from a folder; Deno's permission keeps what it leads to inside the storage folder | each is made or looked at, one by one; a link is refused |
 * | planted FIFOs | createNew refuses them; the manifest is opened without blocking, and its handle must be a regular file | the same |
 *
 * ## The order of writes, and what a crash leaves
 *
 * A *claim* is a small file in `.claims` that its holder has locked, with the line that the holder is about
 * to write (claims.ts). The lock ends when the holder dies, not while it stands still. A process that is alone on
 * the folder has one claim for all files that it publishes in one synchronous step, its note (alone.ts).
 *
 * | step | on the disk after it | a crash after it leaves | who finishes |
 * | --- | --- | --- | --- |
 * | 1. bytes under the temporary name, whose file is locked | a part, durable up to the last checkpoint | a partial file without a lock. W: mode 0200, without a line | a session that names it reopens it, without a copy because nobody holds the lock; else the sweep removes it after 10 minutes |
 * | 2. seal: contents flushed (`data`, `durable`), digest fixed | all bytes | the same; if the session store has the intent, a sealed file | `recover` for the session's next holder, or the sweep as in 1 |
 * | 3. claim taken, line written into it | the same, and the claim | the same. The claim has no holder, and its final name is free | who starts, the sweep or the next try with the upload id ends the claim; the file as in 2 |
 * | 3a. a file of a session that nobody announces is noted in the session's journal (journals.ts) | the same | the same | the session's next holder, who has taken the journal over, removes the part, or does as in 4 |
 * | 4. final name (RW: rename; W: mode) | a whole file, the claim | a whole file without a line, for which no `ok` was sent | those of 3 write the line that stands in the claim; `recover` does so from the intent |
 * | 5. folders flushed (`durable`) | the same, after a power cut too | the same | the same |
 * | 6. the line, one write in append mode | a stored file, the claim | a stored file. The sender has no `ok` and sends again: its upload id is known. Half a line counts as none, and is as in 4 | those of 3 find the line and end the claim |
 * | 7. manifest flushed (`durable`) | the same, after a power cut too | the same | the same |
 * | 8. claim ended | a stored file | a stored file | nobody needs to |
 *
 * A line never stands for a file that is not whole, and `ok` comes after the line. A process that stands
 * still between two steps keeps its locks: others take its partial file over as a copy, finish its commit
 * only by its intent, and answer `busy` to its upload id. When it wakes, it finds its temporary file gone, or
 * its line written, and a second line does no harm. Two finishers of one commit write the same line. No step
 * goes by a clock; the sweep's 10 minutes only tell orphans from files whose session has no record yet.
 *
 * Half a line at the end is cut off by the next process that starts, if no other has the manifest open (each
 * has a shared lock on it); otherwise it stays, and the next line begins after it.
 *
 * ## Decisions, and what was not chosen
 *
 * - Small files are stored synchronously, on the thread that serves all connections: 13 µs for 1 KiB, where
 *   the thread pool takes 111. From 16 KiB on, and only if other requests wait, the thread pool writes (put.ts).
 * - A file gets its final name by a rename after a look whether the name is free, not by a hard link, which
 *   would refuse a used name by itself: a link and a removal cost twice as much, and a crash between them
 *   leaves two names (folder.ts).
 * - A file that keeps its name (S-NAM-3) does get it by a hard link: others choose the same names, and between
 *   a look and a rename another process may take one. Where the
 *   file system has no hard links, a look and a rename must do (folder.ts, taken_names.ts).
 * - Names have 128 random bits, not the 16 of older servers, which collided within 5,000 files.
 * - Upload ids share 4,096 claims that are locked with flock, and not a file each: to make and remove one
 *   takes 12 µs in memory and some 40 on ext4, a lock and two writes take 9. Files without an id share one
 *   claim a process, at 1 µs each.
 * - A process that is alone takes none of these claims: where files with ids come together, storing them takes a
 *   fifth less of the time of its thread. To learn of others it looks at a name before it publishes, not at a lock:
 *   a look needs no answer of a process that stands still, and those that come need none of this one (alone.ts).
 * - The index, `.index.db`, is an SQLite file with a row of 60 bytes for each listed file, which all processes
 *   on the folder share; the rest is read from the line, by its position. Rows are not written with each file,
 *   because a row takes 5 to 15 µs in a file of a million: a table in memory has the upload ids of the last
 *   lines, and these come into the index together, when nothing was stored for 2 s, when 100,000 wait, or
 *   when somebody asks for a list. A start reads what the index does not have yet. Most ids that are looked up are
 *   new: a filter in memory, of 4 MB at most for 1,000,000, says so without the index (id_filter.ts).
 * - Nothing is lost with the index: one that is missing, damaged, foreign or of another manifest is set aside
 *   (as `.index.db.bad`) and built anew, 1,000,000 lines in some 10 s. Where no file can be had it is kept in
 *   memory. While another process writes, uploads go on.
 * - The list of stored files is a text file, to which each line is appended by one write, and not a
 *   database: several processes may append without a lock, a crash damages the last line at most, and any
 *   tool can read the list.
 * - Small files that came together are published together (commit_group.ts) where each has an upload id or is
 *   noted in a journal: one note, one line of claims and one of the manifest for all of them. With SQLite a server
 *   stores an eighth more so. A file with neither takes two short writes, 3 µs, and to wait for others costs as much.
 * - At level `durable` uploads that end together share one flush (flush.ts), because a flush takes
 *   milliseconds however many files it covers.
 * - Extensions come from the data file of mime-db. The package mime-types, which wraps the file, takes six
 *   times as long to load.
 * - There is one contract with optional members, and no class for each combination: a server asks for a
 *   capability where it needs it. Asking for the tier would be enough only if all storages were disks.
 *
 * ## Known limits
 *
 * - The storage asks for free space only with `--allow-sys=statfs`. Without it a full disk shows during a
 *   write.
 * - Whoever can write to the folder can put a symbolic link in place of a session's folder after fxfer has
 *   looked at it.
 * - A process that is killed within a millisecond after the manifest was moved away may have left its last
 *   lines in the moved file only.
 * - A budget goes on counting the files of a folder that was replaced while the server ran. Files that were
 *   removed by hand make room at the next start, or, beyond the first 10,000, with the sweeps, 5,000 files each.
 * - Workers of one server share a budget. Several servers on one folder do not: each counts what the others
 *   have stored when it has stored nothing itself for 2 s, so that busy ones may together store more.
 * - Somebody cuts a partial file while its bytes come in: this shows when it is flushed, unless bytes were
 *   written behind the cut before. Then the file is stored with a hole; `fxfer verify` finds it.
 * - The index is shared by the processes of one machine. SQLite cannot share it over a network: servers of
 *   several machines on one folder should have permission to write it alone.
 * - A start waits while another process stands still at the one moment, of some microseconds, in which that one finds
 *   out whether others have the manifest open.
 * - A server of an earlier version that starts while another one stands still in the middle of a commit does not
 *   know the note of that one, and may store a file twice that it is sent then.
 * - A file system without locks (some network ones) has no claims worth the name: there, two tries at one
 *   moment in two processes may store a file twice, and whoever goes on with a partial file copies it.
 * - On a network file system whose clients remember for seconds what they have looked at (NFS, without `noac`), a
 *   server that was alone may notice late that one on another machine has come: of a file that both are sent then,
 *   both may store it.
 *
 * @module
 */
export type {
  Durability,
  FileSpec,
  FileStorage,
  GatheredFile,
  MayPublish,
  PartialFile,
  PartialFiles,
  PutSpec,
  SealedFile,
  StoredFile,
  Tier,
  Upload,
} from "./types.ts";
export type {
  Catalogue,
  FileKey,
  ListedFile,
  ListPage,
  ListQuery,
  OpenedFile,
  OwnedBy,
  RemovedBy,
} from "./catalogue.ts";
export type { BudgetLedger } from "./budget.ts";
export { checkDigest, ComputedDigest } from "./digest.ts";
export { DiskStorage } from "./disk.ts";
export type { KeepPolicy, OutdatedFile } from "./keeping.ts";
export type { DiskStorageOptions } from "./open.ts";
export type { Flush } from "./flush.ts";
export type { Journal, Journals, NotedFile, UnannouncedFile } from "./unannounced.ts";
export type { Naming } from "./naming.ts";
