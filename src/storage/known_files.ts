/**
 * What this process knows from the manifest about stored files (tier RW: it must read). The index has all
 * lines up to some position, and a table in memory the upload ids of the lines after it. So to store a file
 * changes the table only; the lines go into the index later, many at once.
 *
 * @module
 */
import { FxferError } from "../errors.ts";
import type { Logger } from "../log.ts";
import type { StorageFolder } from "./folder.ts";
import { type EachLine, follow, type Followed, forget, FormerManifest } from "./followed.ts";
import { lookForGone } from "./gone_files.ts";
import type { IndexFile } from "./index_file.ts";
import { INDEX } from "./index_place.ts";
import { IndexPace } from "./index_pace.ts";
import { IndexWriter, othersTurn, SLICE_BYTES, START_SLICE_BYTES } from "./index_writer.ts";
import { hasRemoval, storedIn } from "./known_ids.ts";
import { LastLook, type Looked } from "./last_look.ts";
import { contentOf, type ManifestEntry, readLines, uploadIdOf } from "./manifest_lines.ts";
import type { Position } from "./manifest.ts";
import type { ReadableManifest } from "./readable_manifest.ts";
import type { StoredFile } from "./types.ts";
import type { Stored, UploadIndex } from "./upload_index.ts";

/** What the manifest says, kept up to date. */
export class KnownFiles implements UploadIndex {
  readonly #manifest: ReadableManifest;
  readonly #writer: IndexWriter;
  readonly #isGone: (path: string) => boolean;
  readonly #log: Logger;
  readonly #flush: (() => Promise<void>) | undefined;
  #here: Followed;
  #former: FormerManifest | undefined;
  #reading: Promise<void> | undefined;
  /** Brings lines into the index when it is time. */
  readonly #pace = new IndexPace((isTime) => {
    this.#writer.index.held.letGo();
    if (!isTime) return;
    this.write().catch((cause) => this.#log.warn("storage.index_behind", { cause }));
  });
  #closed = false;
  readonly lastLook: LastLook = new LastLook();
  /** Where the next look for files that are gone begins. */
  #lookedTo = 0;
  /** Called with the bytes of all listed files, when the index has every line of the manifest. */
  counted: (bytes: number) => void = () => {};

  /**
   * @param flush Flushes the manifest. Given at level `durable`: there a line of another process is believed
   * only when it is flushed, because the answer to a repeated upload promises that (S-TRF-7).
   */
  constructor(
    manifest: ReadableManifest,
    folder: StorageFolder,
    log: Logger,
    flush?: () => Promise<void>,
  ) {
    this.#manifest = manifest;
    this.#writer = new IndexWriter(folder.at(INDEX), log);
    this.#isGone = (path) => folder.isGone(path);
    this.#log = log;
    this.#flush = flush;
    this.#here = follow(this.#manifest);
    manifest.misplaced = (from) => this.#here.readTo = Math.min(this.#here.readTo, from);
  }

  /** Opens the index, and reads what is new in the manifest. @param each Is told what is new. */
  async start(each: EachLine): Promise<void> {
    await this.#writer.open();
    this.#writer.adopt(this.#here);
    this.#pace.waiting = 1;
    await this.readAll(each);
  }

  /** Whether lines were forgotten, because the index has lost them: the next refresh reads them again. */
  get isBehind(): boolean {
    return this.#here.forgotten || this.#former?.followed.forgotten === true;
  }

  get(uploadId: string): StoredFile | undefined {
    this.#pace.add(0); // the look lets go of what is held: else SQLite could not empty its log
    const here = this.#here;
    const former = this.#former;
    try {
      const { index } = this.#writer;
      const found = storedIn(here, index, uploadId);
      if (found !== undefined || former === undefined) return found;
      return storedIn(former.followed, index, uploadId, this.#isRemoved);
    } catch (error) {
      if (error instanceof FxferError) this.#writer.damaged(error.cause, here);
      if (here.forgotten && former !== undefined) forget(former.followed); // it is read again, too
      throw error;
    }
  }

  /** Whether a file of the former manifest was removed since. */
  readonly #isRemoved = (path: string): boolean =>
    this.#isGone(path) || hasRemoval(this.#here, this.#writer.index, path);

  /** As {@linkcode FormerManifest.lateFile}, without what was removed since. */
  lateFile(fits: (entry: ManifestEntry) => boolean): ManifestEntry | undefined {
    this.#pace.add(0);
    return this.#former?.lateFile((entry) => fits(entry) && !this.#isRemoved(entry.path));
  }

  add({ spec: { uploadId } }: Stored, [start, end]: Position): void {
    if (uploadId !== undefined) this.#here.tables[0]!.set(uploadId, start);
    this.#passed(start, end);
  }

  /** Remembers a removal whose line this process has written at that position. */
  remove(path: string, [start, end]: Position): void {
    this.#here.removed.set(path, start);
    this.#passed(start, end);
  }

  #passed(start: number, end: number): void {
    this.lastLook.forget();
    // Otherwise lines of others come before, and will be read together with this one.
    if (this.#here.readTo === start) this.#here.readTo = end;
    this.#pace.add(1);
  }

  /** The path of the manifest leads to another file. @param same Whether the folder is still the same one. */
  switch(same: boolean): void {
    this.#former?.close();
    this.#former = same ? new FormerManifest(this.#here) : void this.#here.file.close();
    this.#here = follow(this.#manifest);
    this.lastLook.forget();
    if (!this.#writer.isWriting) this.#writer.adopt(this.#here);
  }

  /** Ends what is under way. A few lines still come into the index; the next start reads more. */
  async settle(): Promise<void> {
    if (this.#pace.waiting > 0 && this.#pace.waiting <= 2000) await this.write().catch(() => {});
    this.#closed = true;
    await this.#writer.settled();
    await this.#reading?.catch(() => {});
    this.#pace.stop();
  }

  /** Closes the index, and the manifest that was moved away. */
  close(): void {
    this.#former?.close();
    this.#writer.close();
  }

  /** Learns what others have added, `lately` at least before this millisecond; undefined if it was read at once. */
  refresh(lately = false): Promise<void> | undefined {
    if (this.#reading === undefined) {
      if (lately && this.#manifest.isFresh(this.#here.readTo) && !this.isBehind) return undefined;
      const size = this.#manifest.follow(true);
      const unread = size - this.#here.readTo;
      const left = this.#former?.look() ?? 0;
      if (unread === 0 && left === 0 && !this.isBehind) return undefined;
      const isLittle = unread >= 0 && unread + left <= SLICE_BYTES;
      if (this.#flush === undefined && isLittle && !this.isBehind) {
        if (left > 0) this.#learn(this.#former!.followed, this.#former!.size);
        if (unread > 0) this.#learn(this.#here, size);
        return undefined;
      }
    }
    return this.#learnLater();
  }

  async #learnLater(): Promise<void> {
    // A reading under way may have begun before the line was written that this caller needs.
    while (this.#reading !== undefined) await this.#reading.catch(() => {});
    await (this.#reading = this.readAll().finally(() => this.#reading = undefined));
  }

  /** Reads everything that is there at the call. @param each Given at the start. */
  async readAll(each?: EachLine): Promise<void> {
    for (;;) {
      const size = this.#manifest.follow();
      // Somebody has cut the file in place: what was learned of it stands elsewhere now, or nowhere.
      if (size < this.#here.readTo) this.#here = follow(this.#manifest);
      const here = this.#here;
      await this.#flush?.();
      await this.#readFormer();
      // While the server runs, uploads wait for the ids alone: the index, whose lists can wait, comes after them.
      if (each !== undefined) {
        const behind = (cause: unknown) => this.#log.warn("storage.index_behind", { cause });
        await this.#writeTo(size, each).catch(behind);
      }
      while (here === this.#here && here.readTo < size && !this.#closed) {
        const slice = each === undefined ? SLICE_BYTES : START_SLICE_BYTES;
        if (!this.#learn(here, Math.min(size, here.readTo + slice), each)) break;
        await othersTurn();
      }
      if (here === this.#here) here.forgotten = false;
      // Else the manifest was moved meanwhile: the rest of it, and the new one, may have lines of others.
      if (here === this.#here || this.#closed) return;
    }
  }

  async #readFormer(): Promise<void> {
    const former = this.#former;
    if (former === undefined) return;
    const { followed } = former;
    if (!former.isRead && this.#flush !== undefined) await followed.file.syncData();
    while (former === this.#former && !this.#closed && !former.isRead) {
      if (!this.#learn(followed, followed.readTo + SLICE_BYTES)) break;
      await othersTurn();
    }
    followed.forgotten = false;
  }

  /** Returns false at the end, and before half a line, which may still be being written. */
  #learn(here: Followed, until: number, each?: EachLine): boolean {
    const from = here.readTo;
    for (const line of readLines(here.file, from, until)) {
      const id = each === undefined ? uploadIdOf(line) : undefined;
      const isNew = id !== undefined && here.tables.every((table) => table.get(id) === undefined);
      const content = isNew || !(each || /"(upload_id|removed)"/.test(line.text ?? ""))
        ? undefined
        : contentOf(line);
      each?.(line, content);
      if (line.torn) return false;
      if (content !== undefined && "removed" in content) {
        here.removed.set(content.removed, line.start);
      } else {
        const uploadId = isNew ? id : content?.uploadId;
        if (uploadId !== undefined) here.tables[0]!.set(uploadId, line.start);
      }
      here.readTo = line.end;
      this.#pace.add(1);
    }
    return here.readTo > from;
  }

  /** Sees to it that the index has all lines that are known, and returns it, for queries. */
  async listed(): Promise<Looked> {
    this.#pace.listed();
    await this.refresh();
    for (let tries = 0; !this.#writer.isUpToDate(this.#here) && !this.#closed; tries++) {
      if (tries > 0) await this.refresh(); // the manifest may be another one by now
      if (tries > 9) throw new FxferError("busy", "Cannot read index: it is built anew");
      await this.write();
    }
    return this.lastLook.found(this.#writer.index, this.#here.file);
  }

  /** Runs a query on the index; one that fails because the file is damaged is run again on a new one. */
  async query<T>(run: (index: IndexFile, file: Deno.FsFile) => T): Promise<T> {
    for (let tries = 0;; tries++) {
      const { index, file } = await this.listed();
      try {
        return run(index, file);
      } catch (cause) {
        if (cause instanceof FxferError || tries > 0) throw cause;
        await this.#writer.settled();
        this.#writer.damaged(cause, this.#here);
      }
    }
  }

  /** Bytes of the files whose lines are in the index, and the position of the first line that is not. */
  get indexed(): { bytes: number; to: number } {
    const { indexed: to } = this.#here;
    return { bytes: to > 0 ? this.#writer.index.state.bytes : 0, to };
  }

  /**
   * Looks whether the next listed files are there: those which somebody has removed by hand take no room.
   *
   * @returns False at the end of all files; the next call begins anew.
   */
  async lookForGone(most: number): Promise<boolean> {
    if (this.#closed || !this.#writer.isUpToDate(this.#here)) return false;
    const next = await lookForGone(this.#writer, this.#here, this.#isGone, this.#lookedTo, most);
    this.#lookedTo = next ?? 0;
    return next !== undefined;
  }

  /** Brings the lines that are known into the index. */
  async write(): Promise<void> {
    // One that is under way may have begun before the last line was known.
    await this.#writer.settled();
    this.#manifest.follow(); // until then the place of the last lines may not be certain
    if (!this.#closed) await this.#writeTo(this.#here.readTo);
  }

  async #writeTo(until: number, each?: EachLine): Promise<void> {
    const { waiting } = this.#pace;
    const here = this.#here;
    // Asked while no other process can write: the index of a moved manifest must not replace that of the new one.
    const isOver = () => {
      this.#manifest.follow();
      return this.#closed || here !== this.#here;
    };
    const turn = () => this.#reading?.catch(() => {}) ?? othersTurn(); // uploads wait for the ids
    const at = await this.#writer.write(here, until, isOver, each, turn);
    if (at === undefined) return;
    this.#pace.written(waiting);
    if (this.#manifest.follow() === at && !isOver()) this.counted(this.#writer.index.state.bytes);
  }
}
