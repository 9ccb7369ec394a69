/** sha256 of what is on the disk, and what a sender announced. @module */
import { FxferError } from "../errors.ts";
import type { Sha256 } from "./core.ts";

/** Large enough that the thread pool's way back is a small part of the time. */
const BLOCK_BYTES = 1024 * 1024;

/**
 * Feeds the next `size` bytes of `file` to `hash`, from its position.
 *
 * @returns Bytes read: fewer than `size` when the file ends before.
 */
export async function hashFile(file: Deno.FsFile, size: number, hash: Sha256): Promise<number> {
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

/** S-TRF-5: throws `checksum_mismatch` if the sender announced another digest. */
export function checkDigest(announced: string | undefined, computed: string): void {
  if (announced === undefined || announced === computed) return;
  throw new FxferError("checksum_mismatch", "Cannot publish file: its sha256 differs", {
    fields: { sha256: computed },
  });
}
