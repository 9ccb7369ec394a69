/**
 * What this process learns from the manifest about stored files (tier RW: it must read): at the start
 * everything, later on the lines that other processes have added.
 *
 * @module
 */
import type { Logger } from "../log.ts";
import type { StorageFolder } from "./folder.ts";
import { HashTable } from "./hash_table.ts";
import {
  entryOf,
  type ManifestEntry,
  type RawLine,
  readEntryAt,
  readLines,
} from "./manifest_lines.ts";
import type { Position } from "./manifest.ts";
import { isFinalPath } from "./naming.ts";
import type { ReadableManifest } from "./readable_manifest.ts";
import type { StoredFile } from "./types.ts";
import type { UploadIndex } from "./upload_index.ts";

/** So much is read at once, in bytes: a few milliseconds, during which nobody is served. */
const SLICE_BYTES = 256 * 1024;

/** So much is read at once at the start, when there is nobody to be served. */
const START_SLICE_BYTES = 16 * SLICE_BYTES;

/** Is told each line, empty ones too, with what it stands for. */
type EachLine = (line: RawLine, entry: ManifestEntry | undefined) => void;

/** Where the lines of upload ids are in a manifest, which is open for reading. */
interface Index {
  readonly file: Deno.FsFile;
  readonly positions: HashTable;
  /** Up to here the lines are known. */
  readTo: number;
}

/** What the manifest says, kept up to date. */
export class KnownFiles implements UploadIndex {
  readonly #manifest: ReadableManifest;
  readonly #flush: (() => Promise<void>) | undefined;
  #index: Index;
  /** Of the manifest that somebody has moved away: its ids still hold. */
  #former: Index | undefined;
  #reading: Promise<void> | undefined;

  /**
   * @param flush Flushes the manifest. Given at level `durable`: there a line of another process is believed
   * only when it is flushed, because the answer to a repeated upload promises that (S-TRF-7).
   */
  constructor(manifest: ReadableManifest, flush?: () => Promise<void>) {
    this.#manifest = manifest;
    this.#flush = flush;
    this.#index = this.#begin();
  }

  #begin(): Index {
    return { file: this.#manifest.file, positions: new HashTable(), readTo: 0 };
  }

  get(uploadId: string): StoredFile | undefined {
    for (const index of [this.#index, this.#former]) {
      const position = index?.positions.get(uploadId);
      const entry = position === undefined ? undefined : readEntryAt(index!.file, position);
      if (entry?.uploadId !== uploadId || !isFinalPath(entry.path)) continue;
      const { path, size, sha256, mimeType } = entry;
      return { path, size, sha256, mimeType, replayed: false };
    }
    return undefined;
  }

  add(uploadId: string | undefined, _file: StoredFile, [start, end]: Position): void {
    const index = this.#index;
    if (uploadId !== undefined) index.positions.set(uploadId, start);
    // Otherwise lines of others come before, and will be read together with this one.
    if (index.readTo === start) index.readTo = end;
  }

  /**
   * The manifest's path has led to another file.
   *
   * @param same Whether the folder is still the same one: then only the manifest was moved away, and the
   * files of its lines are still there.
   */
  switch(same: boolean): void {
    this.close();
    this.#former = same ? this.#index : undefined;
    if (!same) this.#index.file.close();
    this.#index = this.#begin();
  }

  /** Closes the manifest that was moved away. */
  close(): void {
    this.#former?.file.close();
  }

  /**
   * Learns what other processes have added. Returns undefined if everything is known now: what is little is
   * read at once. Throws where the manifest cannot be read.
   */
  refresh(): Promise<void> | undefined {
    if (this.#reading === undefined) {
      const size = this.#manifest.follow(true);
      const unread = size - this.#index.readTo;
      if (unread === 0) return undefined;
      if (this.#flush === undefined && unread > 0 && unread <= SLICE_BYTES) {
        this.#learn(size);
        return undefined;
      }
    }
    return this.#learnLater();
  }

  async #learnLater(): Promise<void> {
    // A reading under way may have begun before the line was written that this caller needs.
    while (this.#reading !== undefined) await this.#reading.catch(() => {});
    this.#reading = this.readAll().finally(() => this.#reading = undefined);
    await this.#reading;
  }

  /** Reads everything that is there at the call. @param each Given at the start. */
  async readAll(each?: EachLine): Promise<void> {
    const size = this.#manifest.follow();
    // Somebody has cut the file in place: what was learned of it stands elsewhere now, or nowhere.
    if (size < this.#index.readTo) this.#index = this.#begin();
    await this.#flush?.();
    const index = this.#index;
    while (index === this.#index && index.readTo < size) {
      const slice = each === undefined ? SLICE_BYTES : START_SLICE_BYTES;
      if (!this.#learn(Math.min(size, index.readTo + slice), each)) break;
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
  }

  /** Returns false when it has come to half a line, which may still be being written. */
  #learn(until: number, each?: EachLine): boolean {
    const index = this.#index;
    for (const line of readLines(index.file, index.readTo, until)) {
      const entry = each || line.text?.includes('"upload_id"') ? entryOf(line) : undefined;
      each?.(line, entry);
      if (line.torn) return false;
      if (entry?.uploadId !== undefined) index.positions.set(entry.uploadId, line.start);
      index.readTo = line.end;
    }
    return true;
  }
}

/**
 * Reads the whole manifest at the start: cuts off half a line at its end, warns of malformed lines,
 * remembers upload ids, and counts the bytes of the files for a budget.
 *
 * @returns The bytes of the listed files, each counted once; 0 unless they are counted.
 */
export async function readKnownFiles(
  { manifest, known }: { readonly manifest: ReadableManifest; readonly known: KnownFiles },
  folder: StorageFolder,
  log: Logger,
  countBytes: boolean,
): Promise<number> {
  const counted = new HashTable();
  let stored = 0;
  let malformed = 0;
  let line = 0;
  await known.readAll(({ start, end, text, torn }, entry) => {
    line++;
    if (text === "") return;
    if (torn) {
      const what = manifest.cut(start, end) ? "storage.manifest_cut" : "storage.manifest_torn";
      log.warn(what, { line, bytes: end - start });
    } else if (entry === undefined || !isFinalPath(entry.path)) {
      if (malformed++ === 0) log.warn("storage.manifest_malformed", { line });
    } else if (countBytes && counted.get(entry.path) === undefined) {
      counted.set(entry.path, start);
      stored += folder.kind(entry.path)?.size ?? 0;
    }
  });
  if (malformed > 1) log.warn("storage.manifest_malformed", { lines: malformed });
  return stored;
}
