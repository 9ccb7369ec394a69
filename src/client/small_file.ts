/** Small files on disk, read whole in one go. @module */
import { FIRST_BYTES } from "./frame_source.ts";
import { fileSource, isFresh, isMadeUp, type Source, stampOf } from "./source.ts";

/**
 * A small file as a source: it is opened, read and closed here, by calls that block. That takes a fifth of
 * the time of calls that are waited for one by one, and holds no file open until it is answered. So it is
 * only for disks that answer at once.
 *
 * The bytes are those of one moment: if anything is done to the file meanwhile, this gives none. What is done
 * to it later is noticed as of a {@linkcode fileSource}.
 *
 * @returns Undefined if this is no regular file of 1 byte to 64 KiB that can be read; `fileSource` then says
 * why, or sends it.
 */
export function smallFileSource(path: string): Source | undefined {
  try {
    // Opening a pipe would wait for a writer.
    const info = Deno.statSync(path);
    if (!info.isFile || isMadeUp(info) || info.size > FIRST_BYTES) return undefined;
    using file = Deno.openSync(path);
    const bytes = new Uint8Array(info.size);
    let length = 0;
    while (length < bytes.length) {
      const count = file.readSync(bytes.subarray(length));
      if (count === null) return undefined;
      length += count;
    }
    const stamp = stampOf(file.statSync());
    return stamp === stampOf(info) ? new SmallFile(path, bytes, info) : undefined;
  } catch {
    return undefined;
  }
}

/** A file whose bytes are in memory. What is read again is read from disk, to be compared with them. */
class SmallFile implements Source {
  readonly size: number;
  readonly #path: string;
  readonly #bytes: Uint8Array;
  readonly #info: Deno.FileInfo;
  readonly #isFresh: boolean;
  #again: Promise<Source> | undefined;

  constructor(path: string, bytes: Uint8Array, info: Deno.FileInfo) {
    this.#path = path;
    this.#bytes = bytes;
    this.#info = info;
    this.#isFresh = isFresh(info);
    this.size = bytes.length;
  }

  view(offset: number, length: number): Uint8Array {
    return this.#bytes.subarray(offset, offset + length);
  }

  async read(into: Uint8Array, offset: number): Promise<number | null> {
    this.#again ??= fileSource(this.#path);
    return await (await this.#again).read(into, offset);
  }

  changed(): Promise<boolean> {
    if (this.#isFresh) return Promise.resolve(true);
    try {
      const { dev, ino } = this.#info;
      const now = Deno.statSync(this.#path);
      // Another file under the name changes nothing of this one.
      const isSame = now.dev === dev && now.ino === ino;
      return Promise.resolve(isSame && stampOf(now) !== stampOf(this.#info));
    } catch {
      return Promise.resolve(false);
    }
  }

  close(): void {
    this.#again?.then((source) => source.close?.(), () => {});
    this.#again = undefined;
  }
}
