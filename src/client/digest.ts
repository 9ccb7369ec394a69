/** The SHA-256 of a file while it is sent in pieces, some of them more than once. @module */
import { createHash } from "node:crypto";

/** Hashes each byte once, by its place in the file. */
export class FileDigest {
  readonly #hash = createHash("sha256");
  #hashed = 0;
  #hex: string | undefined;

  /** All bytes below are hashed. */
  get hashed(): number {
    return this.#hashed;
  }

  /** Takes the bytes at `offset`, which is at most {@linkcode hashed}; what is known is skipped. */
  absorb(bytes: Uint8Array, offset: number): void {
    const known = this.#hashed - offset;
    if (known >= bytes.length) return;
    this.#hash.update(known === 0 ? bytes : bytes.subarray(known));
    this.#hashed = offset + bytes.length;
  }

  /** The digest in hex; nothing can be absorbed after it. */
  hex(): string {
    return this.#hex ??= this.#hash.digest("hex");
  }
}
