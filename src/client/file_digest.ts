/**
 * The SHA-256 of a file as far as it was sent or read.
 *
 * `node:crypto` hashes piece by piece and without waiting. To load it takes an eighth of the time in which a
 * command starts, so it is loaded when it is needed; the first small files are hashed by Web Crypto.
 *
 * @module
 */
import type { Hash } from "node:crypto";
import { sourceChanged } from "./client_errors.ts";
import type { FrameSource } from "./frame_source.ts";

/** Bytes that are only hashed, not sent, are read in pieces of this size. */
const READ_BYTES = 1024 * 1024;

/** For so many files Web Crypto, which makes a file wait, takes less time than it takes to load the other. */
const FEW_FILES = 16;

const OF_NO_BYTES = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

let crypto: Pick<typeof import("node:crypto"), "createHash" | "hash"> | undefined;

/** How many files were hashed by Web Crypto. */
let hashedByWebCrypto = 0;

/** Loads what hashes without waiting. To be awaited before anything but {@linkcode FileDigest.addWhole}. */
export async function loadHashing(): Promise<void> {
  crypto ??= await import("node:crypto");
}

/** Whether that is loaded. */
export const canHash = (): boolean => crypto !== undefined;

/** The digest of the first bytes of a file. An outgoing file adds the bytes as it sends them. */
export class FileDigest {
  /** How many bytes from the start of the file are hashed. */
  length = 0;
  /** Absent where all bytes came in one piece. Such an object costs memory until the collector runs. */
  #hash: Hash | undefined;
  /** The digest of the bytes so far, once it was asked for. */
  #hex: string | undefined;

  /** The digest of the bytes so far, as hex. */
  hex(): string {
    return this.#hex ??= this.#hash?.copy().digest("hex") ?? OF_NO_BYTES;
  }

  /** Adds all bytes of a file in one piece, at once where that can be done. */
  async addWhole(bytes: Uint8Array): Promise<void> {
    const isPlain = bytes.buffer instanceof ArrayBuffer; // Web Crypto takes no shared memory
    if (!canHash() && (!isPlain || this.length > 0 || ++hashedByWebCrypto > FEW_FILES)) {
      await loadHashing();
    }
    if (canHash()) return this.updateWhole(bytes);
    const digest = await globalThis.crypto.subtle.digest("SHA-256", bytes as BufferSource);
    this.#hex = new Uint8Array(digest).toHex();
    this.length = bytes.length;
  }

  /** Adds all bytes of a file in one piece. */
  updateWhole(bytes: Uint8Array): void {
    if (this.length > 0) return this.update(bytes, 0);
    this.#hex = digestOf(bytes);
    this.length = bytes.length;
  }

  /** Adds the bytes at `offset`, which is at most `length`, except those that are hashed already. */
  update(bytes: Uint8Array, offset: number): void {
    const known = this.length - offset;
    if (known >= bytes.length) return;
    this.#hash ??= loaded().createHash("sha256");
    this.#hex = undefined;
    this.#hash.update(known === 0 ? bytes : bytes.subarray(known));
    this.length = offset + bytes.length;
  }

  /**
   * Reads and adds the bytes up to `end`; Infinity means to the end of the source.
   *
   * @param go Asked before each read: whether to go on, with the length so far.
   * @throws {FxferError} `source_changed` if the source ends before `end`; what the source throws.
   */
  async readUpTo(
    end: number,
    source: FrameSource,
    go: (length: number) => boolean,
  ): Promise<void> {
    if (this.length >= end) return;
    await loadHashing();
    const buffer = new Uint8Array(Math.min(READ_BYTES, end - this.length));
    while (this.length < end && go(this.length)) {
      const at = this.length;
      const count = await source.read(buffer.subarray(0, Math.min(buffer.length, end - at)), at);
      if (count === null && end !== Infinity) throw sourceChanged();
      if (count === null) return;
      this.update(buffer.subarray(0, count), at);
    }
  }

  /**
   * Whether anything was done to a source since it was made.
   *
   * @throws {FxferError} `source_changed` if its first bytes are not those that are hashed here.
   */
  async isTouched(source: FrameSource, go: () => boolean): Promise<boolean> {
    if (!await source.changed?.()) return false;
    const again = new FileDigest();
    await again.readUpTo(this.length, source, go);
    if (again.hex() === this.hex()) return true;
    throw sourceChanged();
  }
}

/** The digest of some bytes, as hex. */
export function digestOf(bytes: Uint8Array): string {
  return loaded().hash("sha256", bytes, "hex");
}

function loaded(): NonNullable<typeof crypto> {
  if (crypto === undefined) throw new TypeError("Cannot hash: loadHashing() was not awaited");
  return crypto;
}
