/** Which stored files go because of their age, or because all of them take too much room (tier RW). @module */
import type { ListedFile } from "./catalogue.ts";
import type { DiskParts, ReadingParts } from "./disk_parts.ts";
import type { FileRow } from "./index_file.ts";
import { findFile } from "./listing.ts";
import { readEntryAt } from "./manifest_lines.ts";
import { isFinalPath } from "./naming.ts";

/** How long files are kept, and how many bytes of them.
 * @category Storage */
export interface KeepPolicy {
  /** Files that were stored longer ago go, in milliseconds; absent for no limit. */
  readonly keepMs?: number;
  /** While all files together take more bytes, the oldest one goes; absent for no limit. */
  readonly keepBytes?: number;
}

/** A file that goes, and the setting that wants it.
 * @category Storage */
export interface OutdatedFile {
  /** What is known of it. */
  readonly file: ListedFile;
  /** `storage.keep` for its age, `storage.keep_bytes` for the room that all files take. */
  readonly reason: "storage.keep" | "storage.keep_bytes";
}

/** So many files are read from the index at once. */
const BATCH = 200;

/**
 * Yields the files that a policy wants to go, the oldest one first. Each counts as gone when the next one is
 * asked for. A file that somebody is reading stays; the next turn finds it again.
 */
export async function* outdatedFiles(
  { now, readers }: DiskParts,
  { known }: ReadingParts,
  { keepMs = Infinity, keepBytes = Infinity }: KeepPolicy,
): AsyncGenerator<OutdatedFile> {
  const before = now() - keepMs;
  let bytes = await known.query((index) => index.state.bytes);
  for (let from = 0;;) {
    const batch = await known.query((index, handle) =>
      index.rows(
        "SELECT id, pos, name, size, gone FROM file WHERE id >= ? AND gone = 0 ORDER BY id LIMIT ?",
        ...[from, BATCH],
      ).map((row: FileRow) => ({ row, entry: readEntryAt(handle, row.pos) }))
    );
    for (const { row, entry } of batch) {
      from = row.id + 1;
      if (entry === undefined || !isFinalPath(entry.path)) continue;
      const tooOld = entry.time < before;
      if (!tooOld && bytes <= keepBytes) return;
      if (readers.has(entry.path)) continue;
      // Others may have removed it since, and stored a new one under its path.
      const listed = await findFile(known, { path: entry.path });
      if (listed?.storedAt === entry.time && listed.sha256 === entry.sha256) {
        yield { file: listed, reason: tooOld ? "storage.keep" : "storage.keep_bytes" };
      }
      bytes -= row.size;
    }
    if (batch.length < BATCH) return;
  }
}
