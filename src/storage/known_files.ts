/**
 * What this process learns from the manifest about files that others have stored (tier RW: it must
 * read): at the start everything, later on the lines that other processes have added.
 *
 * @module
 */
import type { DiskParts } from "./disk_parts.ts";
import { MANIFEST } from "./manifest.ts";
import { type ManifestEntry, readManifest } from "./manifest_lines.ts";
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
  for await (const { number: line, start, end, torn, entry } of readManifest(path)) {
    manifest.readTo = torn ? start : end;
    if (torn) {
      // Another process may have appended meanwhile: only the end of the file is cut off.
      if (folder.kind(MANIFEST)?.size === end) await Deno.truncate(path, start);
      log.warn("storage.manifest_cut", { line, bytes: end - start });
    } else if (entry === undefined || !isFinalPath(entry.path)) {
      if (malformed++ === 0) log.warn("storage.manifest_malformed", { line });
    } else {
      rememberId(parts, entry);
      if (countBytes) stored += folder.kind(entry.path)?.size ?? 0;
    }
  }
  if (malformed > 1) log.warn("storage.manifest_malformed", { lines: malformed });
  parts.budget.begin(stored);
}

/** Remembers the upload id of an entry, so that a second upload with the id is answered (S-TRF-9). */
function rememberId({ index }: DiskParts, entry: ManifestEntry): void {
  const { path, size, sha256, mimeType, uploadId } = entry;
  index.set(uploadId, { path, size, sha256, mimeType, replayed: false });
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
