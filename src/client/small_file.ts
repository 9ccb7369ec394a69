/** Small files on disk, read by calls that block. @module */
import { FxferError } from "../errors.ts";
import { sourceChanged } from "./client_errors.ts";
import { FIRST_BYTES } from "./frame_source.ts";
import { isFresh, isMadeUp, isSameState, type Source, unreadable } from "./source.ts";

/**
 * A small file as a source that is opened, read and closed when its turn comes, by calls that block. That takes
 * a fifth of the time of calls that are waited for one by one, and holds no file open until it is answered. So
 * it is only for disks that answer at once.
 *
 * @returns Undefined if this is no regular file of 1 byte to 64 KiB; `fileSource` then says why, or sends it.
 */
export function smallFileSource(path: string): Source | undefined {
  try {
    const info = Deno.statSync(path);
    const isSmall = info.isFile && info.size <= FIRST_BYTES && !isMadeUp(info);
    return isSmall ? new SmallFile(path, info, info.size) : undefined;
  } catch {
    return undefined;
  }
}

class SmallFile implements Source {
  readonly size: number;
  readonly #path: string;
  /** As the file was before its bytes were read. */
  #info: Deno.FileInfo;
  /** Whether something was, or may have been, done to the file while it was read. */
  #isOpen = false;

  constructor(path: string, info: Deno.FileInfo, size: number) {
    this.#path = path;
    this.#info = info;
    this.size = size;
  }

  /** Nothing was done to the file from its first look to the end of the read: then one more look is enough. */
  readNow(into: Uint8Array): number | undefined {
    try {
      using file = Deno.openSync(this.#path);
      const count = file.readSync(into) ?? 0;
      return isSameState(file.statSync(), this.#info) && !isFresh(this.#info) ? count : undefined;
    } catch {
      return undefined;
    }
  }

  read(into: Uint8Array, offset: number): Promise<number | null> {
    return Promise.resolve().then(() => this.#read(into, offset));
  }

  #read(into: Uint8Array, offset: number): number | null {
    try {
      using file = Deno.openSync(this.#path);
      if (offset > 0) {
        file.seekSync(offset, Deno.SeekMode.Start);
        return file.readSync(into);
      }
      const info = file.statSync();
      // Another file of this size that has come under the name is as good; of one that grew, it is told.
      const isOther = info.ino !== this.#info.ino || info.dev !== this.#info.dev;
      if (info.size < this.size || isOther && info.size > this.size) throw sourceChanged();
      if (info.size === this.size) this.#info = info;
      const count = file.readSync(into);
      this.#isOpen = isFresh(info) || !isSameState(file.statSync(), info);
      return count;
    } catch (cause) {
      throw cause instanceof FxferError ? cause : unreadable(this.#path, cause);
    }
  }

  changed(): Promise<boolean> {
    if (this.#isOpen) return Promise.resolve(true);
    try {
      const { dev, ino } = this.#info;
      const now = Deno.statSync(this.#path);
      // The bytes are those of the file that was there, whatever has come under its name since.
      const isSame = now.dev === dev && now.ino === ino;
      return Promise.resolve(isSame && !isSameState(now, this.#info));
    } catch {
      return Promise.resolve(false);
    }
  }
}
