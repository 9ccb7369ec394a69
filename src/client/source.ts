/** What can be sent: a source, and those that the client makes itself of bytes, a Blob, a file on disk. @module */
import { FxferError, reasonOf } from "../errors.ts";
import { unlessAborted } from "../within.ts";
import { interrupted } from "./client_errors.ts";

/**
 * Bytes that can be read again from any offset, so that the client need not keep what it has sent.
 *
 * The client reads at rising offsets, one read at a time, and starts again at an earlier offset
 * after a lost connection. An implementer must return the same bytes for the same offset, or report
 * the change through {@linkcode Source.changed}.
 * @category Client
 */
export interface Source {
  /** Bytes in all; undefined if unknown: then the source is read once, to its end. */
  readonly size: number | undefined;
  /**
   * Reads at most `into.length` bytes. The client goes on with its connection while it waits, and sends
   * what a read gives at once.
   *
   * @param offset Where in the source, in bytes from its start.
   * @returns How many bytes were read, at least 1; null at the end.
   */
  read(into: Uint8Array, offset: number): Promise<number | null>;
  /**
   * Reads all of a source of at most 64 KiB, where nothing has to be waited for: it spares small files the way
   * through promises. `changed` is then not asked: the bytes must be those of one moment.
   *
   * @returns How many bytes were read; undefined if `read` is to be called, which also tells of a failure.
   * `size` may be another one then.
   */
  readNow?(into: Uint8Array): number | undefined;
  /**
   * Whether the bytes may have changed since the first read; absent means never. If so, the client reads
   * again what it has sent, and publishes the file only if the bytes are the same.
   */
  changed?(): Promise<boolean>;
  /** Bytes that are in memory already, which spares a copy. The caller does not change them. */
  view?(offset: number, length: number): Uint8Array;
  /** Called when a send is over, also when it failed at once; a later read may open the source again. */
  close?(): void;
}

/** What can be sent. A stream cannot be read twice: its bytes are kept until they are answered, at most 16 MiB.
 * @category Client */
export type SourceInput = Uint8Array | Blob | ReadableStream<Uint8Array> | Source;

/** The most that the system says of a file whose bytes it makes up as they are read. */
const PAGE_BYTES = 4096;

/** The times of a file go on in steps of up to 10 ms. */
const TICK_MS = 20;

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
  readonly #state: FileState;
  readonly #isFresh: boolean;
  #file: Promise<Deno.FsFile> | undefined;
  #position = 0;

  constructor(path: string, info: Deno.FileInfo, file?: Deno.FsFile) {
    this.#path = path;
    this.#state = stateOf(info);
    if (file !== undefined) this.#file = Promise.resolve(file);
    // A pipe or device does not know its size: the client reads to its end.
    this.size = info.isFile && !isMadeUp(info) ? info.size : undefined;
    this.#isFresh = isFresh(this.#state, Date.now());
  }

  async read(into: Uint8Array, offset: number): Promise<number | null> {
    try {
      const opened = this.#open();
      const file = await opened;
      if (offset !== this.#position) {
        await file.seek(offset, Deno.SeekMode.Start);
        this.#position = offset;
      }
      // A pipe whose send is over must not take what another reader of it waits for.
      if (this.#file !== opened) throw new Error("it was closed");
      const count = await file.read(into);
      this.#position += count ?? 0;
      return count;
    } catch (cause) {
      throw unreadable(this.#path, cause);
    }
  }

  /** Whether anything was done, or may have been done, to the file since the source was made. */
  async changed(): Promise<boolean> {
    if (this.size === undefined) return false;
    if (this.#isFresh) return true;
    try {
      const info = await (await this.#open()).stat();
      return !isSameState(stateOf(info), this.#state);
    } catch (cause) {
      throw unreadable(this.#path, cause);
    }
  }

  close(): void {
    // An open that is under way, and may hang, is closed when it ends.
    this.#file?.then((file) => file.close(), () => {});
    this.#file = undefined;
  }

  #open(): Promise<Deno.FsFile> {
    if (this.#file === undefined) {
      this.#file = Deno.open(this.#path);
      this.#position = 0;
    }
    return this.#file;
  }
}

/**
 * Whether the system makes the bytes of a file up as they are read, as in /proc and /sys: then it is read to
 * its end, whatever size is said.
 */
export function isMadeUp({ size, blocks }: Deno.FileInfo): boolean {
  return size === 0 || (blocks === 0 && size <= PAGE_BYTES);
}

/** What tells two states of a file apart: of all that a look says, a seventh of the memory. */
export interface FileState {
  readonly dev: number;
  readonly ino: number | null;
  readonly size: number;
  /** Milliseconds since 1970; 0 where the system does not say. */
  readonly mtime: number;
  /** It cannot be set back, and has whole seconds. */
  readonly ctime: number;
}

/** The state of a file at a look. */
export function stateOf({ dev, ino, size, mtime, ctime }: Deno.FileInfo): FileState {
  return { dev, ino, size, mtime: Number(mtime), ctime: Number(ctime) };
}

/**
 * Whether a file was changed so lately that another change may have the same time.
 *
 * @param now A time before its bytes are read: a change that comes while they are read, and may have the same time
 * as the last one, would be no longer fresh when a process that was held up looks at the clock after the read.
 */
export function isFresh({ mtime }: FileState, now: number): boolean {
  return Math.abs(now - mtime) < TICK_MS;
}

/** Whether nothing was done to a file between two looks. */
export function isSameState(one: FileState, other: FileState): boolean {
  return one.dev === other.dev && one.ino === other.ino && one.size === other.size &&
    one.mtime === other.mtime && one.ctime === other.ctime;
}

/**
 * A file on disk as a source. It is opened at once, so that a file that cannot be read fails here, and
 * closed when its send is over. A pipe is opened by the first read, because that waits for a writer.
 *
 * If anything was done to the file meanwhile, the client reads again what it sent: other bytes reject the
 * send with `source_changed`. Of a file that only grew, the bytes that it had here are sent.
 *
 * @param path Of a file, pipe or device; the program must be permitted to read it.
 * @param options With a signal that ends the wait for a disk that does not answer.
 * @returns A source to hand to `send`, which closes it.
 * @throws {FxferError} `local_io` if it cannot be opened or is a folder; `interrupted` by the signal.
 * @category Client
 */
export async function fileSource(
  path: string,
  options: { readonly signal?: AbortSignal } = {},
): Promise<Source> {
  const { signal } = options;
  if (signal?.aborted) throw interrupted(signal.reason);
  const opening = openSource(path);
  if (signal === undefined) return await opening;
  try {
    return await unlessAborted(opening, signal);
  } catch (error) {
    opening.then((source) => source.close(), () => {});
    throw signal.aborted ? interrupted(signal.reason) : error;
  }
}

async function openSource(path: string): Promise<FileSource> {
  let file: Deno.FsFile | undefined;
  try {
    const before = await Deno.stat(path);
    if (before.isFifo) return new FileSource(path, before);
    file = await Deno.open(path);
    const info = await file.stat();
    if (info.isDirectory) throw new Deno.errors.IsADirectory("it is a folder");
    return new FileSource(path, info, file);
  } catch (cause) {
    file?.close();
    throw unreadable(path, cause);
  }
}

/** The error of a file that cannot be read. */
export function unreadable(path: string, cause: unknown): FxferError {
  const message = `Cannot read file ${JSON.stringify(path)}: ${reasonOf(cause)}`;
  return new FxferError("local_io", message, { cause });
}
