/** Stores a small file that is wholly in memory, at level `process`, where nothing is flushed. @module */
import type { FxferError } from "../errors.ts";
import type { IdClaim } from "./claim.ts";
import { commitNow, lineOf } from "./commit.ts";
import type { CommitGroup, GroupedFile } from "./commit_group.ts";
import { creation, type DiskParts, nameFile, removeQuietly } from "./disk_parts.ts";
import { checkDigest, type ComputedDigest } from "./digest.ts";
import { asStorageError, isAbsent, isTaken } from "./io_errors.ts";
import type { Position } from "./manifest.ts";
import { claimLater, claimNow, firstResult } from "./once.ts";
import type { GatheredFile, MayPublish, PutSpec, StoredFile } from "./types.ts";

/**
 * Larger files go through an upload. Up to this size, in bytes, one call stores a file on the main thread:
 * 1 MiB keeps other connections waiting for less than a millisecond.
 */
export const PUT_NOW_BYTES: number = 1024 * 1024;

/** Writing a file smaller than this takes less time than handing it to the thread pool. Bytes. */
export const PUT_ON_THREAD_POOL_BYTES: number = 16 * 1024;

/** Stores a file synchronously, unless its upload id takes waiting. A failure leaves neither a file nor a reservation. */
export function putNow(
  parts: DiskParts,
  spec: PutSpec,
  bytes: Uint8Array,
  mayPublish?: MayPublish,
  digest?: ComputedDigest,
): StoredFile | Promise<StoredFile> {
  const sha256 = digest?.of(bytes) ?? parts.digest(bytes);
  checkDigest(spec.sha256, sha256);
  const { reading } = parts;
  if (spec.uploadId === undefined || reading === undefined) {
    return putClaimed(parts, spec, bytes, sha256, undefined, mayPublish);
  }
  const claim = claimNow(reading, spec.uploadId);
  return claim === undefined
    ? claimLater(parts, reading, spec.uploadId)
      .then((claim) => putClaimed(parts, spec, bytes, sha256, claim, mayPublish))
    : putClaimed(parts, spec, bytes, sha256, claim, mayPublish);
}

function putClaimed(
  parts: DiskParts,
  spec: PutSpec,
  bytes: Uint8Array,
  sha256: string,
  claim: IdClaim | undefined,
  mayPublish: MayPublish | undefined,
): StoredFile {
  let file: SmallFile | undefined;
  try {
    const replay = firstResult(parts, spec.uploadId, sha256, claim);
    if (replay !== undefined) return replay;
    const made = file = new SmallFile(parts, spec, bytes.length, claim);
    parts.folder.withFolders(made.temporaryPath, () => made.write(bytes));
    return made.commit(sha256, mayPublish);
  } catch (error) {
    throw file === undefined ? asStorageError("Cannot store file", error) : file.undo(error);
  } finally {
    if (file === undefined) claim?.end();
    else file.end();
  }
}

/**
 * Stores a file while other requests are served: the thread pool writes it in one task, and this thread
 * computes the digest meanwhile. With 100 clients and files of 64 KiB a server stores a quarter more than
 * with {@linkcode putNow}. For one client at a time it takes longer, so it is used for crowds only.
 */
export async function putOnThreadPool(
  parts: DiskParts,
  spec: PutSpec,
  bytes: Uint8Array,
  mayPublish?: MayPublish,
  digest?: ComputedDigest,
): Promise<StoredFile> {
  const { reading } = parts;
  const file = new SmallFile(parts, spec, bytes.length);
  try {
    const writing = file.writeOnThreadPool(bytes);
    const sha256 = digest?.of(bytes) ?? parts.digest(bytes);
    await writing;
    checkDigest(spec.sha256, sha256);
    if (spec.uploadId !== undefined && reading !== undefined) {
      file.claim = claimNow(reading, spec.uploadId) ??
        await claimLater(parts, reading, spec.uploadId);
    }
    // Nothing is awaited from here to the commit, so the second of two uploads with one id finds the first.
    const replay = firstResult(parts, spec.uploadId, sha256, file.claim);
    if (replay === undefined) return file.commit(sha256, mayPublish);
    file.remove();
    return replay;
  } catch (error) {
    throw file.undo(error);
  } finally {
    file.end();
  }
}

/**
 * Writes a file that is to be stored together with others.
 *
 * @returns Undefined where it cannot be: its upload id is taken, it is stored already, or it is another file than
 * its sender says. {@linkcode putNow} sees to it.
 */
export function gather(
  parts: DiskParts,
  group: CommitGroup,
  spec: PutSpec,
  bytes: Uint8Array,
  mayPublish?: MayPublish,
  digest?: ComputedDigest,
): GatheredFile | undefined {
  const sha256 = digest?.of(bytes) ?? parts.digest(bytes);
  if (spec.sha256 !== undefined && spec.sha256 !== sha256) return undefined;
  const { uploadId } = spec;
  let claim: IdClaim | undefined;
  if (uploadId !== undefined) {
    const isFirst = !group.has(uploadId);
    if (isFirst && parts.reading !== undefined) claim = claimNow(parts.reading, uploadId);
    if (claim === undefined && (parts.reading !== undefined || !isFirst)) {
      group.store(); // a file that waits may have the claim
      return undefined;
    }
  }
  let file: SmallFile | undefined;
  try {
    if (firstResult(parts, uploadId, sha256, claim) === undefined) {
      const made = file = new SmallFile(parts, spec, bytes.length, claim);
      parts.folder.withFolders(made.temporaryPath, () => made.write(bytes));
      return made.gather(group, sha256, mayPublish);
    }
  } catch (error) {
    const failure = asStorageError("Cannot store file", error);
    file?.failed(failure);
    if (file === undefined) claim?.end();
    file?.end();
    throw failure;
  }
  claim?.end();
  return undefined;
}

/** A file that is being stored: its names, its room in the budget, and what a failure must undo. */
class SmallFile implements GroupedFile, GatheredFile {
  readonly temporaryPath: string;
  readonly finalPath: string;
  sha256 = "";
  named?: boolean;
  listed?: Position | undefined;
  listedIn?: Deno.FsFile | undefined;
  readonly #parts: DiskParts;
  /** Whether this object has made the file under the temporary name. */
  #made = false;
  /** Bytes that no longer count as promised, because the file is stored. */
  #stored = 0;

  line = "";
  file!: StoredFile;
  mayPublish: MayPublish | undefined;
  /** The group that it waits in, or was published with. */
  #group: CommitGroup | undefined;
  #failure: FxferError | undefined;

  constructor(
    parts: DiskParts,
    readonly spec: PutSpec,
    readonly size: number,
    public claim?: IdClaim | undefined,
  ) {
    const names = nameFile(parts, spec);
    this.temporaryPath = names.temporaryPath;
    this.finalPath = names.finalPath;
    this.#parts = parts;
    parts.budget.reserve(size);
  }

  /**
   * Writes the new file. Deno.writeFileSync is one call that copies the bytes first. Up to about 8 KiB it
   * is faster than open and write (14 µs instead of 18 for 1 KiB); at 64 KiB it takes half as long again.
   */
  write(bytes: Uint8Array): void {
    const path = this.#parts.folder.at(this.temporaryPath);
    const options = creation(this.#parts);
    try {
      if (bytes.length <= 8192) {
        Deno.writeFileSync(path, bytes, options);
      } else {
        using handle = Deno.openSync(path, { write: true, ...options });
        for (let at = 0; at < bytes.length;) at += handle.writeSync(bytes.subarray(at));
      }
      this.#made = true;
    } catch (error) {
      this.#noteFailure(error);
      throw error;
    }
  }

  /** Writes the new file in the thread pool. */
  async writeOnThreadPool(bytes: Uint8Array): Promise<void> {
    const { folder } = this.#parts;
    try {
      folder.makeFolderOf(this.temporaryPath);
      await Deno.writeFile(folder.at(this.temporaryPath), bytes, creation(this.#parts));
      this.#made = true;
    } catch (error) {
      this.#noteFailure(error);
      if (!isAbsent(error)) throw error;
      folder.withFolders(this.temporaryPath, () => this.write(bytes));
    }
  }

  /**
   * A write that failed in the middle has made the file, which must be removed. A write that found the
   * name in use or the folder missing has made none.
   */
  #noteFailure(error: unknown): void {
    this.#made = !isTaken(error) && !isAbsent(error);
  }

  /** Adds the file to those that are published together. */
  gather(group: CommitGroup, sha256: string, mayPublish?: MayPublish): this {
    const { finalPath: path, size, spec: { mimeType } } = this;
    this.sha256 = sha256;
    this.mayPublish = mayPublish;
    this.line = lineOf(this.#parts, this);
    this.file = { path, size, sha256, mimeType, replayed: false };
    this.#group = group;
    group.add(this);
    return this;
  }

  store(): void {
    this.#group?.store();
    if (this.#failure !== undefined) throw this.#failure;
  }

  stored(): void {
    this.#parts.budget.wrote(this.size);
    this.#stored = this.size;
  }

  failed(error: unknown): void {
    this.#failure = this.undo(error);
  }

  /** Gives the file its final name and its line. */
  commit(sha256: string, mayPublish?: MayPublish): StoredFile {
    this.sha256 = sha256;
    const file = commitNow(this.#parts, this, this.claim, mayPublish);
    this.stored();
    return file;
  }

  /** Removes what was made, and returns the error for the caller. */
  undo(error: unknown): FxferError {
    this.remove();
    return asStorageError("Cannot store file", error);
  }

  /** Removes the file, if this object has made it. */
  remove(): void {
    if (this.#made) removeQuietly(this.#parts, this.temporaryPath);
  }

  /** Gives the reservation back, and lets go of the claim; the last call. */
  end(): void {
    this.#parts.budget.release(this.size, this.#stored);
    this.claim?.end();
  }
}
