/** The sources the client makes itself: bytes in memory, a Blob, a file of the disk. @module */
import { FxferError } from "../errors.ts";
import type { Source } from "./types.ts";

/** Bytes in memory: never copied, so they must not change until the send is over. */
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

/** What tells one content of a file from a later one. */
interface Stamp {
  readonly size: number;
  readonly mtime: number | undefined;
}

/** A file of the disk; it is open while it is read. */
class FileSource implements Source {
  readonly size: number | undefined;
  readonly #path: string;
  readonly #stamp: Stamp;
  #file: Deno.FsFile | undefined;
  #position = 0;

  constructor(path: string, file: Deno.FsFile, info: Deno.FileInfo) {
    this.#path = path;
    this.#file = file;
    this.#stamp = stampOf(info);
    // A pipe or device has no size to announce: it is read to its end.
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

  /** Whether size or time of change differ from those at the start. */
  async changed(): Promise<boolean> {
    if (this.size === undefined) return false;
    try {
      const now = stampOf(await this.#open().stat());
      return now.size !== this.#stamp.size || now.mtime !== this.#stamp.mtime;
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
      // Not awaited: a close in between would go unnoticed.
      this.#file = Deno.openSync(this.#path);
      this.#position = 0;
    }
    return this.#file;
  }
}

/**
 * A file of the disk as a source. It is opened at once, so that what cannot be read fails here, and
 * closed when its send is over; a change of size or time between two tries is `source_changed`.
 *
 * @param path Of a file, pipe or device; reading must be permitted.
 * @returns A source to hand to `send`, which closes it.
 * @throws {FxferError} `local_io` if it cannot be opened or is a folder.
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

function stampOf(info: Deno.FileInfo): Stamp {
  return { size: info.size, mtime: info.mtime?.getTime() };
}

function unreadable(path: string, cause: unknown): FxferError {
  if (cause instanceof FxferError) return cause;
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new FxferError("local_io", `Cannot read file ${JSON.stringify(path)}: ${reason}`, {
    cause,
  });
}
