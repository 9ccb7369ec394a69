/** The sha256 of a file on the disk or on its way there, and its comparison with the one a sender announced. @module */
import { type Hash, hash } from "node:crypto";
import { countDigests } from "../digest_memory.ts";
import { FxferError } from "../errors.ts";

/**
 * The sha256 of bytes in memory, computed by this process. Whoever has computed it hands it on, so that storage
 * need not compute it again. No other digest can stand in its place: nobody can make one from a text, and it
 * counts for the very object it was computed from only.
 * @category Storage
 */
export class ComputedDigest {
  readonly #bytes: Uint8Array;
  readonly #sha256: string;

  /** Computes it. @param bytes The caller leaves them unchanged as long as it hands the digest on. */
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    countDigests(1);
    this.#sha256 = hash("sha256", bytes, "hex");
  }

  /** The digest as 64 lower-case hex digits; undefined if it was computed from another object than `bytes`. */
  of(bytes: Uint8Array): string | undefined {
    return bytes === this.#bytes ? this.#sha256 : undefined;
  }
}

/** One read. It is large, so that the way to the thread pool and back is a small part of the time. */
const BLOCK_BYTES = 1024 * 1024;

/**
 * Feeds the next `size` bytes of `file` to `hash`, from the file's position on.
 *
 * @returns The number of bytes read: fewer than `size` when the file ends before.
 */
export async function hashFile(file: Deno.FsFile, size: number, hash: Hash): Promise<number> {
  const block = new Uint8Array(Math.max(1, Math.min(BLOCK_BYTES, size)));
  let done = 0;
  while (done < size) {
    const count = await file.read(block.subarray(0, Math.min(block.length, size - done)));
    if (count === null) break;
    hash.update(block.subarray(0, count));
    done += count;
  }
  return done;
}

/** The digest, in hex, of the first `size` bytes of the file at a path. */
export async function digestOf(path: string, size: number, hash: Hash): Promise<string> {
  using file = await Deno.open(path, { read: true });
  await hashFile(file, size, hash);
  return hash.digest("hex");
}

/** The SHA-256 of what an upload has written. */
export class UploadDigest {
  readonly #hash: Hash;
  /** The digest of the only write, if its caller had it: then no write feeds `#hash`. */
  #known: string | undefined;
  /** The reading of what was written before the file was reopened; until its end no write feeds the digest. */
  #reading: Promise<void> | undefined;
  /** Whether a write that does not feed the digest is under way. */
  #unfed = false;

  /** @param hash Of the bytes that are written already, unless {@linkcode catchUp} reads these. */
  constructor(hash: Hash) {
    this.#hash = hash;
  }

  /** Whether the digest was handed in with the only write. */
  get isKnown(): boolean {
    return this.#known !== undefined;
  }

  /** Takes the digest of the first write, whose bytes are all of the file; undefined if that has none. */
  takeKnown(sha256: string | undefined): void {
    this.#known = sha256;
  }

  /** Feeds bytes that are being written, unless they are read later. */
  update(bytes: Uint8Array): void {
    if (this.#reading === undefined && this.#known === undefined) this.#hash.update(bytes);
  }

  /** A write begins that takes a while; until {@linkcode endWrite} nobody knows how far it has come. */
  beginWrite(): void {
    this.#unfed = this.#reading !== undefined;
  }

  endWrite(): void {
    this.#unfed = false;
  }

  /** Settles when {@linkcode catchUp} is at its end; undefined if it is, or was not called. */
  get reading(): Promise<void> | undefined {
    return this.#reading;
  }

  /**
   * Reads the digest of a reopened file until it has caught up with the writes.
   *
   * @param unread The file, opened for reading; it is closed at the end.
   * @param written How many bytes are written; undefined if the upload is over.
   * @param tooShort The error of a file that has fewer bytes.
   */
  catchUp(
    unread: Deno.FsFile,
    written: () => number | undefined,
    tooShort: () => FxferError,
  ): void {
    this.#reading = this.#read(unread, written, tooShort);
    this.#reading.catch(() => {}); // whoever waits for it is thrown it
  }

  async #read(
    unread: Deno.FsFile,
    written: () => number | undefined,
    tooShort: () => FxferError,
  ): Promise<void> {
    using file = unread;
    const buffer = new Uint8Array(BLOCK_BYTES);
    for (let at = 0, end; (end = written()) !== undefined;) {
      if (at < end) {
        const count = await file.read(buffer.subarray(0, Math.min(buffer.length, end - at)));
        if (count === null) throw tooShort();
        this.#hash.update(buffer.subarray(0, count));
        at += count;
      } else if (!this.#unfed) {
        this.#reading = undefined;
        return;
      } else await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }

  /** The digest, to be asked for once, when all is written and read. */
  hex(): string {
    return this.#known ?? this.#hash.digest("hex");
  }
}

/**
 * Compares a file's digest with the one its sender announced (S-TRF-5).
 *
 * @param announced Undefined when the sender announced none.
 * @throws {FxferError} `checksum_mismatch` with `sha256` when they differ.
 */
export function checkDigest(announced: string | undefined, computed: string): void {
  if (announced === undefined || announced === computed) return;
  throw new FxferError("checksum_mismatch", "Cannot publish file: its sha256 differs", {
    fields: { sha256: computed },
  });
}
