/** The sha256 of a file on the disk, and its comparison with the one a sender announced. @module */
import type { Hash } from "node:crypto";
import { FxferError } from "../errors.ts";

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
