/** The SHA-256 of a file as far as it was sent or read. @module */
import { createHash, type Hash, hash } from "node:crypto";
import { sourceChanged } from "./client_errors.ts";
import type { FrameSource } from "./frame_source.ts";

/** Bytes that are only hashed, not sent, are read in pieces of this size. */
const READ_BYTES = 1024 * 1024;

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
    return this.#hex ??= (this.#hash ?? createHash("sha256")).copy().digest("hex");
  }

  /** Adds all bytes of a file in one piece. */
  updateWhole(bytes: Uint8Array): void {
    if (this.length > 0) return this.update(bytes, 0);
    this.#hex = hash("sha256", bytes, "hex");
    this.length = bytes.length;
  }

  /** Adds the bytes at `offset`, which is at most `length`, except those that are hashed already. */
  update(bytes: Uint8Array, offset: number): void {
    const known = this.length - offset;
    if (known >= bytes.length) return;
    this.#hash ??= createHash("sha256");
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
  return hash("sha256", bytes, "hex");
}
