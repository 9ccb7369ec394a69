/** Which file was stored under which upload id (S-TRF-9). @module */
import { FxferError } from "../errors.ts";
import type { ListedFile } from "./catalogue.ts";
import { omitUndefined } from "../omit_undefined.ts";
import type { Position } from "./manifest.ts";
import type { FileSpec, StoredFile } from "./types.ts";

/** A file that this process has listed. */
export interface Stored {
  readonly spec: FileSpec;
  readonly finalPath: string;
  readonly size: number;
  readonly sha256: string;
}

/** Finds the stored file of an upload id. */
export interface UploadIndex {
  /** Whether it has forgotten files at this moment, so that an id which is not found may have one. */
  readonly isBehind?: boolean;
  /** The file that was stored under an id. */
  get(uploadId: string): StoredFile | undefined;
  /** Remembers a file whose line this process has written, at that position. */
  add(file: Stored, position: Position): void;
}

/** What a half of a {@linkcode MemoryIndex} has, the file stored last at the end. */
class Half {
  readonly byId = new Map<string, ListedFile>();
  readonly byPath = new Map<string, ListedFile>();
}

/** The index of tier W, which may not read: the files that this process has stored, as many as the limit allows. */
export class MemoryIndex implements UploadIndex {
  /** When the younger half is full, the older one is forgotten at once. */
  #young = new Half();
  #old = new Half();

  readonly #now: () => number;

  /** @param limit Files that are remembered for certain; twice as many take memory, 600 bytes each. */
  constructor(readonly limit: number, now: () => number) {
    this.#now = now;
  }

  get(uploadId: string): StoredFile | undefined {
    const file = this.#young.byId.get(uploadId) ?? this.#old.byId.get(uploadId);
    if (file === undefined) return undefined;
    const { path, size, sha256, mimeType } = file;
    return { path, size, sha256, mimeType, replayed: false };
  }

  add({ spec, finalPath: path, size, sha256 }: Stored): void {
    const { mimeType, name, mtimeMs, uploadId, session, user } = spec;
    const executable = spec.executable === true ? true as const : undefined;
    const optional = { name, mtimeMs, uploadId, session: session?.id, user, executable };
    const file: ListedFile = {
      ...{ path, size, sha256, mimeType, storedAt: this.#now() },
      ...omitUndefined(optional),
    };
    if (this.#young.byPath.size >= this.limit) {
      this.#old = this.#young;
      this.#young = new Half();
    }
    this.#young.byPath.set(file.path, file);
    if (file.uploadId !== undefined) this.#young.byId.set(file.uploadId, file);
  }

  /** Forgets a file that was removed. */
  remove({ path, uploadId }: ListedFile): void {
    for (const half of [this.#young, this.#old]) {
      half.byPath.delete(path);
      if (uploadId !== undefined && half.byId.get(uploadId)?.path === path) {
        half.byId.delete(uploadId);
      }
    }
  }

  /** All files, the one stored first at the beginning. */
  *files(): Generator<ListedFile> {
    yield* this.#old.byPath.values();
    yield* this.#young.byPath.values();
  }

  /** The file under a path. */
  file(path: string): ListedFile | undefined {
    return this.#young.byPath.get(path) ?? this.#old.byPath.get(path);
  }
}

/**
 * The first result, if an upload with this id was stored before; undefined if it is new (S-TRF-9).
 *
 * @param learned Given where others may have removed a file a moment ago: learns of that before one is found.
 * @throws {FxferError} `sequence_reuse` if other bytes were stored under the id; `busy` where that cannot be
 * told at this moment.
 */
export function replayOf(
  index: UploadIndex,
  uploadId: string | undefined,
  sha256: string,
  learned?: () => boolean,
): StoredFile | undefined {
  let known = uploadId === undefined ? undefined : index.get(uploadId);
  if (known !== undefined && learned !== undefined) {
    if (!learned()) throw indexLost();
    known = index.get(uploadId!);
  }
  if (known === undefined) {
    if (uploadId !== undefined && index.isBehind === true) throw indexLost();
    return undefined;
  }
  if (known.sha256 !== sha256) {
    throw new FxferError("sequence_reuse", "Cannot store upload: its id names another file", {
      fields: { field: "upload_id" },
    });
  }
  return { ...known, replayed: true };
}

/** The refusal of an upload whose id cannot be looked up. */
export function indexLost(cause?: unknown): FxferError {
  const text = "Cannot look upload id up: the index is built anew";
  return new FxferError("busy", text, { cause, fields: { retry_after_ms: 1000 } });
}
