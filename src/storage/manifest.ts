/**
 * commits.jsonl, the manifest: the list of whole files, one line of JSON each. Lines are only appended.
 *
 * A line is one `write` on a handle in append mode, so the lines of several processes on one folder
 * never mix. Each line goes to the file that the manifest's path names at that moment (S-MAN-3): a manifest
 * that somebody has moved or removed is followed by a new one. Where the file ends inside a line, whichever
 * process tore it, the next line starts with a line feed: readers then see one malformed line and lose no
 * other (S-MAN-1).
 *
 * @module
 */
import { FxferError } from "../errors.ts";
import type { StorageFolder } from "./folder.ts";
import { storageFull } from "./io_errors.ts";

/** The manifest's name in the storage folder. */
export const MANIFEST = "commits.jsonl";

/** Appends to the manifest. */
export interface Manifest {
  /**
   * Appends the line, with its LF, of the file under a final path. When it returns, the line survives the
   * end of the process.
   *
   * @returns The position of the line's first byte.
   */
  append(line: Uint8Array, path: string): number;
  /** Looks where the path of the manifest leads now, and throws if no line can be appended there. */
  check(): void;
  /** Flushes all lines written so far to the disk. */
  sync(): Promise<void>;
  /** Closes the handle. */
  close(): void;
}

/** A line with its LF, and the path it is of. */
export interface Line {
  readonly bytes: Uint8Array;
  readonly path: string;
}

/** Lines of the last second: whoever removes the manifest meanwhile does not take them along. */
export class RecentLines {
  readonly #now: () => number;
  #since = 0;
  #lines: Line[] = [];

  constructor(now: () => number) {
    this.#now = now;
  }

  add(line: Line): void {
    const now = this.#now();
    if (now - this.#since >= 1000 || now < this.#since) {
      this.#since = now;
      this.#lines = [];
    }
    this.#lines.push(line);
  }

  /** All of them; they are forgotten now. */
  take(): Line[] {
    const lines = this.#lines;
    this.#lines = [];
    return lines;
  }
}

/** The bytes of a line, after a line feed where the file may end inside another one. */
export function afterTear(torn: boolean, line: Uint8Array): Uint8Array {
  if (!torn) return line;
  const bytes = new Uint8Array(line.length + 1);
  bytes[0] = 10;
  bytes.set(line, 1);
  return bytes;
}

/** On a regular file a write is cut short only when the disk is full. */
export function mustBeWhole(written: number, bytes: Uint8Array): void {
  if (written === bytes.length) return;
  throw storageFull("Cannot write manifest", "no room left");
}

/** Something else than a regular file has the manifest's name. */
export function notRegular(cause?: unknown): FxferError {
  return new FxferError("local_io", `Cannot open manifest: ${MANIFEST} is not a regular file`, {
    cause,
  });
}

/**
 * The manifest of tier W. The process may neither look at the path nor read the last byte. So the path is
 * opened for each line, and after the lines of others the next line starts with a line feed in any case.
 *
 * Somebody may have planted a FIFO under the name: opening it would block for ever if no program reads it,
 * and a program that reads it would swallow the lines. So it is opened with O_NONBLOCK (which Deno.open
 * does not have), which fails at once without a reader, and fstat must find a regular file. Deno's
 * permission keeps the target of a planted link inside the folder.
 */
export class WriteOnlyManifest implements Manifest {
  readonly #fs: typeof import("node:fs");
  readonly #folder: StorageFolder;
  readonly #recent: RecentLines;
  #handle: number;
  #inode: number;
  /** Where the file ended after the last line of this process. */
  #end = 0;

  /** Opens or makes the manifest of a folder. */
  constructor(fs: typeof import("node:fs"), folder: StorageFolder, now: () => number) {
    this.#fs = fs;
    this.#folder = folder;
    this.#recent = new RecentLines(now);
    ({ handle: this.#handle, inode: this.#inode } = this.#open());
  }

  #open(): { handle: number; inode: number; size: number } {
    const { constants: { O_APPEND, O_CREAT, O_WRONLY, O_NONBLOCK }, ...fs } = this.#fs;
    // Windows has no FIFOs in folders, and no O_NONBLOCK.
    const flags = O_WRONLY | O_CREAT | O_APPEND | (O_NONBLOCK ?? 0);
    let handle: number;
    try {
      const open = () => fs.openSync(this.#folder.at(MANIFEST), flags, 0o640);
      handle = this.#folder.withFolders(MANIFEST, open);
    } catch (error) {
      throw (error as { code?: string }).code === "ENXIO" ? notRegular(error) : error;
    }
    const info = fs.fstatSync(handle);
    if (info.isFile()) return { handle, inode: info.ino, size: info.size };
    fs.closeSync(handle);
    throw notRegular();
  }

  /** Opens what the path leads to now, and returns its size. */
  #follow(): number {
    const { handle, inode, size } = this.#open();
    const former = this.#handle;
    this.#handle = handle;
    try {
      if (inode === this.#inode) return size;
      this.#inode = inode;
      if (this.#fs.fstatSync(former).nlink > 0) return size;
      return this.#recent.take().reduce((end, { bytes }) => this.#write(bytes, end), size);
    } finally {
      this.#fs.closeSync(former);
    }
  }

  append(bytes: Uint8Array, path: string): number {
    const end = this.#write(bytes, this.#follow());
    this.#recent.add({ bytes, path });
    return end - bytes.length;
  }

  /** Writes a line at the end, which is at `size`, and returns where it ends now. */
  #write(bytes: Uint8Array, size: number): number {
    const written = afterTear(size > 0 && size !== this.#end, bytes);
    mustBeWhole(this.#fs.writeSync(this.#handle, written), written);
    return this.#end = size + written.length;
  }

  check(): void {
    this.#follow();
  }

  sync(): Promise<void> {
    return Promise.resolve(this.#fs.fsyncSync(this.#handle));
  }

  close(): void {
    this.#fs.closeSync(this.#handle);
  }
}
