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
 *
 * Each member's text in types.ts says what the caller guarantees, what you must guarantee, and what users
 * lose where a capability is absent. What must always hold: `ok` comes after the level is reached; a file
 * that is not whole is never taken for a whole one; no text of a client becomes part of a path; paths that
 * come back from a session record are checked before they are used; errors are `storage_full` or
 * `internal_error` with a cause.
 *
 * Run `tests/storage_suite.ts` on your storage: a test file calls `storageSuite(name, factory, gaps)`, where `gaps`
 * names what the storage cannot do, each with the reason; these tests show as skipped. Two examples, which
 * run as tests: `tests/examples/memory_storage.ts` is a storage from scratch without a capability, and
 * `tests/examples/image_storage.ts` wraps the disk and takes images only.
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
 * | capabilities | `find` | all |
 * | after a restart | nothing can be read: partial files stay for people to remove, upload ids are forgotten, the budget counts from 0 | partial files are reopened, recovered or swept; ids and bytes come from the manifest |
 * | durability | `process`, `data` | and `durable`: to flush a folder it must be opened for reading |
 * | planted symbolic links | createNew refuses one as the last part of a path, one in place of a session's folder is removed; the manifest cannot be looked at | lstat refuses them when a folder is made or first used, and whenever the manifest is opened |
 * | planted FIFOs | createNew refuses them; the manifest is opened without blocking, and its handle must be a regular file | the same |
 *
 * ## The order of writes, and what a crash leaves
 *
 * | step | a crash after it leaves |
 * | --- | --- |
 * | 1. bytes under the temporary name | a partial file. RW: reopened if a session names it, else swept. W: mode 0200, without a line |
 * | 2. seal: contents flushed (`data`, `durable`), digest fixed | the same; if the session store has the intent, `recover` finishes the commit |
 * | 3. final name (RW: rename; W: mode) | a whole file without a line, for which no `ok` was sent: `recover` adds the line; without an intent `verifyFolder` shows it as extra |
 * | 4. folders flushed (`durable`) | the same, after a power cut too |
 * | 5. the line, one write in append mode | a stored file. The sender has no `ok` and sends again: its upload id is known |
 * | 6. manifest flushed (`durable`) | the same, after a power cut too |
 *
 * So a line never stands for a file that is not whole, and `ok` comes after the line. Half a line (the disk
 * was full, the power was cut) is cut off at the next start in tier RW, and ended with a line feed in tier
 * W; readers skip it.
 *
 * ## Decisions, and what was not chosen
 *
 * - Small files are stored synchronously, on the thread that serves all connections: 13 µs for 1 KiB, where
 *   the thread pool takes 111. From 16 KiB on, and only if other requests wait, the thread pool writes (put.ts).
 * - A file gets its final name by a rename after a look whether the name is free, not by a hard link, which
 *   would refuse a used name by itself: a link and a removal cost twice as much, and a crash between them
 *   leaves two names (folder.ts).
 * - Names have 128 random bits, not the 16 of older servers, which collided within 5,000 files.
 * - The list of stored files is a text file, to which each line is appended by one write, and not a
 *   database: several processes may append without a lock, a crash damages the last line at most, and any
 *   tool can read the list.
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
 * - If somebody *moves* the manifest away (instead of removing it), the server goes on writing to the moved
 *   file until a restart.
 *
 * @module
 */
export type {
  Durability,
  FileSpec,
  FileStorage,
  MayPublish,
  PartialFile,
  PartialFiles,
  PutSpec,
  SealedFile,
  StoredFile,
  Tier,
  Upload,
} from "./types.ts";
export type { BudgetLedger } from "./budget.ts";
export { checkDigest } from "./digest.ts";
export { DiskStorage } from "./disk.ts";
export type { DiskStorageOptions } from "./open.ts";
export type { Flush } from "./flush.ts";
export type { Naming } from "./naming.ts";
export {
  type VerifyFinding,
  verifyFolder,
  type VerifyOptions,
  type VerifyVerdict,
} from "./verify.ts";
