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
import { encodeLine } from "./manifest_lines.ts";

/** The manifest's name in the storage folder. */
export const MANIFEST = "commits.jsonl";

/** Appends to the manifest. */
export interface Manifest {
  /**
   * Appends a line, given without its LF. When it returns, the line survives the end of the process.
   *
   * @param path Of the file that the line lists; absent for the line of a removal.
   * @param exactly False where the place of the line need not be certain.
   * @returns Where the line begins and ends; undefined where that could not be looked at.
   */
  append(line: string, path?: string, exactly?: boolean): Position | undefined;
  /** Looks where the path of the manifest leads now, and throws if no line can be appended there. */
  check(): void;
  /** Flushes all lines written so far to the disk. */
  sync(): Promise<void>;
  /** Closes the handle. */
  close(): void;
}

/** Where a line stands: the position of its first byte, and the one after its LF. */
export type Position = readonly [start: number, end: number];

/** On a regular file a write is cut short only when the disk is full. */
export function manifestFull(): FxferError {
  return storageFull("Cannot write manifest", "no room left");
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
  /** Lines of the last second: whoever removes the manifest meanwhile does not take them along. */
  #recent: string[] = [];
  #recentSince = 0;
  #handle: number;
  #inode: number;
  /** Where the file ended after the last line of this process. */
  #end = 0;

  /** Opens or makes the manifest of a folder. */
  constructor(fs: typeof import("node:fs"), folder: StorageFolder) {
    this.#fs = fs;
    this.#folder = folder;
    ({ handle: this.#handle, inode: this.#inode } = this.#open());
  }

  #open(): { handle: number; inode: number; size: number } {
    const fs = this.#fs;
    const { O_APPEND, O_CREAT, O_WRONLY, O_NONBLOCK } = fs.constants;
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
      return this.#recent.reduce((end, line) => this.#write(line, end)[1], size);
    } finally {
      this.#fs.closeSync(former);
    }
  }

  append(line: string): Position {
    const position = this.#write(line, this.#follow());
    const now = performance.now();
    if (now - this.#recentSince > 1000) {
      this.#recentSince = now;
      this.#recent = [];
    }
    this.#recent.push(line);
    return position;
  }

  /** Writes a line at the end, which is at `size`. */
  #write(line: string, size: number): Position {
    const bytes = encodeLine(line, size > 0 && size !== this.#end);
    if (this.#fs.writeSync(this.#handle, bytes) !== bytes.length) throw manifestFull();
    this.#end = size + bytes.length;
    return [size, this.#end];
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
