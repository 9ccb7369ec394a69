/**
 * Where file bytes live: names, digests, budget, durability, the manifest.
 *
 * ## Two tiers
 *
 * What the process may do in the folder decides how a file comes to be:
 *
 * | | W: `--allow-write=storage` | RW: also `--allow-read=storage` |
 * | --- | --- | --- |
 * | receives under | the final name, createNew, mode 0200 | `.incoming/<random>.part` |
 * | publishes by | chmod 0640 | a rename to the final name, which must be free |
 * | then | one line in `commits.jsonl` | the same |
 * | who may trust a name | one that has a line, or whose mode is not 0200 | any final name |
 * | after a restart | nothing can be read: partial files stay, upload ids are forgotten, the budget counts from 0 | `reopen`, `recover`, `sweep`; ids and bytes come from the manifest |
 * | durability | `process`, `data` | and `durable`: flushing a folder takes a handle for reading |
 * | planted symlinks | a last component is refused by createNew, a link in place of a session's folder is removed; the manifest cannot be looked at | refused by lstat when a folder is made or first used, and at each opening of the manifest |
 * | planted FIFOs | names are made with createNew, which refuses them; the manifest is opened without blocking and its handle must be a regular file | the same |
 *
 * ## The order of writes, and what a crash leaves
 *
 * | step | a crash after it leaves |
 * | --- | --- |
 * | 1. bytes in the temporary place | a partial file. RW: resumed if a session names it, else swept. W: mode 0200, without a line |
 * | 2. seal: contents flushed (`data`, `durable`), digest fixed | the same; with the intent in the session store `recover` finishes it |
 * | 3. final name (RW: rename; W: mode) | a whole file that has no line and got no `ok`: `recover` adds the line; else `verifyFolder` shows it as extra |
 * | 4. folders flushed (`durable`) | the same, after a power cut too |
 * | 5. the line, one write in append mode | a stored file. The sender has no `ok` and sends again: the upload id answers |
 * | 6. manifest flushed (`durable`) | the same, after a power cut too |
 *
 * So a line never stands for a file that is not whole, and `ok` comes after the line. Half a line
 * (the disk was full, the power went) is cut at the next start in tier RW and ended with a line
 * feed in tier W; readers skip it.
 *
 * ## Limits that are known
 *
 * - Free space is asked for only with `--allow-sys=statfs`; without, a full disk shows while writing.
 * - Whoever can write to the folder can put a symlink where a session folder was, after fxfer looked.
 * - A manifest that is *moved* away (not removed) goes on being written to until a restart.
 *
 * @module
 */
export type {
  Durability,
  FileSpec,
  FileStorage,
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
