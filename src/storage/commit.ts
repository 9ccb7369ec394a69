/**
 * The commit of a file: it gets its final name, then its line in the manifest. The order matters: a line
 * must never stand for a file that is not whole. The sender is told `ok` only after the line. mod.ts
 * tells what a crash between two steps leaves.
 *
 * @module
 */
import type { DiskParts } from "./disk_parts.ts";
import { entryOf } from "./manifest_line.ts";
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
  return finish(parts, file);
}

/**
 * Commits at level `durable`: the entries of the folders are flushed before the line is written, and the
 * line is flushed before the commit returns.
 *
 * If only that last flush fails, the file keeps its final name and a line that a power cut may take
 * away. The commit throws, so the sender gets no `ok` and the upload id is not remembered; a second call
 * with the same record flushes once more.
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
  return finish(parts, file);
}

/** Flushes what makes a name durable: its folder, and the entry of that folder in the one above. */
export async function syncFolders(parts: DiskParts, path: string): Promise<void> {
  const folder = folderOf(path);
  const waits = [parts.folderSync.sync(parts.folder.root)];
  if (folder !== undefined) waits.push(parts.folderSync.sync(parts.folder.at(folder)));
  await Promise.all(waits);
}

function appendLine(parts: DiskParts, file: WholeFile): void {
  const { finalPath: path, size, sha256 } = file;
  parts.manifest.append(entryOf(file.spec, { path, size, sha256 }, parts.now()));
  parts.budget.add(size);
}

function finish(parts: DiskParts, file: WholeFile): StoredFile {
  const stored: StoredFile = {
    path: file.finalPath,
    size: file.size,
    sha256: file.sha256,
    mimeType: file.spec.mimeType,
    replayed: false,
  };
  if (file.spec.uploadId !== undefined) parts.index.set(file.spec.uploadId, stored);
  return stored;
}
