/** The sources that the client makes itself: bytes in memory, a Blob, a file on disk. @module */
import { FxferError, reasonOf } from "../errors.ts";
import type { Source } from "./types.ts";

/** Bytes in memory: they are never copied, so the program must not change them during the send. */
export function bytesSource(bytes: Uint8Array): Source {
  return {
    size: bytes.length,
    view: (offset, length) => bytes.subarray(offset, offset + length),
    read: (into, offset) => {
      const part = bytes.subarray(offset, offset + into.length);
      into.set(part);
      return Promise.resolve(part.length === 0 ? null : part.length);
    },
  };
}

/** A Blob or File, read in slices. */
export function blobSource(blob: Blob): Source {
  return {
    size: blob.size,
    async read(into, offset) {
      const part = await blob.slice(offset, offset + into.length).bytes();
      into.set(part);
      return part.length === 0 ? null : part.length;
    },
  };
}

/** A file on disk. The file is open while it is read, and a read after a close opens it again. */
class FileSource implements Source {
  readonly size: number | undefined;
  readonly #path: string;
  readonly #info: Deno.FileInfo;
  #file: Deno.FsFile | undefined;
  #position = 0;

  constructor(path: string, file: Deno.FsFile, info: Deno.FileInfo) {
    this.#path = path;
    this.#file = file;
    this.#info = info;
    // A pipe or device does not know its size: the client reads to its end.
    this.size = info.isFile ? info.size : undefined;
  }

  async read(into: Uint8Array, offset: number): Promise<number | null> {
    try {
      const file = this.#open();
      if (offset !== this.#position) {
        await file.seek(offset, Deno.SeekMode.Start);
        this.#position = offset;
      }
      const count = await file.read(into);
      this.#position += count ?? 0;
      return count;
    } catch (cause) {
      throw unreadable(this.#path, cause);
    }
  }

  /** Whether the file has another size or time of change than when the source was made. */
  async changed(): Promise<boolean> {
    if (this.size === undefined) return false;
    try {
      const { size, mtime } = await this.#open().stat();
      return size !== this.#info.size || mtime?.getTime() !== this.#info.mtime?.getTime();
    } catch (cause) {
      throw unreadable(this.#path, cause);
    }
  }

  close(): void {
    this.#file?.close();
    this.#file = undefined;
  }

  #open(): Deno.FsFile {
    if (this.#file === undefined) {
      // Opened without a wait: a close during the wait would find no file yet, and leave it open.
      this.#file = Deno.openSync(this.#path);
      this.#position = 0;
    }
    return this.#file;
  }
}

/**
 * A file on disk as a source. It is opened at once, so that a file that cannot be read fails here, and
 * closed when its send is over. If its size or time of change differs between two tries, the send
 * rejects with `source_changed`.
 *
 * @param path Of a file, pipe or device; the program must be permitted to read it.
 * @returns A source to hand to `send`, which closes it.
 * @throws {FxferError} `local_io` if it cannot be opened or is a folder.
 * @category Client
 */
export async function fileSource(path: string): Promise<Source> {
  let file: Deno.FsFile | undefined;
  try {
    file = await Deno.open(path);
    const info = await file.stat();
    if (info.isDirectory) throw new Deno.errors.IsADirectory("it is a folder");
    return new FileSource(path, file, info);
  } catch (cause) {
    file?.close();
    throw unreadable(path, cause);
  }
}

function unreadable(path: string, cause: unknown): FxferError {
  const message = `Cannot read file ${JSON.stringify(path)}: ${reasonOf(cause)}`;
  return new FxferError("local_io", message, { cause });
}
