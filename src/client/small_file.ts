/** Small files on disk, read by calls that block. @module */
import { FxferError } from "../errors.ts";
import { sourceChanged } from "./client_errors.ts";
import { FIRST_BYTES } from "./frame_source.ts";
import {
  type FileState,
  isFresh,
  isMadeUp,
  isSameState,
  type Source,
  stateOf,
  unreadable,
} from "./source.ts";

/** What a look at a file says of one that {@linkcode smallFileSource} sends; undefined for all others. */
export function smallFileState(info: Deno.FileInfo): FileState | undefined {
  return info.isFile && info.size <= FIRST_BYTES && !isMadeUp(info) ? stateOf(info) : undefined;
}

/**
 * A small file as a source that is opened, read and closed when its turn comes, by calls that block. That takes
 * a fifth of the time of calls that are waited for one by one, and holds no file open until it is answered. So
 * it is only for disks that answer at once.
 *
 * @param looked What a look at the file has said; without it the file is looked at now.
 * @returns Undefined if this is no regular file of 1 byte to 64 KiB; `fileSource` then says why, or sends it.
 */
export function smallFileSource(path: string, looked?: FileState): Source | undefined {
  try {
    const state = looked ?? smallFileState(Deno.statSync(path));
    return state && new SmallFile(path, state, looked !== undefined);
  } catch {
    return undefined;
  }
}

class SmallFile implements Source {
  readonly #path: string;
  /** As the file was before its bytes were read. */
  #state: FileState;
  /** Whether that was some time ago: then a file that has changed since is taken as it is when its turn comes. */
  #isOld: boolean;
  /** Whether something was, or may have been, done to the file while it was read. */
  #isOpen = false;

  constructor(path: string, state: FileState, isOld: boolean) {
    this.#path = path;
    this.#state = state;
    this.#isOld = isOld;
  }

  get size(): number {
    return this.#state.size;
  }

  /** Nothing was done to the file from its first look to the end of the read: then one more look is enough. */
  readNow(into: Uint8Array): number | undefined {
    const begun = Date.now();
    try {
      using file = Deno.openSync(this.#path);
      const count = file.readSync(into) ?? 0;
      const state = stateOf(file.statSync());
      if (isSameState(state, this.#state)) return isFresh(state, begun) ? undefined : count;
      if (this.#isOld) this.#state = state;
      this.#isOld = false;
      return undefined;
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
      const state = stateOf(file.statSync());
      // Another file of this size that has come under the name is as good; of one that grew, it is told.
      const isOther = state.ino !== this.#state.ino || state.dev !== this.#state.dev;
      if (state.size < this.size || isOther && state.size > this.size) throw sourceChanged();
      if (state.size === this.size) this.#state = state;
      const begun = Date.now();
      const count = file.readSync(into);
      this.#isOpen = isFresh(state, begun) || !isSameState(stateOf(file.statSync()), state);
      return count;
    } catch (cause) {
      throw cause instanceof FxferError ? cause : unreadable(this.#path, cause);
    }
  }

  changed(): Promise<boolean> {
    if (this.#isOpen) return Promise.resolve(true);
    try {
      const { dev, ino } = this.#state;
      const now = stateOf(Deno.statSync(this.#path));
      // The bytes are those of the file that was there, whatever has come under its name since.
      const isSame = now.dev === dev && now.ino === ino;
      return Promise.resolve(isSame && !isSameState(now, this.#state));
    } catch {
      return Promise.resolve(false);
    }
  }
}
