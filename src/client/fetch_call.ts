/** Fetches one file, over as many connections as that takes (S-GET). @module */
import { FxferError, reasonOf } from "../errors.ts";
import { omitUndefined } from "../omit_undefined.ts";
import { type FetchData, type FileInfo, MAX_PATH_LENGTH, type ReplyBody } from "../protocol/mod.ts";
import { Call } from "./call.ts";
import { FileDigest, loadHashing } from "./file_digest.ts";
import { checkName } from "./file_facts.ts";
import { fileOf } from "./replies.ts";
import type { FetchOptions, FetchResult, FetchSink, StoredName } from "./stored_types.ts";

/** What an earlier fetch has given is read in pieces of this size. */
const READ_BYTES = 1024 * 1024;

const SHA256 = /^[0-9a-f]{64}$/;

/**
 * How much of a file has come, and its digest. Each reply goes on where the bytes before it ended; a
 * fetch that was cut asks for the file by its path, so that it never goes on in another one.
 */
export class FetchCall extends Call<FetchResult> {
  readonly kind = "fetch";
  readonly #options: FetchOptions;
  readonly #sink: Sink;
  #wanted: StoredName;
  #file: FileInfo | undefined;
  readonly #digest = new FileDigest();
  /** Where the fetch began, and where the next byte belongs. */
  #start: number;
  #at: number;
  /** Whether a request was answered before. */
  #begun = false;
  readonly #resumedFrom: number[] = [];

  /** @throws {TypeError | RangeError} If an argument cannot be used. */
  constructor(wanted: StoredName, sink: FetchSink, options: FetchOptions) {
    super("fetch file");
    const { offset = 0, length, sha256, before } = options;
    for (const [name, value] of Object.entries({ offset, length })) {
      if (value !== undefined && !(Number.isSafeInteger(value) && value >= 0)) {
        throw new RangeError(`Cannot fetch: ${name} must be an integer of 0 or more`);
      }
    }
    if (before !== undefined && offset > 0) {
      throw new RangeError("Cannot fetch: offset follows from before");
    }
    if (sha256 !== undefined && !SHA256.test(sha256)) {
      throw new TypeError("Cannot fetch: sha256 must be 64 lower-case hex digits");
    }
    if ("name" in wanted) checkName(wanted.name, "fetch");
    else if (wanted.path.length > MAX_PATH_LENGTH) {
      throw new RangeError(`Cannot fetch: path is over ${MAX_PATH_LENGTH} characters`);
    }
    this.#wanted = wanted;
    this.#options = options;
    this.#sink = sinkOf(sink);
    this.#start = this.#at = offset;
  }

  /** Reads and hashes what an earlier fetch has given. A failure rejects the fetch. */
  async prepare(): Promise<void> {
    const { before, length } = this.#options;
    if (length !== 0 || before !== undefined) await loadHashing();
    if (before === undefined) return;
    try {
      const buffer = new Uint8Array(READ_BYTES);
      for (
        let count;
        !this.decided && (count = await before.read(buffer, this.#digest.length)) !== null;
      ) {
        this.#digest.update(buffer.subarray(0, count), this.#digest.length);
      }
      this.#start = this.#at = this.#digest.length;
    } catch (cause) {
      this.fail(failure("read the bytes before", cause));
    } finally {
      before.close?.();
    }
  }

  override get data(): FetchData {
    const { length } = this.#options;
    const left = length === undefined ? undefined : length - (this.#at - this.#start);
    const wanted = this.#file === undefined ? this.#wanted : { path: this.#file.path };
    return omitUndefined({ ...wanted, offset: this.#at, length: left });
  }

  /** Where the fetch ends in the file. */
  #end({ size }: FileInfo): number {
    return Math.min(size, this.#start + (this.#options.length ?? Infinity));
  }

  override succeeded(body: ReplyBody, size: number): void {
    const file = fileOf(body.file);
    if (file === undefined) return this.misanswered("the server's reply names no file");
    const { sha256 = this.#options.sha256 } = this.#file ?? {};
    if (sha256 !== undefined && sha256 !== file.sha256) {
      const message = "Cannot fetch file: it is another file now";
      return this.fail(new FxferError("checksum_mismatch", message, { fields: { file } }));
    }
    const left = this.#end(file) - this.#at;
    if (left < 0) {
      const message = "Cannot fetch file: it is shorter than what is there already";
      return this.fail(new FxferError("offset_mismatch", message, { fields: { file } }));
    }
    if ((body.offset ?? 0) !== this.#at || size > left || size === 0 && left > 0) {
      return this.misanswered("the server's reply has another part of it");
    }
    if (this.#begun) this.#resumedFrom.push(this.#at);
    this.#begun = true;
    this.#file = file;
    if (size === 0) this.ended();
  }

  /**
   * Takes a piece of the payload, which is valid until the promise resolves. Until then the call is busy: if
   * the connection is lost meanwhile, where the fetch goes on is known only after that. Never rejects.
   *
   * @returns Undefined if the piece is taken.
   */
  take(bytes: Uint8Array): Promise<void> | undefined {
    try {
      const offset = this.#at;
      const taking = bytes.length === this.#file?.size
        ? this.#takeWhole(bytes, this.#file)
        : this.#takePart(bytes, offset);
      if (taking instanceof Promise) return this.#taken(taking, offset + bytes.length);
      this.#came(offset + bytes.length);
    } catch (cause) {
      this.fail(failure("keep fetched bytes", cause));
    }
  }

  #takeWhole(bytes: Uint8Array, file: FileInfo): void | Promise<void> {
    this.#digest.updateWhole(bytes);
    const { whole } = this.#options;
    if (whole === undefined) return this.#sink.write(bytes, 0);
    if (this.#digest.hex() !== file.sha256) throw damaged(file);
    return whole(bytes, file);
  }

  #takePart(bytes: Uint8Array, offset: number): void | Promise<void> {
    // A sink that hands the bytes to another thread writes them while this one computes the digest.
    const writing = this.#sink.write(bytes, offset);
    if (this.#digest.length === offset) this.#digest.update(bytes, offset);
    return writing;
  }

  async #taken(taking: Promise<void>, end: number): Promise<void> {
    this.busy = true;
    try {
      await taking;
      this.#came(end);
    } catch (cause) {
      this.fail(failure("keep fetched bytes", cause));
    } finally {
      this.busy = false;
    }
  }

  #came(end: number): void {
    this.#at = end;
    if (!this.decided) this.#options.onProgress?.(end, this.#file!);
  }

  /** All payload of a reply has come: checks the file if that was all, and else asks for the rest. */
  ended(): void {
    const file = this.#file;
    if (this.decided || file === undefined) return;
    if (this.#at < this.#end(file)) {
      this.state = "waiting";
      return;
    }
    this.state = "answered";
    void this.#conclude(file);
  }

  async #conclude(file: FileInfo): Promise<void> {
    const verified = this.#digest.length === file.size;
    if (verified && this.#digest.hex() !== file.sha256) return this.fail(damaged(file));
    try {
      await this.#sink.close();
    } catch (cause) {
      return this.fail(failure("keep fetched bytes", cause));
    }
    const bytes = this.#at - this.#start;
    this.resolve({ file, bytes, verified, resumedFrom: this.#resumedFrom });
  }

  override fail(error: FxferError): void {
    if (this.decided) return;
    this.#sink.abort(error);
    super.fail(error);
  }
}

/** A sink of either kind. */
interface Sink {
  write(bytes: Uint8Array, offset: number): void | Promise<void>;
  close(): void | Promise<void>;
  abort(reason: unknown): void;
}

function sinkOf(sink: FetchSink): Sink {
  if (typeof sink === "function") return { write: sink, close: () => {}, abort: () => {} };
  const writer = sink.getWriter();
  // Its failures are those of its writes.
  writer.closed.catch(() => {});
  return {
    // Behind a stream others may hold the bytes for as long as they like.
    write: (bytes) => writer.write(bytes.slice()),
    close: () => writer.close(),
    abort: (reason) => void writer.abort(reason).catch(() => {}),
  };
}

function damaged(file: FileInfo): FxferError {
  const message = "Cannot fetch file: its bytes do not have the SHA-256 that the server says";
  return new FxferError("checksum_mismatch", message, { fields: { file } });
}

function failure(action: string, cause: unknown): FxferError {
  if (cause instanceof FxferError) return cause;
  return new FxferError("local_io", `Cannot ${action}: ${reasonOf(cause)}`, { cause });
}
