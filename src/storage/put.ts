/** Stores a small file that is wholly in memory, at level `process`. @module */
import type { FxferError } from "../errors.ts";
import { commitNow } from "./commit.ts";
import { creation, nameFile, removeQuietly, type StorageCore } from "./core.ts";
import { checkDigest } from "./digest.ts";
import { asStorageError, isAbsent, isTaken } from "./io_errors.ts";
import type { PutSpec, StoredFile } from "./types.ts";

/**
 * Files up to this size are written on the main thread: 13 µs for 1 KiB instead of 111 by the
 * thread pool, and at 1 MiB still under the millisecond that other connections may have to wait.
 */
export const PUT_NOW_BYTES: number = 1024 * 1024;

/** Smaller files take less time to write than to hand to the thread pool. */
export const PUT_ON_THREAD_POOL_BYTES: number = 16 * 1024;

/** Stores it synchronously. A failure leaves neither a file nor a reservation. */
export function putNow(core: StorageCore, spec: PutSpec, bytes: Uint8Array): StoredFile {
  const sha256 = core.digest(bytes);
  checkDigest(spec.sha256, sha256);
  const replay = core.index.replay(spec.uploadId, sha256);
  if (replay !== undefined) return replay;
  const put = new Put(core, spec, bytes.length);
  try {
    core.folder.withFolders(put.temporaryPath, () => put.write(bytes));
    return put.commit(sha256);
  } catch (error) {
    throw put.undo(error);
  } finally {
    put.end();
  }
}

/**
 * Stores it while other requests are served: the thread pool writes, in one task, while the digest is
 * computed here. With 100 clients and files of 64 KiB that is a quarter more than {@linkcode putNow}
 * stores; for one client at a time it takes longer.
 */
export async function putOnThreadPool(
  core: StorageCore,
  spec: PutSpec,
  bytes: Uint8Array,
): Promise<StoredFile> {
  const put = new Put(core, spec, bytes.length);
  try {
    const writing = put.writeOnThreadPool(bytes);
    const sha256 = core.digest(bytes);
    await writing;
    checkDigest(spec.sha256, sha256);
    // Nothing is awaited from here on: of two with one upload id the second sees the first.
    const replay = core.index.replay(spec.uploadId, sha256);
    if (replay === undefined) return put.commit(sha256);
    put.remove();
    return replay;
  } catch (error) {
    throw put.undo(error);
  } finally {
    put.end();
  }
}

/** One file on its way to the disk: its names, its room in the budget, and what to undo. */
class Put {
  readonly temporaryPath: string;
  readonly #finalPath: string;
  readonly #core: StorageCore;
  readonly #spec: PutSpec;
  readonly #size: number;
  /** A file of ours has the temporary name. */
  #made = false;
  #stored = 0;

  constructor(core: StorageCore, spec: PutSpec, size: number) {
    const { temporaryPath, finalPath } = nameFile(core, spec);
    this.temporaryPath = temporaryPath;
    this.#finalPath = finalPath;
    this.#core = core;
    this.#spec = spec;
    this.#size = size;
    core.budget.reserve(size);
  }

  /**
   * Writes the new file. Deno.writeFileSync is one call, but copies the bytes first: up to some 8 KiB
   * it is the quicker way (14 µs instead of 18 for 1 KiB), at 64 KiB it takes half as long again.
   */
  write(bytes: Uint8Array): void {
    const path = this.#core.folder.at(this.temporaryPath);
    const options = creation(this.#core);
    try {
      if (bytes.length <= 8192) {
        Deno.writeFileSync(path, bytes, options);
      } else {
        using file = Deno.openSync(path, { write: true, ...options });
        for (let at = 0; at < bytes.length;) at += file.writeSync(bytes.subarray(at));
      }
      this.#made = true;
    } catch (error) {
      this.#note(error);
      throw error;
    }
  }

  /** Writes the new file in the thread pool. */
  async writeOnThreadPool(bytes: Uint8Array): Promise<void> {
    const { folder } = this.#core;
    try {
      folder.makeFolderOf(this.temporaryPath);
      await Deno.writeFile(folder.at(this.temporaryPath), bytes, creation(this.#core));
      this.#made = true;
    } catch (error) {
      this.#note(error);
      if (!isAbsent(error)) throw error;
      folder.withFolders(this.temporaryPath, () => this.write(bytes));
    }
  }

  /** A write that failed half way has made the file; a name that was taken is not ours. */
  #note(error: unknown): void {
    this.#made = !isTaken(error) && !isAbsent(error);
  }

  /** Gives the file its final name and its line. */
  commit(sha256: string): StoredFile {
    const { temporaryPath } = this;
    const stored = commitNow(this.#core, {
      spec: this.#spec,
      temporaryPath,
      finalPath: this.#finalPath,
      size: this.#size,
      sha256,
    });
    this.#core.budget.wrote(this.#size);
    this.#stored = this.#size;
    return stored;
  }

  /** What the caller must hear of a failure, once what was made is removed. */
  undo(error: unknown): FxferError {
    this.remove();
    return asStorageError("Cannot store file", error);
  }

  /** Removes what was made. */
  remove(): void {
    if (this.#made) removeQuietly(this.#core, this.temporaryPath);
  }

  /** Gives the reservation back. To be called last. */
  end(): void {
    this.#core.budget.release(this.#size, this.#stored);
  }
}
