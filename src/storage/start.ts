/** What a storage learns from the manifest when it starts (tier RW: it must read). @module */
import type { Logger } from "../log.ts";
import type { ReadingParts } from "./disk_parts.ts";
import { entryOf, pathOf, readLines } from "./manifest_lines.ts";
import { isFinalPath } from "./naming.ts";

/** So many files of a folder with a budget are looked for before the start ends; the sweep looks for the rest. */
const LOOKED_FOR = 10_000;

/**
 * Reads what is new in the manifest since the index was written: cuts off half a line at its end, warns of
 * malformed lines, and counts the bytes of the files for a budget.
 *
 * @returns The bytes of the listed files that are there, each counted once; 0 unless they are counted.
 */
export async function readKnownFiles(
  { manifest, known }: Pick<ReadingParts, "manifest" | "known">,
  log: Logger,
  countBytes: boolean,
): Promise<number> {
  let malformed = 0;
  let first = NaN;
  let tornAt = NaN;
  await known.start(({ start, end, text, torn }, content) => {
    if (text === "") return;
    if (torn) {
      if (start === tornAt) return;
      tornAt = start;
      const what = manifest.cut(start, end) ? "storage.manifest_cut" : "storage.manifest_torn";
      return log.warn(what, { at: start, bytes: end - start });
    }
    const isGood = content !== undefined && isFinalPath(pathOf(content));
    if (!isGood && malformed++ === 0) first = start;
  });
  if (malformed > 0) log.warn("storage.manifest_malformed", { lines: malformed, at: first });
  if (!countBytes) return 0;
  if (known.indexed.to > 0) await known.lookForGone(LOOKED_FOR);
  const { bytes, to } = known.indexed;
  // Another process may be writing the index: then the last lines are not in it.
  const unindexed = readLines(manifest.file, to).map((line) => entryOf(line)?.size ?? 0);
  return unindexed.reduce((sum, size) => sum + size, bytes);
}
