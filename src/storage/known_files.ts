/**
 * What this process learns from the manifest about stored files (tier RW: it must read): at the start
 * everything, later on the lines that other processes have added.
 *
 * @module
 */
import type { Logger } from "../log.ts";
import type { StorageFolder } from "./folder.ts";
import { HashTable } from "./hash_table.ts";
import { entryOf, type ManifestEntry, type RawLine, readLines } from "./manifest_lines.ts";
import { isFinalPath } from "./naming.ts";
import type { ReadableManifest } from "./readable_manifest.ts";
import type { StoredFile } from "./types.ts";
import { ManifestIndex, type UploadIndex } from "./upload_index.ts";

/** So much is read at once, in bytes: a few milliseconds, during which nobody is served. */
const SLICE_BYTES = 256 * 1024;

/** So much is read at once at the start, when there is nobody to be served. */
const START_SLICE_BYTES = 16 * SLICE_BYTES;

/** Is told each line, empty ones too, with what it stands for. */
type EachLine = (line: RawLine, entry: ManifestEntry | undefined) => void;

/** What the manifest says, kept up to date. */
export class KnownFiles implements UploadIndex {
  readonly #manifest: ReadableManifest;
  readonly #flush: (() => Promise<void>) | undefined;
  #index: ManifestIndex;
  #reading: Promise<void> | undefined;

  /**
   * @param flush Flushes the manifest. Given at level `durable`: there a line of another process is believed
   * only when it is flushed, because the answer to a repeated upload promises that (S-TRF-7).
   */
  constructor(manifest: ReadableManifest, flush?: () => Promise<void>) {
    this.#manifest = manifest;
    this.#flush = flush;
    this.#index = new ManifestIndex(manifest.file);
  }

  get(uploadId: string): StoredFile | undefined {
    return this.#index.get(uploadId);
  }

  add(uploadId: string | undefined, { path }: StoredFile, start: number, end: number): void {
    if (uploadId !== undefined) this.#index.set({ uploadId, path }, start);
    // Otherwise lines of others come before, and will be read together with this one.
    if (this.#index.readTo === start) this.#index.readTo = end;
  }

  /**
   * The manifest's path has led to another file.
   *
   * @param same Whether the folder is still the same one: then only the manifest was moved away, and the
   * files of its lines are still there.
   */
  switch(same: boolean): void {
    const former = this.#index;
    former.former?.file.close();
    if (!same) former.file.close();
    const kept = same ? Object.assign(former, { former: undefined }) : undefined;
    this.#index = new ManifestIndex(this.#manifest.file, kept);
  }

  /** Closes a manifest that was moved away. */
  close(): void {
    this.#index.former?.file.close();
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
    if (size < this.#index.readTo) this.#index = new ManifestIndex(this.#manifest.file);
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
      if (entry !== undefined) index.set(entry, line.start);
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
      const cut = manifest.cut(start, end);
      log.warn(cut ? "storage.manifest_cut" : "storage.manifest_torn", {
        line,
        bytes: end - start,
      });
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
