/**
 * commits.jsonl, the manifest: the list of whole files, one line of JSON each. Lines are only appended.
 *
 * A line is one `write` on a handle in append mode, so the lines of several processes on one folder
 * never mix. If a line could not be written whole, the next one starts with a line feed: readers then
 * see one malformed line and lose no other.
 *
 * @module
 */
import { FxferError } from "../errors.ts";
import type { StorageFolder } from "./folder.ts";
import { formatEntry, type ManifestEntry } from "./manifest_lines.ts";

/** The manifest's name in the storage folder. */
export const MANIFEST = "commits.jsonl";

/**
 * How often the manifest asks whether its handle still belongs to the file in the folder, in
 * milliseconds. Asking takes 9–18 µs, which is too much for each small file. Lines written since the
 * last check are kept, and written again if the check finds that somebody removed the file.
 */
const PATH_CHECK_MS = 1000;

type Fs = typeof import("node:fs");

/** Appends to the manifest. It works through `node:fs`, because Deno.open has no O_NONBLOCK (see below). */
export class Manifest {
  readonly #fs: Fs;
  readonly #folder: StorageFolder;
  readonly #now: () => number;
  readonly #encoder = new TextEncoder();
  #handle: number;
  /** Whether the file may end inside a line. */
  #torn: boolean;
  #checkedAt: number;
  #readTo = 0;
  /** Bytes this process has written since `#readTo` was set. */
  #ownBytes = 0;
  /** Lines written since `#checkedAt`. */
  #sincePathCheck: Uint8Array[] = [];

  /** Opens or makes the manifest of a folder. */
  constructor(fs: Fs, folder: StorageFolder, now: () => number) {
    this.#fs = fs;
    this.#folder = folder;
    this.#now = now;
    this.#checkedAt = now();
    [this.#handle, this.#torn] = openForAppend(fs, folder);
  }

  /** Appends the line of a whole file. When it returns, the line survives the end of the process. */
  append(entry: ManifestEntry): void {
    const now = this.#now();
    if (now - this.#checkedAt >= PATH_CHECK_MS || now < this.#checkedAt) this.checkPath();
    const line = this.#encoder.encode(formatEntry(entry));
    this.#write(line);
    this.#sincePathCheck.push(line);
  }

  #write(line: Uint8Array): void {
    const bytes = this.#torn ? this.#encoder.encode("\n" + new TextDecoder().decode(line)) : line;
    this.#torn = true;
    const written = this.#fs.writeSync(this.#handle, bytes);
    if (written !== bytes.length) {
      // On a regular file this happens only when the disk is full.
      throw new FxferError("storage_full", "Cannot write manifest: no room left");
    }
    this.#torn = false;
    this.#ownBytes += written;
  }

  /** The position in bytes up to which this process knows the lines. */
  get readTo(): number {
    return this.#readTo;
  }
  set readTo(end: number) {
    this.#readTo = end;
    // Lines of this process may stand before `end` or after it. None is counted: those after it are read
    // once more, which is harmless, but counting one before it could hide a line of another process.
    this.#ownBytes = 0;
  }

  /** Whether another process has appended lines that this one has not read. */
  get grew(): boolean {
    const { size } = this.#fs.fstatSync(this.#handle);
    if (size !== this.#readTo + this.#ownBytes) return true;
    if (this.#ownBytes > 0) this.readTo = size;
    return false;
  }

  /** Makes the manifest anew if somebody removed it: lines on the old handle would be lost. */
  checkPath(): void {
    if (this.#fs.fstatSync(this.#handle).nlink === 0) {
      const old = this.#handle;
      [this.#handle, this.#torn] = openForAppend(this.#fs, this.#folder);
      this.#fs.closeSync(old);
      this.readTo = 0;
      for (const line of this.#sincePathCheck) this.#write(line);
    }
    this.#sincePathCheck = [];
    this.#checkedAt = this.#now();
  }

  /** Flushes all lines written so far to the disk. */
  sync(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#fs.fsync(this.#handle, (error) => error ? reject(error) : resolve());
    return promise;
  }

  /** Closes the handle. */
  close(): void {
    this.#fs.closeSync(this.#handle);
  }
}

/**
 * Opens the manifest for appending. Returns its handle, and whether it may end inside a line: an earlier
 * process may have left half a line, and tier W may not read the last byte.
 *
 * Somebody may have planted a FIFO under the name: opening it would block for ever if no program reads
 * it, and a program that reads it would swallow the lines. So it is opened with O_NONBLOCK, which fails
 * at once without a reader, and fstat, which both tiers may call, must find a regular file. A planted
 * link is refused in tier RW. Tier W may not look, and there Deno's permission keeps the link's target
 * inside the folder.
 */
function openForAppend(fs: Fs, folder: StorageFolder): [handle: number, torn: boolean] {
  if (folder.tier === "RW" && folder.kind(MANIFEST)?.isFile === false) throw notRegular();
  const { O_APPEND, O_CREAT, O_WRONLY, O_NONBLOCK } = fs.constants;
  // Windows has no FIFOs in folders, and no O_NONBLOCK.
  const flags = O_WRONLY | O_CREAT | O_APPEND | (O_NONBLOCK ?? 0);
  let handle: number;
  try {
    handle = fs.openSync(folder.at(MANIFEST), flags, 0o640);
  } catch (error) {
    throw (error as { code?: string }).code === "ENXIO" ? notRegular(error) : error;
  }
  const info = fs.fstatSync(handle);
  if (info.isFile()) return [handle, folder.tier === "W" && info.size > 0];
  fs.closeSync(handle);
  throw notRegular();
}

function notRegular(cause?: unknown): FxferError {
  return new FxferError("local_io", `Cannot open manifest: ${MANIFEST} is not a regular file`, {
    cause,
  });
}
