/** Which file was stored under which upload id (S-TRF-9). @module */
import { FxferError } from "../errors.ts";
import { HashTable } from "./hash_table.ts";
import { type ManifestEntry, readEntryAt } from "./manifest_lines.ts";
import { isFinalPath } from "./naming.ts";
import type { StoredFile } from "./types.ts";

/** Finds the stored file of an upload id. */
export interface UploadIndex {
  /** The file that was stored under an id. */
  get(uploadId: string): StoredFile | undefined;
  /**
   * Remembers a file whose line this process has written.
   *
   * @param start The position of the line's first byte.
   * @param end The position after its LF.
   */
  add(uploadId: string | undefined, file: StoredFile, start: number, end: number): void;
}

/** The index of tier W, which may not read: the files themselves, as many as the limit allows. */
export class MemoryIndex implements UploadIndex {
  readonly #limit: number;
  /** Two halves: when the younger one is full, the older one is forgotten at once. */
  #young = new Map<string, StoredFile>();
  #old = new Map<string, StoredFile>();

  /** @param limit Ids that are remembered for certain; twice as many take memory, 350 bytes each. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  get(uploadId: string): StoredFile | undefined {
    return this.#young.get(uploadId) ?? this.#old.get(uploadId);
  }

  add(uploadId: string | undefined, file: StoredFile): void {
    if (uploadId === undefined) return;
    if (this.#young.size >= this.#limit) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(uploadId, file);
  }
}

/** The index of tier RW: where in a manifest the line of an id is. The line itself is read when it is asked for. */
export class ManifestIndex {
  readonly #positions = new HashTable();
  /** The manifest, open for reading. */
  readonly file: Deno.FsFile;
  /** The index of the manifest that somebody has moved away or removed, so that its ids still hold. */
  readonly former: ManifestIndex | undefined;
  /** Up to here the lines are known. */
  readTo = 0;

  constructor(file: Deno.FsFile, former?: ManifestIndex) {
    this.file = file;
    this.former = former;
  }

  get(uploadId: string): StoredFile | undefined {
    const position = this.#positions.get(uploadId);
    const entry = position === undefined ? undefined : readEntryAt(this.file, position);
    if (entry?.uploadId !== uploadId) return this.former?.get(uploadId);
    const { path, size, sha256, mimeType } = entry;
    return { path, size, sha256, mimeType, replayed: false };
  }

  /** Remembers where the line of an entry begins, if its path can be believed. */
  set({ uploadId, path }: Pick<ManifestEntry, "uploadId" | "path">, position: number): void {
    if (uploadId !== undefined && isFinalPath(path)) this.#positions.set(uploadId, position);
  }
}

/**
 * The first result, if an upload with this id was stored before; undefined if it is new (S-TRF-9).
 *
 * @throws {FxferError} `sequence_reuse` if other bytes were stored under the id.
 */
export function replayOf(
  index: UploadIndex,
  uploadId: string | undefined,
  sha256: string,
): StoredFile | undefined {
  const known = uploadId === undefined ? undefined : index.get(uploadId);
  if (known === undefined) return undefined;
  if (known.sha256 !== sha256) {
    throw new FxferError("sequence_reuse", "Cannot store upload: its id names another file", {
      fields: { field: "upload_id" },
    });
  }
  return { ...known, replayed: true };
}
