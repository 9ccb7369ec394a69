/** Remembers which file was stored under which upload id (S-TRF-9). @module */
import { FxferError } from "../errors.ts";
import type { StoredFile } from "./types.ts";

/** Has a limit: when it is reached, the entry that was set first is forgotten. */
export class UploadIndex {
  readonly #files = new Map<string, StoredFile>();
  readonly #limit: number;

  /** @param limit Entries kept; each takes about 350 bytes of memory. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** The file that was stored under an id. */
  get(uploadId: string): StoredFile | undefined {
    return this.#files.get(uploadId);
  }

  /** Remembers a file. If the id is known, this file replaces the earlier one. */
  set(uploadId: string, file: StoredFile): void {
    this.#files.delete(uploadId);
    this.#files.set(uploadId, file);
    if (this.#files.size <= this.#limit) return;
    const oldest = this.#files.keys().next();
    if (!oldest.done) this.#files.delete(oldest.value);
  }

  /**
   * The first result, if an upload with this id was stored before; undefined if it is new (S-TRF-9).
   *
   * @throws {FxferError} `sequence_reuse` if other bytes were stored under the id.
   */
  replay(uploadId: string | undefined, sha256: string): StoredFile | undefined {
    if (uploadId === undefined) return undefined;
    const known = this.#files.get(uploadId);
    if (known === undefined) return undefined;
    if (known.sha256 !== sha256) {
      throw new FxferError("sequence_reuse", "Cannot store upload: its id names another file", {
        fields: { field: "upload_id" },
      });
    }
    return { ...known, replayed: true };
  }
}
