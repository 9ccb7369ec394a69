/**
 * What a new process does with what an earlier one left (tier RW only: it must look and read).
 *
 * @module
 */
import { commitDurably, commitNow } from "./commit.ts";
import type { StorageCore } from "./core.ts";
import { hashFile } from "./digest.ts";
import { asStorageError, isAbsent } from "./io_errors.ts";
import { entryOf, type ManifestEntry } from "./manifest_line.ts";
import { MANIFEST } from "./manifest.ts";
import { readManifest } from "./manifest_reader.ts";
import { INCOMING, isFinalPath, isTemporaryPath, sessionOf, temporaryName } from "./naming.ts";
import type { FileSpec, PartialFile, SealedFile, StoredFile } from "./types.ts";
import { DiskUpload } from "./upload.ts";

/** Opens a partial file at its durable offset; see FileStorage.reopen. */
export async function reopenPartial(
  core: StorageCore,
  partial: PartialFile,
): Promise<DiskUpload | undefined> {
  const { finalPath, spec, offset } = partial;
  let { temporaryPath } = partial;
  if (core.folder.tier === "W") return undefined;
  // The record came from a store: what it says must still be a name that is made here.
  if (!isTemporaryPath(temporaryPath) || !isFinalPath(finalPath)) return undefined;
  await core.open.get(temporaryPath)?.release();
  const info = core.folder.kind(temporaryPath);
  if (!info?.isFile || info.size < offset) return undefined;
  const reserved = Math.max(spec.reserve, offset);
  core.budget.reserve(reserved);
  let file: Deno.FsFile | undefined;
  try {
    if (partial.contended === true) temporaryPath = await copyPartial(core, temporaryPath);
    file = await Deno.open(core.folder.at(temporaryPath), { read: true, write: true });
    await file.truncate(offset);
    const hash = core.sha256();
    // Reading to the offset also leaves the handle's position there.
    if (await hashFile(file, offset, hash) < offset) throw new Deno.errors.UnexpectedEof();
    return new DiskUpload(core, { temporaryPath, finalPath, spec, file, hash, offset, reserved });
  } catch (error) {
    file?.close();
    if (temporaryPath !== partial.temporaryPath) core.folder.remove(temporaryPath);
    core.budget.release(reserved, 0);
    if (isAbsent(error)) return undefined;
    throw asStorageError("Cannot reopen upload", error);
  }
}

/** A copy is another file to the system: who has the first one open cannot reach it. */
async function copyPartial(core: StorageCore, path: string): Promise<string> {
  const copy = temporaryName(core.randomHex);
  try {
    await Deno.copyFile(core.folder.at(path), core.folder.at(copy));
  } catch (error) {
    core.folder.remove(copy);
    throw error;
  }
  return copy;
}

/** Finishes or confirms the commit of an intent (S-SEQ-5); see FileStorage.recover. */
export async function recoverSealed(
  core: StorageCore,
  sealed: SealedFile,
  given?: FileSpec,
): Promise<StoredFile | undefined> {
  const { temporaryPath, finalPath, size, sha256, mimeType } = sealed;
  if (core.folder.tier === "W" || !isFinalPath(finalPath)) return undefined;
  const session = sessionOf(finalPath);
  const spec = given ?? { mimeType, reserve: 0, ...(session === undefined ? {} : { session }) };
  const temporary = isTemporaryPath(temporaryPath) ? temporaryPath : undefined;
  try {
    if (await isWhole(core, finalPath, sealed)) {
      if (!await isListed(core, finalPath)) {
        core.manifest.append(entryOf(spec, { path: finalPath, size, sha256 }, core.now()));
        core.budget.add(size);
        core.log.info("storage.recovered", { path: finalPath, size });
      }
      if (core.durability === "durable") await core.lines.sync("");
      if (temporary !== undefined) core.folder.remove(temporary);
      const stored = { path: finalPath, size, sha256, mimeType, replayed: false };
      if (spec.uploadId !== undefined) core.index.set(spec.uploadId, stored);
      return stored;
    }
    if (temporary === undefined || core.folder.kind(finalPath) !== undefined) return undefined;
    if (!await isWhole(core, temporary, sealed)) return undefined;
    const file = { spec, temporaryPath, finalPath, size, sha256 };
    const stored = core.durability === "durable"
      ? await commitDurably(core, file)
      : commitNow(core, file);
    core.log.info("storage.recovered", { path: finalPath, size });
    return stored;
  } catch (error) {
    throw asStorageError("Cannot recover file", error);
  }
}

async function isWhole(core: StorageCore, path: string, sealed: SealedFile): Promise<boolean> {
  const info = core.folder.kind(path);
  if (!info?.isFile || info.size !== sealed.size) return false;
  using file = await Deno.open(core.folder.at(path), { read: true });
  const hash = core.sha256();
  await hashFile(file, sealed.size, hash);
  return hash.digest("hex") === sealed.sha256;
}

async function isListed(core: StorageCore, path: string): Promise<boolean> {
  for await (const { entry } of readManifest(core.folder.at(MANIFEST))) {
    if (entry?.path === path) return true;
  }
  return false;
}

/** Reads the manifest once: cuts a torn last line, warns of malformed ones, hands on the rest. */
export async function loadManifest(
  core: StorageCore,
  each: (entry: ManifestEntry) => void,
): Promise<void> {
  const path = core.folder.at(MANIFEST);
  let malformed = 0;
  for await (const line of readManifest(path)) {
    if (line.torn) {
      // Only if it still is the end: another process may have appended since.
      if ((await Deno.lstat(path)).size === line.end) await Deno.truncate(path, line.start);
      core.manifest.readTo = line.start;
      core.log.warn("storage.manifest_cut", { line: line.number, bytes: line.end - line.start });
      continue;
    }
    core.manifest.readTo = line.end;
    if (line.entry === undefined || !isFinalPath(line.entry.path)) {
      if (malformed++ === 0) core.log.warn("storage.manifest_malformed", { line: line.number });
    } else {
      each(line.entry);
    }
  }
  if (malformed > 1) core.log.warn("storage.manifest_malformed", { lines: malformed });
}

/** Reads what has come to the manifest since it was last read, and hands on the entries. */
export async function readOn(
  core: StorageCore,
  each: (entry: ManifestEntry) => void,
): Promise<void> {
  const { manifest, folder } = core;
  const path = folder.at(MANIFEST);
  let known = manifest.readTo;
  if ((await Deno.lstat(path)).size < known) known = 0; // it was removed, and begins anew
  for await (const { entry, end, torn } of readManifest(path, known)) {
    if (torn) break; // another process is writing it
    if (entry !== undefined && isFinalPath(entry.path)) each(entry);
    known = end;
  }
  manifest.readTo = known;
}

/**
 * Removes partial files nobody will ask for again and session folders that are empty.
 *
 * @param isLive Whether a session record still names this temporary path.
 * @param olderThanMs Younger ones stay: another process on the folder may be writing them.
 * @returns How many partial files were removed.
 */
export async function sweepOrphans(
  core: StorageCore,
  isLive: (temporaryPath: string) => boolean,
  olderThanMs: number,
): Promise<number> {
  if (core.folder.tier === "W") return 0;
  const newest = core.now() - olderThanMs;
  let removed = 0;
  for await (const { name } of Deno.readDir(core.folder.at(INCOMING))) {
    const path = `${INCOMING}/${name}`;
    if (core.open.has(path) || isLive(path)) continue;
    const info = core.folder.kind(path);
    // A folder is nothing fxfer makes here: left for people to look at.
    if (info === undefined || info.isDirectory) continue;
    if (info.isFile && (info.mtime?.getTime() ?? 0) > newest) continue;
    core.folder.remove(path);
    removed++;
  }
  for await (const { name, isDirectory } of Deno.readDir(core.folder.root)) {
    if (!isDirectory || !name.startsWith("session_")) continue;
    const made = core.folder.kind(name)?.mtime?.getTime() ?? 0;
    if (made <= newest) core.folder.removeEmptyFolder(name);
  }
  return removed;
}
