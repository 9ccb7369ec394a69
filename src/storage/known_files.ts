/**
 * What this process learns from the manifest about files that others have stored (tier RW: it must
 * read): at the start everything, later on the lines that other processes have added.
 *
 * @module
 */
import type { DiskParts } from "./disk_parts.ts";
import { MANIFEST } from "./manifest.ts";
import type { ManifestEntry } from "./manifest_line.ts";
import { readManifest } from "./manifest_reader.ts";
import { isFinalPath } from "./naming.ts";

/**
 * Reads the whole manifest at the start: cuts off half a line at its end, warns of malformed lines,
 * remembers upload ids, and counts the bytes of the files for a budget.
 */
export async function readKnownFiles(parts: DiskParts, countBytes: boolean): Promise<void> {
  const { folder, log, manifest } = parts;
  const path = folder.at(MANIFEST);
  let stored = 0;
  let malformed = 0;
  for await (const line of readManifest(path)) {
    if (line.torn) {
      // Another process may have appended meanwhile: only the end of the file is cut off.
      if ((await Deno.lstat(path)).size === line.end) await Deno.truncate(path, line.start);
      manifest.readTo = line.start;
      log.warn("storage.manifest_cut", { line: line.number, bytes: line.end - line.start });
      continue;
    }
    manifest.readTo = line.end;
    if (line.entry === undefined || !isFinalPath(line.entry.path)) {
      if (malformed++ === 0) log.warn("storage.manifest_malformed", { line: line.number });
      continue;
    }
    rememberId(parts, line.entry);
    if (countBytes) stored += folder.kind(line.entry.path)?.size ?? 0;
  }
  if (malformed > 1) log.warn("storage.manifest_malformed", { lines: malformed });
  parts.budget.begin(stored);
}

/** Remembers the upload id of an entry, so that a second upload with the id is answered (S-TRF-9). */
function rememberId({ index }: DiskParts, entry: ManifestEntry): void {
  const { path, size, sha256, mimeType, uploadId } = entry;
  if (uploadId !== undefined) {
    index.set(uploadId, { path, size, sha256, mimeType, replayed: false });
  }
}

/**
 * Makes the capability `FileStorage.refresh` of a disk: reads the lines that other processes have
 * appended since the manifest was last read.
 */
export function refresher(parts: DiskParts): () => Promise<void> | undefined {
  let reading: Promise<void> | undefined;
  const refresh = async () => {
    // A reading under way may have begun before the line was written that this caller needs.
    while (reading !== undefined) await reading;
    reading = readNewLines(parts)
      .catch((cause) => parts.log.warn("storage.unlearned", { cause }))
      .finally(() => reading = undefined);
    await reading;
  };
  return () => reading === undefined && !parts.manifest.grew ? undefined : refresh();
}

async function readNewLines(parts: DiskParts): Promise<void> {
  const { manifest, folder } = parts;
  const path = folder.at(MANIFEST);
  let known = manifest.readTo;
  if ((await Deno.lstat(path)).size < known) known = 0; // somebody removed it, and it was made anew
  for await (const { entry, end, torn } of readManifest(path, known)) {
    if (torn) break; // another process is writing this line
    if (entry !== undefined && isFinalPath(entry.path)) rememberId(parts, entry);
    known = end;
  }
  manifest.readTo = known;
}
