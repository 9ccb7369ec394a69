/** Remembers which upload id was stored as which file (S-TRF-9). @module */
import { FxferError } from "../errors.ts";
import type { StoredFile } from "./types.ts";

/** A bounded memory: the oldest entry makes room for the newest. */
export class UploadIndex {
  readonly #files = new Map<string, StoredFile>();
  readonly #limit: number;

  /** @param limit Entries kept; one costs about 350 bytes. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** The file, as it was stored. */
  get(uploadId: string): StoredFile | undefined {
    return this.#files.get(uploadId);
  }

  /** Remembers; of two files with one id the later one counts. */
  set(uploadId: string, file: StoredFile): void {
    this.#files.delete(uploadId);
    this.#files.set(uploadId, file);
    if (this.#files.size <= this.#limit) return;
    const oldest = this.#files.keys().next();
    if (!oldest.done) this.#files.delete(oldest.value);
  }

  /**
   * The first result if this upload is a repetition (S-TRF-9), undefined if it is new.
   *
   * @throws {FxferError} `sequence_reuse` when the id stands for other bytes.
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
