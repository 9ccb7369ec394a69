/**
 * The commit of a file: it gets its final name, then its line in the manifest. The order matters: a line
 * must never stand for a file that is not whole. The sender is told `ok` only after the line. mod.ts
 * tells what a crash between two steps leaves.
 *
 * @module
 */
import type { DiskParts } from "./disk_parts.ts";
import { folderOf } from "./naming.ts";
import type { FileSpec, StoredFile } from "./types.ts";

/** A file whose bytes are all in the folder, flushed where the level asks for it. */
export interface WholeFile {
  readonly spec: FileSpec;
  readonly temporaryPath: string;
  readonly finalPath: string;
  readonly size: number;
  readonly sha256: string;
  /** At level `durable`: the line is written, and only its flush has failed so far. */
  listed?: boolean;
}

/**
 * Commits at level `process` or `data`. It works synchronously, because each step is one short system
 * call and the way to the thread pool and back would take longer. If the line cannot be written, the
 * file loses its final name again.
 */
export function commitNow(parts: DiskParts, file: WholeFile): StoredFile {
  parts.folder.giveFinalName(file.temporaryPath, file.finalPath);
  try {
    appendLine(parts, file);
  } catch (error) {
    parts.folder.takeFinalNameBack(file.temporaryPath, file.finalPath);
    throw error;
  }
  return remember(parts, file);
}

/**
 * Commits at level `durable`: the entries of the folders are flushed before the line is written, and the
 * line is flushed before the commit returns.
 *
 * If only that last flush fails, the file keeps its final name and a line that a power cut may take
 * away. The commit throws, so the sender gets no `ok` and the upload id is not remembered; a second call
 * with the same `file` flushes once more.
 */
export async function commitDurably(parts: DiskParts, file: WholeFile): Promise<StoredFile> {
  if (file.listed !== true) {
    parts.folder.giveFinalName(file.temporaryPath, file.finalPath);
    try {
      await syncFolders(parts, file.finalPath);
      appendLine(parts, file);
    } catch (error) {
      parts.folder.takeFinalNameBack(file.temporaryPath, file.finalPath);
      throw error;
    }
    file.listed = true;
  }
  await parts.manifestSync.sync("");
  return remember(parts, file);
}

/** Flushes what makes a name durable: the folder of the file, and the storage folder above it. */
export async function syncFolders(parts: DiskParts, path: string): Promise<void> {
  const folder = folderOf(path);
  const waits = [parts.folderSync.sync(parts.folder.root)];
  if (folder !== undefined) waits.push(parts.folderSync.sync(parts.folder.at(folder)));
  await Promise.all(waits);
}

/** Adds the line of a file that has its final name, and counts its bytes. */
export function appendLine(parts: DiskParts, { spec, finalPath, size, sha256 }: WholeFile): void {
  parts.manifest.append({ ...spec, path: finalPath, size, sha256, time: parts.now() });
  parts.budget.add(size);
}

/** Remembers the upload id of a file that is listed, and returns what its sender is told. */
export function remember(
  { index }: DiskParts,
  { spec: { mimeType, uploadId }, finalPath: path, size, sha256 }: WholeFile,
): StoredFile {
  const stored: StoredFile = { path, size, sha256, mimeType, replayed: false };
  index.set(uploadId, stored);
  return stored;
}
