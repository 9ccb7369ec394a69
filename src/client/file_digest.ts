/** The SHA-256 of a file that is sent in pieces, some of them more than once. @module */
import { createHash } from "node:crypto";

/** Hashes each byte of a file once, in the order of the file. An `OutgoingFile` has one. */
export class FileDigest {
  readonly #hash = createHash("sha256");
  #hashed = 0;
  #hex: string | undefined;

  /** How many bytes from the start of the file are hashed. */
  get hashed(): number {
    return this.#hashed;
  }

  /** Hashes the bytes at `offset`, except those hashed before. `offset` is at most {@linkcode hashed}. */
  update(bytes: Uint8Array, offset: number): void {
    const known = this.#hashed - offset;
    if (known >= bytes.length) return;
    this.#hash.update(known === 0 ? bytes : bytes.subarray(known));
    this.#hashed = offset + bytes.length;
  }

  /** The digest as hex. After the first call no more bytes can be hashed. */
  hex(): string {
    return this.#hex ??= this.#hash.digest("hex");
  }
}
