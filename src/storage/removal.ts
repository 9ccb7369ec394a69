/**
 * Removes stored files. The order of the steps, and what a crash between them leaves:
 *
 * 1. The line of the removal is written into a claim. A crash leaves a listed file and the claim.
 * 2. The line is appended to the manifest: from here on nobody lists or finds the file, and its room is
 *    free. A crash leaves the file's bytes without a name in any list, and the claim.
 * 3. The file is removed. A crash leaves the claim.
 * 4. The claim is ended.
 *
 * Who starts and the sweep finish what stands in a claim whose holder has died: they append the line if it
 * is missing, and remove the file. A file that was stored meanwhile under the same path stays, because the
 * claim says which file it is about.
 *
 * @module
 */
import { omitUndefined } from "../omit_undefined.ts";
import type { ListedFile, RemovedBy } from "./catalogue.ts";
import type { Claim } from "./claim.ts";
import type { Claims } from "./claims.ts";
import { syncFolders } from "./commit.ts";
import { digestOf } from "./digest.ts";
import type { DiskParts, ReadingParts } from "./disk_parts.ts";
import { hashNumber } from "./hash_table.ts";
import { asStorageError } from "./io_errors.ts";
import { findFile, isOwned, listedOf } from "./listing.ts";
import { formatRemoval, type ManifestEntry, readLineAt, type Removal } from "./manifest_lines.ts";
import { folderOf, isFinalPath } from "./naming.ts";
import { FILES } from "./original_names.ts";
import { isReal } from "./reading.ts";

/** So long a removal is answered again, in milliseconds. */
export const AGAIN_MS = 600_000;

/** Removes a listed file in tier RW; see `Catalogue.remove`. */
export async function removeFile(
  parts: DiskParts,
  reading: ReadingParts,
  path: string,
  by: RemovedBy,
): Promise<ListedFile | undefined> {
  const key = { path, ...omitUndefined({ owner: by.owner }) };
  const file = await findFile(reading.known, key) ?? undefined;
  if (file === undefined) return await removedBefore(parts, reading, path, by);
  const line = formatRemoval(entryOf(file), parts.now(), by);
  let claim: Claim | undefined;
  try {
    claim = claimed(reading.claims, line);
    appendRemoval(parts, reading, line, file);
  } catch (error) {
    claim?.end();
    throw asStorageError("Cannot remove file", error);
  }
  try {
    await removeBytes(parts, reading, path);
  } catch (error) {
    claim?.leave(); // the sweep finishes it
    throw asStorageError("Cannot remove file", error);
  }
  claim?.end();
  return file;
}

/**
 * A claim with the line of a removal. Undefined where the disk is full: to remove a file is what makes room
 * again, so it is done without, and a crash before its end may leave bytes that no list names.
 */
function claimed(claims: Claims, line: string): Claim | undefined {
  let claim: Claim | undefined;
  try {
    claim = claims.fresh();
    claim.write(line);
    return claim;
  } catch (cause) {
    claim?.end();
    const error = asStorageError("Cannot remove file", cause);
    if (error.code !== "storage_full") throw error;
    return undefined;
  }
}

/** What a line says of a file, from what a list says of it. */
function entryOf(file: ListedFile): ManifestEntry {
  const { storedAt, session: _session, ...rest } = file;
  return { ...rest, time: storedAt };
}

function appendRemoval(
  parts: DiskParts,
  { manifest, known }: ReadingParts,
  line: string,
  { path, size }: Pick<ListedFile, "path" | "size">,
): void {
  const position = manifest.append(line);
  if (position !== undefined) known.remove(path, position); // else it is learned with the lines of others
  parts.budget.add(-size);
}

async function removeBytes(parts: DiskParts, { known }: ReadingParts, path: string): Promise<void> {
  if (parts.durability !== "durable") return void unlink(parts, path);
  const before = parts.folder.kind(path);
  await parts.manifestSync.sync("");
  // Another process may have removed the file as well, and somebody has stored another one there since.
  if (await findFile(known, { path }) !== undefined) return;
  if (!isSame(before, parts.folder.kind(path))) return;
  await syncFolders(parts, unlink(parts, path));
}

/** Numbers of removed files are given again, and Deno knows the change of a file to the second only. */
function isSame(one: Deno.FileInfo | undefined, other: Deno.FileInfo | undefined): boolean {
  const facts = ({ ino, birthtime, mtime, ctime }: Partial<Deno.FileInfo> = {}) =>
    [ino, birthtime?.getTime(), mtime?.getTime(), ctime?.getTime()].join();
  return facts(one) === facts(other);
}

/**
 * Removes the bytes, and the folders that are empty then, unless somebody has put a link on the way to them. The
 * folder of all users stays: the operator may have given it an owner and a mode.
 *
 * @returns The highest path that has gone: what stands above it is to be flushed.
 */
function unlink({ folder, log }: DiskParts, path: string): string {
  if (folder.kind(path) === undefined) return path; // another process was first
  if (!isReal(folder, path)) {
    log.warn("storage.leftover", { path, cause: "a planted link" });
    return path;
  }
  folder.remove(path);
  for (let gone = path;;) {
    const above = folderOf(gone);
    if (above === undefined || above === FILES || !folder.removeEmptyFolder(above)) return gone;
    gone = above;
  }
}

/** The file of a removal whose answer may have been lost. */
async function removedBefore(
  { now }: DiskParts,
  { known }: ReadingParts,
  path: string,
  by: RemovedBy,
): Promise<ListedFile | undefined> {
  return await known.query((index, handle) => {
    const rows = index.rows(
      "SELECT pos FROM removed WHERE path_key = ? ORDER BY pos DESC LIMIT 8",
      hashNumber(path),
    );
    for (const { pos } of rows) {
      const content = readLineAt(handle, pos);
      if (content === undefined || !("removed" in content) || content.removed !== path) continue;
      const { file, time } = content;
      const fits = file !== undefined && isOwned(file, by) && now() - time < AGAIN_MS;
      return fits ? listedOf(file) : undefined;
    }
  });
}

/** Finishes a removal that a process which died has begun. */
export async function finishRemoval(
  parts: DiskParts,
  reading: ReadingParts,
  { removed: path, file }: Removal,
  line: string,
): Promise<void> {
  if (!isFinalPath(path) || file === undefined) return;
  const listed = await findFile(reading.known, { path });
  if (listed !== undefined) {
    const same = listed.sha256 === file.sha256 && listed.storedAt === file.time;
    if (!same) return;
    appendRemoval(parts, reading, line, file);
    return await removeBytes(parts, reading, path);
  }
  // The line is there already, so the file goes unless it is another one that has no line yet.
  const info = parts.folder.kind(path);
  if (info?.isFile !== true || info.size !== file.size || !isReal(parts.folder, path)) return;
  const digest = await digestOf(parts.folder.at(path), file.size, parts.sha256());
  if (digest === file.sha256) unlink(parts, path);
}
