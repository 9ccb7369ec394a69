/**
 * commits.jsonl: the list of files that are whole, one JSON line each, only ever appended to.
 *
 * A line is one `write` on a handle in append mode, so lines of several processes on one folder
 * never mix. After a line that could not be written whole the next one starts with a line feed:
 * readers see one malformed line and lose nothing else.
 *
 * @module
 */
import { FxferError } from "../errors.ts";
import { isAbsent } from "./io_errors.ts";
import { formatEntry, type ManifestEntry } from "./manifest_line.ts";
import type { Tier } from "./types.ts";

/** The manifest's name in the storage folder. */
export const MANIFEST = "commits.jsonl";

/**
 * How long the handle is believed to belong to the file in the folder. Asking costs 9–18 µs, which
 * is too dear for each line of a small file; lines of the unproven time are kept and written again.
 */
const PATH_CHECK_MS = 1000;

type Fs = typeof import("node:fs");

/** The append end of the manifest. */
export class Manifest {
  readonly #fs: Fs;
  readonly #path: string;
  readonly #tier: Tier;
  readonly #now: () => number;
  readonly #encoder = new TextEncoder();
  #handle: number;
  /** The last write may have left half a line. */
  #torn: boolean;
  #checkedAt: number;
  #readTo = 0;
  /** Bytes this process has written since `#readTo` was set. */
  #ownBytes = 0;
  /** Lines written since `#checkedAt`. */
  #sincePathCheck: Uint8Array[] = [];

  private constructor(fs: Fs, path: string, tier: Tier, now: () => number) {
    this.#fs = fs;
    this.#path = path;
    this.#tier = tier;
    this.#now = now;
    this.#checkedAt = now();
    const opened = openForAppend(fs, path, tier);
    this.#handle = opened.handle;
    // Tier W cannot look at the last byte of what an earlier process left: it may be half a line.
    this.#torn = tier === "W" && opened.size > 0;
  }

  /** Opens or makes it. `node:fs` is asked because Deno.open offers no O_NONBLOCK: see the code. */
  static async open(folder: string, tier: Tier, now: () => number): Promise<Manifest> {
    return new Manifest(await import("node:fs"), `${folder}/${MANIFEST}`, tier, now);
  }

  /** Appends the line of a whole file; it is the operating system's when this returns. */
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
      // A short write to a regular file means that the room ended inside the line.
      throw new FxferError("storage_full", "Cannot write manifest: no room left");
    }
    this.#torn = false;
    this.#ownBytes += written;
  }

  /** Up to which byte its lines are known here. */
  get readTo(): number {
    return this.#readTo;
  }
  set readTo(end: number) {
    this.#readTo = end;
    // Those that came before `end` are read; counting none reads a few again, and misses none.
    this.#ownBytes = 0;
  }

  /** Whether another process has written to it since it was read. */
  get grew(): boolean {
    const { size } = this.#fs.fstatSync(this.#handle);
    if (size !== this.#readTo + this.#ownBytes) return true;
    if (this.#ownBytes > 0) this.readTo = size;
    return false;
  }

  /** Makes sure that the handle still is the file in the folder; if it was removed, makes it anew. */
  checkPath(): void {
    if (this.#fs.fstatSync(this.#handle).nlink === 0) {
      const old = this.#handle;
      const opened = openForAppend(this.#fs, this.#path, this.#tier);
      this.#handle = opened.handle;
      this.#fs.closeSync(old);
      this.readTo = 0;
      this.#torn = this.#tier === "W" && opened.size > 0;
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

  /** Lets go of the handle. */
  close(): void {
    this.#fs.closeSync(this.#handle);
  }
}

/**
 * An append handle on a regular file. Opening a FIFO would block for ever, and a FIFO with a reader
 * would swallow the lines: so it is opened with O_NONBLOCK (a FIFO nobody reads is refused at once)
 * and the *handle* is asked what it is, which both tiers may. A symlink is refused by name in tier
 * RW; in tier W it cannot be seen, and the sandbox keeps it inside the folder.
 */
function openForAppend(fs: Fs, path: string, tier: Tier): { handle: number; size: number } {
  if (tier === "RW") {
    try {
      if (!Deno.lstatSync(path).isFile) throw notRegular();
    } catch (error) {
      if (!isAbsent(error)) throw error;
    }
  }
  const { O_APPEND, O_CREAT, O_WRONLY, O_NONBLOCK } = fs.constants;
  // Windows has no FIFOs in folders, and no O_NONBLOCK.
  const flags = O_WRONLY | O_CREAT | O_APPEND | (O_NONBLOCK ?? 0);
  let handle: number;
  try {
    handle = fs.openSync(path, flags, 0o640);
  } catch (error) {
    throw (error as { code?: string }).code === "ENXIO" ? notRegular(error) : error;
  }
  const info = fs.fstatSync(handle);
  if (info.isFile()) return { handle, size: info.size };
  fs.closeSync(handle);
  throw notRegular();
}

function notRegular(cause?: unknown): FxferError {
  return new FxferError("local_io", `Cannot open manifest: ${MANIFEST} is not a regular file`, {
    cause,
  });
}
