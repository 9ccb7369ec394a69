/** Brings lines of the manifest into the file of the index, and opens it anew where it was lost. @module */
import { FxferError } from "../errors.ts";
import type { Logger } from "../log.ts";
import { type EachLine, fits, type Followed, forget, tailOf } from "./followed.ts";
import { HashTable } from "./hash_table.ts";
import { IdFilter } from "./id_filter.ts";
import { isDamage, isLocked, isUnwritable } from "./index_errors.ts";
import { IndexFile } from "./index_file.ts";
import { INDEX } from "./index_place.ts";
import { IndexLines } from "./index_lines.ts";
import { contentOf, readLineAt, readLines } from "./manifest_lines.ts";
import { isFinalPath } from "./naming.ts";

/** So much is read at once, in bytes: a few milliseconds, during which nobody is served. */
export const SLICE_BYTES: number = 64 * 1024;

/** So much is read at once at the start, when there is nobody to be served. */
export const START_SLICE_BYTES: number = 4 * 1024 * 1024;

/** Of so many bytes of lines, an empty index is made with its rows first and their order after that. */
const BULK_BYTES = 8 * 1024 * 1024;

/** So long a write waits for other processes that write, in milliseconds; at the start ten times as long. */
const LOCKED_MS = 2000;

/** After so many milliseconds in memory, because no file could be had or written, the file is tried again. */
const IN_MEMORY_MS = 60_000;

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

const NOTHING = new Uint8Array(0);

/**
 * Lets others be served between two slices, by a wait for another thread: that takes some microseconds. A
 * timer of 0 ms takes 4 ms, several times as long as a slice, and in a chain of `setImmediate` Deno hardly
 * looks at its sockets.
 */
export async function othersTurn(): Promise<void> {
  await crypto.subtle.digest("SHA-256", NOTHING);
}

const busy = (cause: unknown) =>
  new FxferError("busy", "Cannot write index: another process is writing it", {
    cause,
    fields: { retry_after_ms: 1000 },
  });

/** The index of one process: one write at a time. */
export class IndexWriter {
  readonly #path: string;
  readonly #log: Logger;
  #index: IndexFile | undefined;
  #writing: Promise<unknown> | undefined;
  /** Since when the index has been in memory; 0 while it is a file. */
  #inMemorySince = 0;

  constructor(path: string, log: Logger) {
    this.#path = path;
    this.#log = log;
  }

  /** The open file. */
  get index(): IndexFile {
    if (this.#index === undefined) throw new TypeError("Cannot use index: it is not open");
    return this.#index;
  }

  get isWriting(): boolean {
    return this.#writing !== undefined;
  }

  async open(): Promise<void> {
    this.#use(await IndexFile.open(this.#path, this.#log));
  }

  #use(index: IndexFile): void {
    this.#index?.close();
    this.#index = index;
    this.#inMemorySince = index.isFile ? 0 : performance.now();
  }

  close(): void {
    this.#index?.close();
  }

  /** Settles when no write is under way. */
  async settled(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing.catch(() => {});
  }

  /** Whether the index is of this manifest, and has all lines that are known. */
  isUpToDate(here: Followed): boolean {
    try {
      if (!this.index.isInPlace || here.forgotten || here.indexed < here.readTo) return false;
      const { state } = this.index;
      return state.readTo >= here.readTo && fits(state, here); // else it is being built anew
    } catch (cause) {
      this.damaged(cause, here);
      return false;
    }
  }

  /** Goes on from where the index is, if it is one of this manifest, and further than what was read. */
  adopt(here: Followed): void {
    try {
      this.index.held.letGo();
      const { state } = this.index;
      if (state.readTo <= here.readTo || !fits(state, here)) return;
      const { forgotten } = here;
      forget(here);
      here.indexed = here.readTo = state.readTo;
      here.forgotten = forgotten;
    } catch (cause) {
      this.damaged(cause, here);
    }
  }

  /** An error in the index is never one of an upload: a damaged file is set aside, and built anew by the next write. */
  damaged(cause: unknown, here: Followed): void {
    if (!isDamage(cause)) return;
    if (this.index.isFile && this.index.isInPlace) {
      this.#log.warn("storage.index_set_aside", { to: `${INDEX}.bad`, cause });
      this.index.setAside();
    }
    forget(here);
  }

  /**
   * Brings lines into the index, from where it is.
   *
   * @param isOver Whether nobody wants it any more.
   * @param turn Waits between two slices until others have been served.
   * @returns Up to where the lines are in the index; undefined if it was given up.
   */
  async write(
    here: Followed,
    until: number,
    isOver: () => boolean,
    each?: EachLine,
    turn: () => Promise<unknown> = othersTurn,
  ): Promise<number | undefined> {
    // Looked at again after each wait: of several that waited, one begins.
    while (this.#writing !== undefined) await this.settled();
    const writing = this.#writeOrLeave(here, until, isOver, each, turn);
    this.#writing = writing;
    try {
      return await writing;
    } finally {
      this.#writing = undefined;
    }
  }

  /**
   * Where the file cannot be written, the index is built in memory, so that files can still be listed and
   * removed. One that turns out to be damaged is built anew at once.
   */
  async #writeOrLeave(
    ...args: [Followed, number, () => boolean, EachLine | undefined, () => Promise<unknown>]
  ): Promise<number | undefined> {
    try {
      return await this.#write(...args);
    } catch (cause) {
      const isSetAside = isDamage(cause) && !this.index.isInPlace;
      if (!isSetAside && (!isUnwritable(cause) || !this.index.isFile)) throw cause;
      if (!isSetAside) {
        this.#log.warn("storage.index_in_memory", { cause });
        this.#use(await IndexFile.inMemory());
        forget(args[0]);
      }
      return await this.#write(...args);
    }
  }

  async #write(
    here: Followed,
    until: number,
    isOver: () => boolean,
    each?: EachLine,
    turn: () => Promise<unknown> = othersTurn,
  ): Promise<number | undefined> {
    if (!await this.#begin(here, isOver, each !== undefined)) return undefined;
    const { index } = this;
    try {
      if (isOver()) return void index.rollback();
      const { state } = index;
      const known = fits(state, here);
      if (!known) index.reset(here.name);
      let at = known ? state.readTo : 0;
      const bulk = at === 0 && until > BULK_BYTES;
      if (at === 0) here.ids = new IdFilter();
      const ids = here.ids?.to === at ? here.ids : undefined;
      const lines = new IndexLines(index, (position) => readLineAt(here.file, position), bulk);
      if (here.tables.length < 4) here.tables.unshift(new HashTable());
      const former = here.tables.slice(1);
      // What became known while this waited for its turn is in these tables, too: it is written with the rest.
      until = Math.max(until, here.readTo);
      const slice = each === undefined ? SLICE_BYTES : START_SLICE_BYTES;
      for (let more = true; at < until && more;) {
        const from = at;
        for (const line of readLines(here.file, at, Math.min(until, at + slice))) {
          const content = contentOf(line);
          each?.(line, content);
          if (line.torn) break;
          at = line.end;
          if (content === undefined) continue;
          if ("removed" in content) lines.remove(content, line.start);
          else if (isFinalPath(content.path)) {
            lines.add(content, line.start);
            if (content.uploadId !== undefined) ids?.add(content.uploadId);
          }
        }
        more = at > from;
        if (each === undefined && at < until) await turn();
        if (isOver()) return void index.rollback();
      }
      // To sort one takes a second or so for 1,000,000 files, in which nobody is served.
      for (const name of bulk ? index.fileIndexes : []) {
        index.makeFileIndex(name);
        if (each === undefined) await turn();
      }
      if (isOver()) return void index.rollback();
      lines.end(at, tailOf(here.file, at));
      index.commit();
      index.held.letGo();
      if (bulk) index.shrink();
      here.indexed = Math.max(here.indexed, at);
      if (ids !== undefined) ids.to = at;
      here.readTo = Math.max(here.readTo, at);
      if (at >= until) here.tables = here.tables.filter((table) => !former.includes(table));
      for (const [path, position] of here.removed) if (position < at) here.removed.delete(path);
      const filter = here.ids ??= new IdFilter();
      // A start leaves what is in the index already to the next write.
      while (each === undefined && filter.to < at && !isOver()) {
        if (!filter.learn(here.file, Math.min(at, filter.to + SLICE_BYTES))) break;
        await turn();
      }
      return at;
    } catch (error) {
      index.rollback();
      this.damaged(error, here);
      throw error;
    }
  }

  /** Begins to write, once no other process does; false if nobody wants it any more by then. */
  async #begin(here: Followed, isOver: () => boolean, isStart: boolean): Promise<boolean> {
    const until = performance.now() + LOCKED_MS * (isStart ? 10 : 1);
    for (;;) {
      await this.#tryFile(here);
      if (!this.index.isInPlace) {
        this.index.close();
        forget(here);
        await this.open();
        this.adopt(here);
      }
      try {
        this.index.begin();
        return true;
      } catch (error) {
        this.damaged(error, here);
        const hopeless = !isLocked(error) && (!isDamage(error) || this.index.isInPlace);
        if (hopeless) throw error;
        if (isOver()) return false;
        if (performance.now() > until) throw busy(error);
        await pause(10);
      }
    }
  }

  /** After some time in memory looks whether a file can be had again. */
  async #tryFile(here: Followed): Promise<void> {
    if (this.index.isFile || performance.now() - this.#inMemorySince < IN_MEMORY_MS) return;
    const index = await IndexFile.open(this.#path, this.#log);
    if (!index.isFile) { // what was built in memory is still good
      index.close();
      this.#inMemorySince = performance.now();
      return;
    }
    this.#use(index);
    forget(here);
    this.adopt(here);
  }
}
