/** Reads what there is of a partial file: for a session that goes to another server (tier RW). @module */
import { FxferError } from "../errors.ts";
import type { StorageCore } from "./core.ts";
import { isAbsent } from "./io_errors.ts";
import { isTemporaryPath } from "./naming.ts";
import type { PartialFile } from "./types.ts";

/** One read: large enough to cost nothing, small enough to be held. */
const READ_BYTES = 1 << 20;

/** The first bytes of a partial file; see FileStorage.read. */
export async function* readPartial(
  core: StorageCore,
  { temporaryPath, offset }: Pick<PartialFile, "temporaryPath" | "offset">,
): AsyncIterable<Uint8Array> {
  // The record came from a store: what it says must still be a name that is made here.
  if (core.folder.tier === "W" || !isTemporaryPath(temporaryPath)) throw gone();
  if (!core.folder.kind(temporaryPath)?.isFile) throw gone();
  using file = await Deno.open(core.folder.at(temporaryPath), { read: true }).catch((error) => {
    throw isAbsent(error) ? gone(error) : error;
  });
  const buffer = new Uint8Array(Math.min(READ_BYTES, offset));
  for (let left = offset; left > 0;) {
    const count = await file.read(buffer.subarray(0, Math.min(buffer.length, left)));
    // What lies beyond the offset may be cut away or grow at this moment, what lies before it not.
    if (count === null) throw gone();
    left -= count;
    yield buffer.subarray(0, count);
  }
}

function gone(cause?: unknown): FxferError {
  return new FxferError("incomplete", "Cannot read partial file: its bytes are not there", {
    cause,
  });
}
