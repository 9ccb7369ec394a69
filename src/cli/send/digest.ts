/** The digest of a file on disk. @module */
import { createHash } from "node:crypto";
import { fileSource } from "../../client/mod.ts";
import { unlessAborted } from "../../within.ts";

const READ_BYTES = 1024 * 1024;

/** A file up to this size is read in one go. */
const SMALL_BYTES = 256 * 1024;

/**
 * The SHA-256 of a file, as hex.
 *
 * @param onProgress Called with the bytes that were read so far.
 * @throws {FxferError} `local_io` if it cannot be read. The signal's reason, if that comes first.
 */
export async function digestOf(
  path: string,
  signal: AbortSignal,
  onProgress: (bytes: number) => void,
): Promise<string> {
  const source = await fileSource(path, { signal });
  try {
    const hash = createHash("sha256");
    // Many small files may be read at the same time.
    const buffer = new Uint8Array(Math.min(READ_BYTES, (source.size ?? READ_BYTES) + 1));
    for (let at = 0;;) {
      const count = await unlessAborted(source.read(buffer, at), signal);
      if (count === null) return hash.digest("hex");
      hash.update(buffer.subarray(0, count));
      onProgress(at += count);
    }
  } finally {
    source.close?.();
  }
}

/** The same for a file whose size is known: of many small files each costs a third of the time. */
export async function digestOfSized(
  path: string,
  size: number,
  signal: AbortSignal,
): Promise<string> {
  if (size > SMALL_BYTES) return await digestOf(path, signal, () => {});
  return createHash("sha256").update(await Deno.readFile(path)).digest("hex");
}
