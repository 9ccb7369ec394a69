/** What a process does with files that an earlier one left half done (tier RW: it must look). @module */
import { omitUndefined } from "../omit_undefined.ts";
import { appendLine, commitDurably, commitNow, remember, type WholeFile } from "./commit.ts";
import { digestOf } from "./digest.ts";
import type { DiskParts } from "./disk_parts.ts";
import { asStorageError } from "./io_errors.ts";
import { MANIFEST } from "./manifest.ts";
import { readManifest } from "./manifest_lines.ts";
import { INCOMING, isFinalPath, isTemporaryPath, sessionOf } from "./naming.ts";
import type { FileSpec, SealedFile, StoredFile } from "./types.ts";

/** Finishes a commit that was cut short, or confirms one (S-SEQ-5): `FileStorage.recover`. */
export async function recoverSealed(
  parts: DiskParts,
  sealed: SealedFile,
  given?: FileSpec,
): Promise<StoredFile | undefined> {
  const { temporaryPath, finalPath, size, sha256, mimeType } = sealed;
  if (!isFinalPath(finalPath)) return undefined;
  const spec: FileSpec = given ??
    omitUndefined({ mimeType, reserve: 0, session: sessionOf(finalPath) });
  const file: WholeFile = { spec, temporaryPath, finalPath, size, sha256 };
  const canRename = isTemporaryPath(temporaryPath);
  const durable = parts.durability === "durable";
  const tell = () => parts.log.info("storage.recovered", { path: finalPath, size });
  try {
    if (await isWhole(parts, finalPath, sealed)) {
      if (!await isListed(parts, finalPath)) {
        appendLine(parts, file);
        tell();
      }
      if (durable) await parts.manifestSync.sync("");
      if (canRename) parts.folder.remove(temporaryPath);
      return remember(parts, file);
    }
    if (!canRename || parts.folder.kind(finalPath) !== undefined) return undefined;
    if (!await isWhole(parts, temporaryPath, sealed)) return undefined;
    const stored = durable ? await commitDurably(parts, file) : commitNow(parts, file);
    tell();
    return stored;
  } catch (error) {
    throw asStorageError("Cannot recover file", error);
  }
}

async function isWhole(parts: DiskParts, path: string, sealed: SealedFile): Promise<boolean> {
  const info = parts.folder.kind(path);
  if (!info?.isFile || info.size !== sealed.size) return false;
  return await digestOf(parts.folder.at(path), sealed.size, parts.sha256()) === sealed.sha256;
}

async function isListed(parts: DiskParts, path: string): Promise<boolean> {
  for await (const { entry } of readManifest(parts.folder.at(MANIFEST))) {
    if (entry?.path === path) return true;
  }
  return false;
}

/**
 * Removes partial files that no session will ask for again, and session folders that are empty.
 *
 * @param isLive Whether a session record still names this temporary path.
 * @param olderThanMs Files that were written to in these last milliseconds stay: another process may be
 * receiving them.
 * @returns How many partial files were removed.
 */
export async function sweepOrphans(
  parts: DiskParts,
  isLive: (temporaryPath: string) => boolean,
  olderThanMs: number,
): Promise<number> {
  const newest = parts.now() - olderThanMs;
  let removed = 0;
  for await (const { name } of Deno.readDir(parts.folder.at(INCOMING))) {
    const path = `${INCOMING}/${name}`;
    if (parts.open.has(path) || isLive(path)) continue;
    const info = parts.folder.kind(path);
    // fxfer makes no folders here. A folder that somebody else made is left for people to look at.
    if (info === undefined || info.isDirectory) continue;
    if (info.isFile && (info.mtime?.getTime() ?? 0) > newest) continue;
    parts.folder.remove(path);
    removed++;
  }
  for await (const { name, isDirectory } of Deno.readDir(parts.folder.root)) {
    if (!isDirectory || !name.startsWith("session_")) continue;
    const made = parts.folder.kind(name)?.mtime?.getTime() ?? 0;
    if (made <= newest) parts.folder.removeEmptyFolder(name);
  }
  return removed;
}
