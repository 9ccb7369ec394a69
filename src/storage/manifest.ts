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
import { share } from "./locks.ts";
import {
  contentOf,
  encodeLine,
  LF,
  type ManifestEntry,
  parseLine,
  pathOf,
  readLines,
  type Removal,
} from "./manifest_lines.ts";

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
  /**
   * Appends the lines of several files, by one write. Throws if not all of them could be written; those before
   * stand there.
   *
   * @param listed Called for each line that stands there as a whole, in their order, with what `append` returns.
   */
  appendAll(lines: readonly Line[], exactly: boolean, listed: OnListed): void;
  /** Looks where the path of the manifest leads now, and throws if no line can be appended there. */
  check(): void;
  /** Flushes all lines written so far to the disk. */
  sync(): Promise<void>;
  /** Closes the handle. */
  close(): void;
}

/** A line without its LF, and the path of the file that it lists; undefined for the line of a removal. */
export interface Line {
  readonly line: string;
  readonly path: string | undefined;
}

/** Is told which line, counted from 0, stands in the manifest, and where. */
export type OnListed = (at: number, position: Position | undefined) => void;

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
 * Tells which lines are whole in bytes that were written as one text.
 *
 * @param start The position of the first line; undefined where that is not known.
 */
export function tellWhole(bytes: Uint8Array, start: number | undefined, listed: OnListed): void {
  const first = bytes[0] === LF ? 1 : 0;
  let from = first;
  for (let at = 0;; at++) {
    const end = bytes.indexOf(LF, from) + 1;
    if (end === 0) return;
    listed(at, start === undefined ? undefined : [start + from - first, start + end - first]);
    from = end;
  }
}

/** In so many bytes at the end of a manifest all lines stand that came in the last moments. */
export const LATELY_BYTES: number = 1024 * 1024;

/**
 * Whether another line speaks for a line that is to be written again: it stands there already, as after a
 * compaction, or another process has removed the file since, or stored another one under its path.
 *
 * @param size Of the manifest, in bytes.
 */
export function isOutdated(file: Deno.FsFile, size: number, line: string): boolean {
  const content = parseLine(line);
  if (content === undefined) return false;
  const path = pathOf(content);
  let last: ManifestEntry | Removal | undefined;
  for (const found of readLines(file, Math.max(0, size - LATELY_BYTES))) {
    if (found.text === line) return true;
    const other = found.text?.includes(path) ? contentOf(found) : undefined;
    if (other !== undefined && pathOf(other) === path) last = other;
  }
  if (last === undefined) return false;
  if ("removed" in content) return "removed" in last || last.time !== content.file?.time;
  return "removed" in last ? last.file?.time === content.time : last.time > content.time;
}

/** Opens the manifest for reading and appending. A planted link, FIFO or folder is refused. */
export function openToRead(folder: StorageFolder): Deno.FsFile {
  if (folder.kind(MANIFEST)?.isFile === false) throw notRegular();
  const how = { read: true, append: true, create: true, mode: 0o640 };
  // Of a FIFO that was planted since, a handle that also reads is had at once, without a partner.
  const file = folder.withFolders(MANIFEST, () => Deno.openSync(folder.at(MANIFEST), how));
  if (file.statSync().isFile) {
    share(file);
    return file;
  }
  file.close();
  throw notRegular();
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
  /** What was written of the last text, if the disk was full before its end. */
  #partly: Uint8Array | undefined;

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
    this.#note(line);
    return position;
  }

  appendAll(lines: readonly Line[], _exactly: boolean, listed: OnListed): void {
    const text = lines.map(({ line }) => line).join("\n");
    const size = this.#follow();
    try {
      const [start] = this.#write(text, size);
      tellWhole(encodeLine(text), start, listed);
    } catch (error) {
      if (this.#partly !== undefined) tellWhole(this.#partly, undefined, listed);
      throw error;
    }
    for (const { line } of lines) this.#note(line);
  }

  #note(line: string): void {
    const now = performance.now();
    if (now - this.#recentSince > 1000) {
      this.#recentSince = now;
      this.#recent = [];
    }
    this.#recent.push(line);
  }

  /** Writes a line at the end, which is at `size`. */
  #write(line: string, size: number): Position {
    const bytes = encodeLine(line, size > 0 && size !== this.#end);
    this.#partly = undefined;
    const written = this.#fs.writeSync(this.#handle, bytes);
    if (written !== bytes.length) {
      this.#partly = bytes.subarray(0, written);
      throw manifestFull();
    }
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
