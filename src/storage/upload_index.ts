/** Remembers which file was stored under which upload id (S-TRF-9). @module */
import { FxferError } from "../errors.ts";
import type { StoredFile } from "./types.ts";

/** When the limit is reached, the id that was remembered first is forgotten. */
export class UploadIndex {
  readonly #files = new Map<string, StoredFile>();
  readonly #limit: number;

  /** @param limit Ids kept; each takes about 350 bytes of memory. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** The file that was stored under an id. */
  get(uploadId: string): StoredFile | undefined {
    return this.#files.get(uploadId);
  }

  /** Remembers a file, if it has an id. A known id stands for this file from now on. */
  set(uploadId: string | undefined, file: StoredFile): void {
    if (uploadId === undefined) return;
    this.#files.delete(uploadId);
    this.#files.set(uploadId, file);
    if (this.#files.size <= this.#limit) return;
    const [oldest] = this.#files.keys();
    this.#files.delete(oldest!);
  }

  /**
   * The first result, if an upload with this id was stored before; undefined if it is new (S-TRF-9).
   *
   * @throws {FxferError} `sequence_reuse` if other bytes were stored under the id.
   */
  replay(uploadId: string | undefined, sha256: string): StoredFile | undefined {
    const known = uploadId === undefined ? undefined : this.#files.get(uploadId);
    if (known === undefined) return undefined;
    if (known.sha256 !== sha256) {
      throw new FxferError("sequence_reuse", "Cannot store upload: its id names another file", {
        fields: { field: "upload_id" },
      });
    }
    return { ...known, replayed: true };
  }
}
