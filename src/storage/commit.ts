/**
 * The commit of a file: it gets its final name, then its line in the manifest. The order matters: a line
 * must never stand for a file that is not whole. The sender is told `ok` only after the line. mod.ts
 * tells what a crash between two steps leaves.
 *
 * @module
 */
import type { IdClaim } from "./claim.ts";
import type { DiskParts, ReadingParts } from "./disk_parts.ts";
import type { Position } from "./manifest.ts";
import { formatEntry } from "./manifest_lines.ts";
import { folderOf } from "./naming.ts";
import { isOriginalPath } from "./original_names.ts";
import type { FileSpec, MayPublish, PutSpec, StoredFile } from "./types.ts";

/** A file whose bytes are all in the folder, flushed where the level asks for it. */
export interface WholeFile {
  readonly spec: FileSpec & Pick<PutSpec, "journal" | "sole">;
  readonly temporaryPath: string;
  readonly finalPath: string;
  readonly size: number;
  readonly sha256: string;
  /** A session's record names the file: others may finish it, so it never loses its final name again. */
  readonly announced?: boolean;
  /** Whether it has its final name, without the line that belongs to it. */
  named?: boolean;
  /** Where the line begins and ends, once it is written; at level `durable` its flush may have failed. */
  listed?: Position | undefined;
  /** The manifest in which the line stands there: while its flush is waited for, another one may take its place. */
  listedIn?: Deno.FsFile | undefined;
}

/**
 * Commits at level `process` or `data`. It works synchronously, because each step is one short system
 * call and the way to the thread pool and back would take longer. If the line cannot be written, the
 * file loses its final name again, unless it was announced.
 *
 * @param claim The claim of the file's upload id; without one the claim of the process is used.
 */
export function commitNow(
  parts: DiskParts,
  file: WholeFile,
  claim?: IdClaim,
  mayPublish?: MayPublish,
): StoredFile {
  const line = lineOf(parts, file);
  file.spec.journal?.note([{ temporaryPath: file.temporaryPath, line }]);
  (claim ?? parts.reading?.claims.own)?.write(line);
  mayPublish?.();
  giveName(parts, file);
  try {
    append(parts, file, line);
  } catch (error) {
    takeNameBack(parts, file);
    throw error;
  }
  return remember(parts, file, claim);
}

/** Gives a file its final name. */
export function giveName(parts: DiskParts, file: WholeFile): void {
  if (file.named === true) return;
  // What is announced may have been published under this very name by another holder of the session.
  const isFree = file.announced !== true && file.spec.sole === true;
  parts.folder.giveFinalName(file.temporaryPath, file.finalPath, isFree);
  file.named = true;
  giveTime(parts, file);
}

/** The latest time that a Date can hold, in milliseconds since the epoch. */
const LATEST_MS = 8.64e15;

/** Gives a file that keeps its name its time as well (S-NAM-2). A file is not refused for its time. */
export function giveTime({ folder, log }: DiskParts, { spec, finalPath }: WholeFile): void {
  const { mtimeMs = Infinity } = spec;
  if (mtimeMs > LATEST_MS || !isOriginalPath(finalPath)) return;
  try {
    folder.setTime(finalPath, mtimeMs);
  } catch (cause) {
    log.debug("storage.untimed", { path: finalPath, cause });
  }
}

/** Takes the final name back from a file whose line could not be written. */
export function takeNameBack({ folder }: DiskParts, file: WholeFile): void {
  if (file.announced === true) return;
  folder.takeFinalNameBack(file.temporaryPath, file.finalPath);
  file.named = false;
}

/**
 * Commits at level `durable`: the entries of the folders are flushed before the line is written, and the
 * line is flushed before the commit returns.
 *
 * If only that last flush fails, the file keeps its final name and a line that a power cut may take
 * away. The commit throws, so the sender gets no `ok` and the upload id is not remembered; a second call
 * with the same `file` flushes once more.
 */
export async function commitDurably(
  parts: DiskParts,
  { manifest }: ReadingParts,
  file: WholeFile,
  claim: IdClaim,
  mayPublish?: MayPublish,
): Promise<StoredFile> {
  if (file.listed === undefined) {
    const { finalPath } = file;
    const line = lineOf(parts, file);
    claim.write(line);
    const before = [manifest.file, manifest.follow()] as const;
    // During the flush another finisher of this commit, for whom it looks cut short, may list the file.
    const listedMeanwhile = () => {
      manifest.follow();
      return manifest.positionOf(finalPath, manifest.file === before[0] ? before[1] : 0);
    };
    mayPublish?.();
    giveName(parts, file);
    try {
      await syncFolders(parts, finalPath);
      mayPublish?.(); // else the line is the next holder's work
      file.listed = listedMeanwhile();
      file.listedIn = manifest.file;
      if (file.listed === undefined) append(parts, file, line);
    } catch (error) {
      if (listedMeanwhile() === undefined) takeNameBack(parts, file);
      throw error;
    }
  }
  await parts.manifestSync.sync("");
  return remember(parts, file); // without a mark: a look is nothing beside a flush
}

/** Flushes what makes a name durable: the folders of the file, and the storage folder above them. */
export async function syncFolders(parts: DiskParts, path: string): Promise<void> {
  const waits = [parts.folderSync.sync(parts.folder.root)];
  for (let folder = folderOf(path); folder !== undefined; folder = folderOf(folder)) {
    waits.push(parts.folderSync.sync(parts.folder.at(folder)));
  }
  await Promise.all(waits);
}

/** The line, without its LF, that a file gets now. */
export function lineOf(
  { now }: DiskParts,
  { spec, finalPath: path, size, sha256 }: WholeFile,
): string {
  return formatEntry({ ...spec, path, size, sha256, time: now() });
}

/** Adds the line of a file that has its final name, and counts its bytes. */
export function append(parts: DiskParts, file: WholeFile, line: string): void {
  // Where a line without an upload id stands, nobody asks for by itself.
  const { uploadId } = file.spec;
  noteListed(parts, file, parts.manifest.append(line, file.finalPath, uploadId !== undefined));
}

/** Notes where the line of a file stands, and counts its bytes. */
export function noteListed(parts: DiskParts, file: WholeFile, position?: Position): void {
  file.listed = position;
  file.listedIn = parts.reading?.manifest.file;
  parts.budget.add(file.size);
}

/**
 * Remembers the upload id of a file that this process has listed, and returns what its sender is told.
 *
 * @param claim The claim of the upload id, under which the file was published.
 */
export function remember(parts: DiskParts, file: WholeFile, claim?: IdClaim): StoredFile {
  const { spec: { mimeType }, finalPath: path, size, sha256, listed } = file;
  const stands = file.listedIn === parts.reading?.manifest.file; // else it is read with the lines of others
  if (listed !== undefined && stands) {
    parts.index.add(file, listed);
    if (claim !== undefined) claim.isKnown = true;
  }
  return { path, size, sha256, mimeType, replayed: false };
}
