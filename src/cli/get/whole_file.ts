/** Small fetched files on a disk of this machine, written in one go. @module */
import type { FileInfo } from "../../protocol/mod.ts";
import type { Patience } from "../../patience.ts";
import { cannotWrite, giveName, type LocalFile, PartFile, partOf } from "./part_file.ts";

/** A larger file has a part file from its first byte on. */
const SMALL_BYTES = 64 * 1024;

/** Whether a file is small enough for a {@linkcode WholeFile}. */
export const isSmall = ({ size }: FileInfo): boolean => size <= SMALL_BYTES;

/**
 * A file that is kept in memory until it is whole, and then written by calls that block: that takes a fourth of
 * the time of calls that are waited for one by one. Until then nothing of it is on disk, and a later run
 * fetches it again.
 */
export class WholeFile implements LocalFile {
  readonly path: string;
  readonly size = 0;
  readonly #info: FileInfo;
  readonly #force: boolean;
  readonly #patience: Patience;
  #bytes = new Uint8Array();
  #length = 0;
  #isPublished = false;

  constructor(path: string, info: FileInfo, force: boolean, patience: Patience) {
    this.path = path;
    this.#info = info;
    this.#force = force;
    this.#patience = patience;
  }

  before(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  write(bytes: Uint8Array): void {
    if (this.#bytes.length === 0) this.#bytes = new Uint8Array(this.#info.size);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  takeWhole(bytes: Uint8Array): void | Promise<void> {
    this.#isPublished = true;
    const naming = this.#patience.unlessSlow(() => this.#publishNow(bytes));
    if (naming !== true) return naming ?? this.#publishSlowly(bytes);
  }

  async publish(): Promise<void> {
    if (!this.#isPublished) await this.takeWhole(this.#bytes);
  }

  /** True if it has its name. */
  #publishNow(bytes: Uint8Array): true | Promise<void> {
    const { sha256, mtime_ms: mtime, executable } = this.#info;
    const part = partOf(this.path, sha256);
    let isMade = false;
    try {
      {
        // Whoever may read it may run it.
        const mode = executable ? 0o777 : 0o666;
        using file = Deno.openSync(part, { write: true, createNew: true, mode });
        isMade = true;
        for (let at = 0; at < bytes.length;) at += file.writeSync(bytes.subarray(at));
        if (mtime !== undefined) file.utimeSync(new Date(), new Date(mtime));
      }
      if (this.#force) {
        Deno.renameSync(part, this.path);
        return true;
      }
    } catch (cause) {
      if (isMade) remove(part);
      throw cannotWrite(this.path, cause);
    }
    return link(part, this.path) ? true : giveName(part, this.path).catch((cause) => {
      remove(part);
      throw cause;
    });
  }

  async #publishSlowly(bytes: Uint8Array): Promise<void> {
    const file = await PartFile.open(this.path, this.#info, this.#force);
    try {
      await file.write(bytes);
      await file.publish();
    } catch (error) {
      await file.leave(false);
      throw error;
    }
  }

  leave(): Promise<void> {
    return Promise.resolve();
  }
}

/** Whether the part file has its name now. */
function link(part: string, path: string): boolean {
  try {
    Deno.linkSync(part, path);
  } catch {
    return false;
  }
  remove(part);
  return true;
}

function remove(part: string): void {
  try {
    Deno.removeSync(part);
  } catch {
    // It stays as a part file, with which a later run goes on.
  }
}
