/** The manifest as tier W has it: opened for each line, because it can be neither looked at nor read. @module */
import type { StorageFolder } from "./folder.ts";
import { LineWrites } from "./line_writer.ts";
import {
  type Line,
  MANIFEST,
  type Manifest,
  notRegular,
  type OnListed,
  type Position,
} from "./manifest.ts";
import { encodeLine } from "./manifest_lines.ts";

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
  readonly #writes = new LineWrites();

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
    const size = this.#follow(); // what this writes anew is no part of these lines
    this.#writes.appendAll(lines, (text) => this.#write(text, size)[0], (at, position) => {
      this.#note(lines[at]!.line);
      listed(at, position);
    });
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
    this.#writes.wrote(bytes, this.#fs.writeSync(this.#handle, bytes));
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
