/**
 * The commit: a whole file gets its final name and its line. Final name first, line second, so that
 * a line never stands for a file that is not whole; `ok` only after the line. See mod.ts for what a
 * crash between two steps leaves.
 *
 * @module
 */
import type { StorageCore } from "./core.ts";
import { entryOf } from "./manifest_line.ts";
import { folderOf } from "./naming.ts";
import type { FileSpec, StoredFile } from "./types.ts";

/** A file whose bytes are all there (and flushed, where the level asks). */
export interface WholeFile {
  readonly spec: FileSpec;
  readonly temporaryPath: string;
  readonly finalPath: string;
  readonly size: number;
  readonly sha256: string;
  /** Its line is written: only a flush is missing (level `durable`). */
  listed?: boolean;
}

/**
 * Commits at level `process` or `data`: synchronous, because each step is one short system call and
 * the way to the thread pool and back costs more. On failure the file has no final name.
 */
export function commitNow(core: StorageCore, file: WholeFile): StoredFile {
  core.folder.giveFinalName(file.temporaryPath, file.finalPath);
  try {
    appendLine(core, file);
  } catch (error) {
    core.folder.takeFinalNameBack(file.temporaryPath, file.finalPath);
    throw error;
  }
  return finish(core, file);
}

/**
 * Commits at level `durable`: the folder entries are on the disk before the line is written, and the
 * line before it returns. If only the last flush fails, the file stays whole under its name with a
 * line that may not outlive a power cut; no `ok` is given for it, its upload id is not remembered, and
 * a second call with the same record flushes once more.
 */
export async function commitDurably(core: StorageCore, file: WholeFile): Promise<StoredFile> {
  if (file.listed !== true) {
    core.folder.giveFinalName(file.temporaryPath, file.finalPath);
    try {
      await syncFolders(core, file.finalPath);
      appendLine(core, file);
    } catch (error) {
      core.folder.takeFinalNameBack(file.temporaryPath, file.finalPath);
      throw error;
    }
    file.listed = true;
  }
  await core.lines.sync("");
  return finish(core, file);
}

/** Flushes the entries a final name needs: its folder, and that folder's own entry. */
export async function syncFolders(core: StorageCore, path: string): Promise<void> {
  const folder = folderOf(path);
  const waits = [core.folders.sync(core.folder.root)];
  if (folder !== undefined) waits.push(core.folders.sync(core.folder.at(folder)));
  await Promise.all(waits);
}

function appendLine(core: StorageCore, file: WholeFile): void {
  const { finalPath: path, size, sha256 } = file;
  core.manifest.append(entryOf(file.spec, { path, size, sha256 }, core.now()));
  core.budget.add(size);
}

function finish(core: StorageCore, file: WholeFile): StoredFile {
  const stored: StoredFile = {
    path: file.finalPath,
    size: file.size,
    sha256: file.sha256,
    mimeType: file.spec.mimeType,
    replayed: false,
  };
  if (file.spec.uploadId !== undefined) core.index.set(file.spec.uploadId, stored);
  return stored;
}
