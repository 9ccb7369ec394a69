/** The sha256 of a file on the disk, and its comparison with the one a sender announced. @module */
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
