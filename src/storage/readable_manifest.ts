/** The manifest as tier RW has it: opened once, compared with its path at each use, and readable. @module */
import { FxferError } from "../errors.ts";
import type { StorageFolder } from "./folder.ts";
import { LineWrites } from "./line_writer.ts";
import { share, tryLock } from "./locks.ts";
import {
  isOutdated,
  type Line,
  MANIFEST,
  type Manifest,
  type OnListed,
  openToRead,
  type Position,
} from "./manifest.ts";
import { encodeLine, entryOf, LF, readLines } from "./manifest_lines.ts";

/** While lines follow each other there is a look each time so much has passed, in milliseconds. */
const LOOK_MS = 2;

/** After the last line comes one more look, in milliseconds. */
const LAST_LOOK_MS = 20;

/**
 * The manifest of tier RW, which can also be read.
 *
 * While lines follow each other, the path is looked at once in two milliseconds: a look takes 6 µs, which is
 * too much for each small file. Lines written since the last look are kept, and written again if the next one
 * finds another file.
 *
 * For the same reason nobody asks after each line where it stands, unless the caller must know: as long as a
 * look finds no lines of other processes, the next lines are taken to follow each other. The look after them
 * compares that with the size of the file. If others have written meanwhile, what was said of their places is
 * taken back, and a line that is glued to half a line of a process that died is written again. Should this
 * process die before that look, readers still find the whole line behind the half one.
 */
export class ReadableManifest implements Manifest {
  readonly #folder: StorageFolder;
  readonly #now: () => number;
  /** What was written since the last look. */
  #unverified: Line[] = [];
  /** What is to be written again: the path leads to another file now, or the end could not be looked at. */
  #homeless: Line[] = [];
  #file: Deno.FsFile;
  /** What the open file is, to be compared with what the path leads to. */
  #info: Deno.FileInfo;
  /** The end of the last line that this process has found to be whole. */
  #end = 0;
  /** Bytes of the lines written since, which are taken to stand there. */
  #assumed = 0;
  /** Whether the last look has found lines of others: then each line is looked for. */
  #shared = true;
  /** When the path was looked at. A clock that was set back asks for another look. */
  #lookedAt = NaN;
  /** Whether that was within this millisecond, and nothing stood there behind the lines that are read. */
  readonly isFresh = (readTo: number): boolean =>
    readTo === this.#end + this.#assumed && this.#now() === this.#lookedAt;
  #lastLook: ReturnType<typeof setTimeout> | undefined;
  readonly #writes = new LineWrites();
  /** Called when the path has led to another file. It closes the handle of the former one when it likes. */
  switched: (former: Deno.FsFile) => void = (former) => former.close();

  /** Called when lines are not where they were said to be, from this position on. */
  misplaced: (from: number) => void = () => {};
  /** Called where the manifest could not be looked for after its last line. */
  lost: (cause: unknown) => void = () => {};

  /** Opens or makes the manifest of a folder. */
  constructor(folder: StorageFolder, now: () => number) {
    this.#folder = folder;
    this.#now = now;
    folder.remade = () => this.#lookedAt = NaN;
    this.#file = openToRead(folder);
    this.#info = this.#file.statSync();
  }

  /** The open manifest, for reading by position. */
  get file(): Deno.FsFile {
    return this.#file;
  }

  /** Tells the open file from others, as long as it exists. */
  get identity(): string {
    return `${this.#info.dev}:${this.#info.ino}`;
  }

  /**
   * Looks at the path, opens the manifest that is there if it is another one, and returns its size.
   *
   * @param believe Whether a line that comes right after needs no look of its own.
   */
  follow(believe = false): number {
    const { ino, dev } = this.#info;
    const info = this.#folder.kind(MANIFEST);
    const same = info !== undefined && info.ino === ino && info.dev === dev;
    const size = same ? info.size : this.#size();
    this.#settle(size);
    if (!same) this.#switch();
    else if (this.#unverified.length > 0) this.#unverified = [];
    while (this.#homeless.length > 0) {
      const { line, path } = this.#homeless[0]!;
      const isWanted = path === undefined || this.#folder.kind(path) !== undefined;
      if (isWanted && !isOutdated(this.#file, this.#size(), line)) this.#write(line, this.#size());
      this.#homeless.shift();
    }
    if (believe) this.#lookedAt = this.#now();
    return same ? info.size : this.#size();
  }

  /** Compares where the last lines are taken to stand with where the file ends, before the next one. */
  #settle(size: number): void {
    const from = this.#end;
    const isAssumed = this.#assumed > 0;
    this.#shared = size !== from + this.#assumed;
    this.#assumed = 0;
    if (!this.#shared) this.#end = size;
    else if (isAssumed) {
      this.misplaced(from);
      const found = new Set<string | undefined>();
      for (const { text } of readLines(this.#file, from)) found.add(text);
      this.#homeless.push(...this.#unverified.filter(({ line }) => !found.has(line)));
    }
  }

  #size(): number {
    return this.#file.seekSync(0, Deno.SeekMode.End);
  }

  #switch(): void {
    const former = this.#file;
    this.#file = openToRead(this.#folder);
    this.#info = this.#file.statSync();
    this.#end = 0;
    this.#shared = true;
    this.#homeless.push(...this.#unverified);
    this.#unverified = [];
    this.switched(former);
  }

  append(line: string, path?: string, exactly = true): Position | undefined {
    const position = this.#append(line, path, exactly);
    this.#keep({ line, path }, position !== undefined);
    return position;
  }

  appendAll(lines: readonly Line[], exactly: boolean, listed: OnListed): void {
    const write = (text: string) => this.#append(text, lines[0]!.path, exactly)?.[0];
    this.#writes.appendAll(lines, write, (at, position) => {
      this.#keep(lines[at]!, position !== undefined || this.#writes.isCut);
      listed(at, position);
    });
  }

  /** Keeps a line that was written until the next look. @param isThere Whether it stands in the open file for certain. */
  #keep(line: Line, isThere: boolean): void {
    (isThere ? this.#unverified : this.#homeless).push(line);
    this.#lastLook ??= setTimeout(() => this.#look(), LAST_LOOK_MS);
  }

  #append(text: string, path: string | undefined, exactly: boolean): Position | undefined {
    let before = this.#end + this.#assumed;
    const age = this.#now() - this.#lookedAt;
    if (!(age >= 0 && age < LOOK_MS)) {
      const { file } = this;
      before = this.follow(true);
      const isOther = file !== this.#file && path !== undefined;
      if (isOther && this.#folder.kind(path) === undefined) {
        throw new FxferError("internal_error", "Cannot list file: its folder was replaced");
      }
    }
    return exactly || this.#shared ? this.#write(text, before) : this.#assume(text);
  }

  #look(): void {
    this.#lastLook = undefined;
    try {
      this.follow();
    } catch (error) {
      this.lost(error);
    }
  }

  /** Writes a line behind those that are taken to stand at the end. */
  #assume(line: string): Position {
    const bytes = encodeLine(line);
    this.#writeAll(bytes);
    const start = this.#end + this.#assumed;
    this.#assumed += bytes.length;
    return [start, start + bytes.length];
  }

  #writeAll(bytes: Uint8Array): void {
    const count = this.#file.writeSync(bytes);
    if (count < bytes.length) this.#lookedAt = NaN;
    this.#writes.wrote(bytes, count);
  }

  /**
   * @param before Where the file ended when this process last looked.
   * @returns Undefined if the line was written, and then the disk failed: perhaps it is glued to half a line.
   */
  #write(line: string, before: number): Position | undefined {
    for (;;) {
      const isWhole = before === this.#end + this.#assumed || this.#endsWhole(before);
      const bytes = encodeLine(line, !isWhole);
      this.#writeAll(bytes);
      try {
        // In append mode the position is the end of these bytes now, whoever has written before and after.
        const end = this.#file.seekSync(0, Deno.SeekMode.Current);
        const start = end - bytes.length;
        if (this.#assumed > 0) this.#settle(start);
        if (start === this.#end || bytes[0] === LF || this.#endsWhole(start)) {
          this.#end = end;
          return [bytes[0] === LF ? start + 1 : start, end];
        }
        before = end;
      } catch {
        this.#lookedAt = NaN;
        return undefined;
      }
      // Another process has torn its line just before, and this one is glued to it.
    }
  }

  #endsWhole(end: number): boolean {
    if (end === 0) return true;
    const last = new Uint8Array(1);
    this.#file.seekSync(end - 1, Deno.SeekMode.Start);
    this.#file.readSync(last);
    return last[0] === LF;
  }

  /** Where the first line, from `from` on, stands that is of this final path. */
  positionOf(path: string, from = 0): Position | undefined {
    const beginning = `{"path":"${path}"`;
    for (const line of readLines(this.#file, from)) {
      if (line.text?.startsWith(beginning) && entryOf(line) !== undefined) {
        return [line.start, line.end];
      }
    }
    return undefined;
  }

  /** Cuts off half a line at the end, if nobody else has the manifest open: it might still be written. */
  cut(start: number, end: number): boolean {
    if (tryLock(this.#file) !== true) {
      share(this.#file);
      return false;
    }
    const file = this.#file;
    try {
      const isEnd = this.follow() === end;
      if (isEnd) this.#file.truncateSync(start);
      return isEnd;
    } finally {
      share(file); // also after a failure: whoever opens the manifest waits for this
    }
  }

  /** Whether another process has the manifest open, or that cannot be told. */
  isShared(): boolean {
    try {
      return tryLock(this.#file) !== true;
    } finally {
      share(this.#file); // as above
    }
  }

  check(): void {
    this.follow();
    openToRead(this.#folder).close();
  }

  sync(): Promise<void> {
    return this.#file.sync();
  }

  close(): void {
    if (this.#lastLook !== undefined) {
      clearTimeout(this.#lastLook);
      this.#look();
    }
    this.#file.close();
  }
}
