/** Which file was stored under which upload id (S-TRF-9). @module */
import { FxferError } from "../errors.ts";
import type { Position } from "./manifest.ts";
import type { StoredFile } from "./types.ts";

/** Finds the stored file of an upload id. */
export interface UploadIndex {
  /** The file that was stored under an id. */
  get(uploadId: string): StoredFile | undefined;
  /** Remembers a file whose line this process has written, at that position. */
  add(uploadId: string | undefined, file: StoredFile, position: Position): void;
}

/** The index of tier W, which may not read: the files themselves, as many as the limit allows. */
export class MemoryIndex implements UploadIndex {
  /** When the younger half is full, the older one is forgotten at once. */
  #young = new Map<string, StoredFile>();
  #old = new Map<string, StoredFile>();

  /** @param limit Ids that are remembered for certain; twice as many take memory, 350 bytes each. */
  constructor(readonly limit: number) {}

  get(uploadId: string): StoredFile | undefined {
    return this.#young.get(uploadId) ?? this.#old.get(uploadId);
  }

  add(uploadId: string | undefined, file: StoredFile): void {
    if (uploadId === undefined) return;
    if (this.#young.size >= this.limit) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(uploadId, file);
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
