/**
 * Where a fetched file is written: into a part file beside its place, which gets the final name when the
 * file is whole. A part file has a digest in its name, so it always belongs to one state of one file, and a
 * later run goes on with it.
 *
 * @module
 */
import { basename, join } from "node:path";
import { fileSource, type Source } from "../../client/mod.ts";
import { FxferError, reasonOf } from "../../errors.ts";
import type { FileInfo } from "../../protocol/mod.ts";
import { localError } from "../local.ts";
import { lock } from "../send/journal_file.ts";

/** The longest name of common file systems, in bytes. */
const MAX_NAME_BYTES = 255;

/** One file that is being written. Its methods throw `local_io`. */
export interface LocalFile {
  /** Where it goes in the end. */
  readonly path: string;
  /** How many bytes an earlier run has written. */
  readonly size: number;
  /** The bytes that an earlier run has written; undefined if there are none. */
  before(): Promise<Source | undefined>;
  /** Writes behind what is there. */
  write(bytes: Uint8Array): void | Promise<void>;
  /** Takes all bytes, which are right, in place of `write`, and publishes the file. Absent: it is written in pieces. */
  readonly takeWhole?: ((bytes: Uint8Array) => void | Promise<void>) | undefined;
  /** The file is whole: gives it its time, whether it may be run, and its name. */
  publish(): Promise<void>;
  /** The file did not become whole. What is there is kept for a later run, unless it is of no use. */
  leave(isOfUse: boolean): Promise<void>;
}

/** A file that is written piece by piece into its part file. */
export class PartFile implements LocalFile {
  readonly path: string;
  readonly size: number;
  readonly #part: string;
  /** Undefined until there is a byte to write: files that wait for their turn leave nothing behind. */
  #file: Deno.FsFile | undefined;
  readonly #info: FileInfo;
  readonly #force: boolean;

  private constructor(
    path: string,
    part: string,
    file: Deno.FsFile | undefined,
    size: number,
    info: FileInfo,
    force: boolean,
  ) {
    this.path = path;
    this.#part = part;
    this.#file = file;
    this.size = size;
    this.#info = info;
    this.#force = force;
  }

  /** Opens the part file of an earlier run, if there is one. */
  static async open(path: string, info: FileInfo, force: boolean): Promise<PartFile> {
    const part = partOf(path, info.sha256);
    let old = await Deno.lstat(part).catch(absent);
    if (old !== undefined && (!old.isFile || old.size > info.size)) {
      await Deno.remove(part);
      old = undefined;
    }
    if (old === undefined) return new PartFile(path, part, undefined, 0, info, force);
    const file = await Deno.open(part, { read: true, write: true });
    try {
      // Without a lock two runs would write into one another.
      const taken = await lock(file).catch(() => true);
      if (!taken) throw cannotWrite(path, undefined, "another fxfer is getting it");
      await file.seek(0, Deno.SeekMode.End);
    } catch (error) {
      file.close();
      throw error;
    }
    return new PartFile(path, part, file, old.size, info, force);
  }

  /** The part file; a new one is this run's own, and locked against others that come later. */
  async #opened(): Promise<Deno.FsFile> {
    if (this.#file === undefined) {
      this.#file = await Deno.open(this.#part, { read: true, write: true, createNew: true });
      lock(this.#file).catch(() => {});
    }
    return this.#file;
  }

  async before(): Promise<Source | undefined> {
    return this.size === 0 ? undefined : await fileSource(this.#part);
  }

  async write(bytes: Uint8Array): Promise<void> {
    try {
      const file = this.#file ?? await this.#opened();
      for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
    } catch (cause) {
      throw cannotWrite(this.path, cause);
    }
  }

  async publish(): Promise<void> {
    const { mtime_ms: mtime, executable } = this.#info;
    try {
      const file = await this.#opened();
      if (executable && Deno.build.os !== "windows") {
        // Whoever may read it may run it.
        const mode = (await file.stat()).mode ?? 0o644;
        await Deno.chmod(this.#part, (mode | (mode & 0o444) >> 2) & 0o777);
      }
      if (mtime !== undefined) await file.utime(new Date(), new Date(mtime));
      file.close();
      if (this.#force) return await Deno.rename(this.#part, this.path);
      await giveName(this.#part, this.path);
    } catch (cause) {
      throw cause instanceof FxferError ? cause : cannotWrite(this.path, cause);
    }
  }

  async leave(isOfUse: boolean): Promise<void> {
    if (this.#file === undefined) return;
    const size = await Deno.stat(this.#part).then((info) => info.size, () => 0);
    try {
      this.#file.close();
    } catch {
      // It is closed already: giving it its name has failed.
    }
    if (!isOfUse || size === 0) await Deno.remove(this.#part).catch(() => {});
  }
}

/** Gives a part file its name. Unlike a rename, a link replaces nothing that has come there meanwhile. */
export async function giveName(part: string, path: string): Promise<void> {
  try {
    await Deno.link(part, path);
  } catch (error) {
    const isTaken = error instanceof Deno.errors.AlreadyExists ||
      await Deno.lstat(path).then(() => true, () => false);
    if (isTaken) {
      throw cannotWrite(
        path,
        error,
        "something has come there meanwhile, --force replaces it",
      );
    }
    // Some file systems have no links.
    return await Deno.rename(part, path);
  }
  await Deno.remove(part);
}

/** `NAME.<16 digits>.part` in the same folder; the name is cut where that would be too long. */
export function partOf(path: string, sha256: string): string {
  const name = basename(path);
  const tail = `.${sha256.slice(0, 16)}.part`;
  // A character has 3 bytes for each of its units at most.
  if (3 * name.length + tail.length <= MAX_NAME_BYTES) return path + tail;
  let head = [...name];
  const size = () => new TextEncoder().encode(head.join("")).length;
  while (size() + tail.length > MAX_NAME_BYTES) head = head.slice(0, -1);
  return join(path.slice(0, path.length - name.length), head.join("") + tail);
}

/** What is not there is undefined; any other error is thrown. */
export function absent(error: unknown): undefined {
  if (error instanceof Deno.errors.NotFound) return undefined;
  throw error;
}

/** Why a file cannot be written, in words that the user can act on. */
export function cannotWrite(path: string, cause: unknown, reason?: string): FxferError {
  const why = cause instanceof Deno.errors.NotCapable
    ? `it is not permitted (--allow-write)`
    : cause instanceof Deno.errors.PermissionDenied
    ? "you may not write there"
    : cause instanceof Deno.errors.NotADirectory
    ? "a folder of its path is a file"
    : cause instanceof Deno.errors.NotFound
    ? "its folder takes no file"
    : reasonOf(cause);
  return localError(`write ${path}`, cause, reason ?? why);
}
