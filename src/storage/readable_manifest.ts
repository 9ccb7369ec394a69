/** The manifest as tier RW has it: opened once, compared with its path at each use, and readable. @module */
import { FxferError } from "../errors.ts";
import type { StorageFolder } from "./folder.ts";
import { share, tryLock } from "./locks.ts";
import {
  afterTear,
  type Line,
  MANIFEST,
  type Manifest,
  mustBeWhole,
  notRegular,
  RecentLines,
} from "./manifest.ts";
import { entryOf, readLines } from "./manifest_lines.ts";

/** The manifest of tier RW, which can also be read. */
export class ReadableManifest implements Manifest {
  readonly #folder: StorageFolder;
  readonly #recent: RecentLines;
  #file: Deno.FsFile;
  /** What the open file is, to be compared with what the path leads to. */
  #info: Deno.FileInfo;
  /** The end of the last line that this process has found to be whole. */
  #end = 0;
  /**
   * Called when the path has led to another file, with the handle of the former one, which it may keep.
   * Returns whether the storage folder is still the same.
   */
  switched: (former: Deno.FsFile) => boolean = () => true;

  /** Opens or makes the manifest of a folder. */
  constructor(folder: StorageFolder, now: () => number) {
    this.#folder = folder;
    this.#recent = new RecentLines(now);
    this.#file = openToRead(folder);
    this.#info = this.#file.statSync();
  }

  /** The open manifest, for reading by position. */
  get file(): Deno.FsFile {
    return this.#file;
  }

  /** Looks at the path, opens the manifest that is there if it is another one, and returns its size. */
  follow(): number {
    if (!this.#folder.holds(MANIFEST, this.#info)) this.#switch();
    return this.#size();
  }

  #size(): number {
    return this.#file.seekSync(0, Deno.SeekMode.End);
  }

  #switch(): void {
    const file = openToRead(this.#folder);
    const former = this.#file;
    // Whoever waits for a flush of an earlier line will flush the new file only.
    former.syncDataSync();
    const removed = former.statSync().nlink === 0;
    this.#file = file;
    this.#info = file.statSync();
    this.#end = 0;
    const lines = this.#recent.take();
    if (!this.switched(former) || !removed) return;
    for (const line of lines) this.#write(line);
  }

  append(bytes: Uint8Array, path: string): number {
    const { file } = this;
    this.follow();
    if (file !== this.#file && this.#folder.kind(path) === undefined) {
      throw new FxferError("internal_error", "Cannot list file: its folder was replaced");
    }
    const line = { bytes, path };
    const position = this.#write(line);
    this.#recent.add(line);
    return position;
  }

  #write({ bytes, path }: Line): number {
    for (;;) {
      const before = this.#size();
      const written = afterTear(before !== this.#end && !this.#endsWhole(before), bytes);
      mustBeWhole(this.#file.writeSync(written), written);
      const after = before + written.length;
      if (this.#size() === after) {
        this.#end = after;
        return after - bytes.length;
      }
      // Another process has written meanwhile. If it tore its line, this one may be glued to that.
      const position = this.positionOf(path, before);
      if (position !== undefined) return position;
    }
  }

  #endsWhole(end: number): boolean {
    const last = new Uint8Array(1);
    this.#file.seekSync(end - 1, Deno.SeekMode.Start);
    this.#file.readSync(last);
    return last[0] === 10;
  }

  /** The position of the first line, from `from` on, that is of this final path. */
  positionOf(path: string, from = 0): number | undefined {
    const beginning = `{"path":"${path}"`;
    for (const line of readLines(this.#file, from)) {
      if (line.text?.startsWith(beginning) && entryOf(line) !== undefined) return line.start;
    }
    return undefined;
  }

  /** Cuts off half a line at the end, if nobody else has the manifest open: it might still be written. */
  cut(start: number, end: number): boolean {
    if (tryLock(this.#file) !== true) {
      share(this.#file);
      return false;
    }
    const isEnd = this.follow() === end;
    if (isEnd) this.#file.truncateSync(start);
    share(this.#file);
    return isEnd;
  }

  check(): void {
    this.follow();
    openToRead(this.#folder).close();
  }

  sync(): Promise<void> {
    return this.#file.sync();
  }

  close(): void {
    this.#file.close();
  }
}

/** Opens the manifest for reading and appending. A planted link, FIFO or folder is refused. */
function openToRead(folder: StorageFolder): Deno.FsFile {
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
