/** What a process does with files that an earlier one left half done (tier RW: it must look). @module */
import { omitUndefined } from "../omit_undefined.ts";
import { type Claim, CLAIMS } from "./claim.ts";
import { commitDurably, commitNow, type WholeFile } from "./commit.ts";
import type { DiskParts, ReadingParts } from "./disk_parts.ts";
import { asStorageError } from "./io_errors.ts";
import { sessionOfJournal } from "./journals.ts";
import { tryLock } from "./locks.ts";
import { INCOMING, isFinalPath, isTemporaryPath, sessionOf } from "./naming.ts";
import { claimLater, finishAllLeft, firstResult, isListed, isWhole, listWhole } from "./once.ts";
import type { FileSpec, SealedFile, StoredFile } from "./types.ts";
import { finishCompaction } from "./unfinished_compaction.ts";

/** Finishes a commit that was cut short, or confirms one (S-SEQ-5): `FileStorage.recover`. */
export async function recoverSealed(
  parts: DiskParts,
  reading: ReadingParts,
  sealed: SealedFile,
  given?: FileSpec,
): Promise<StoredFile | undefined> {
  const { temporaryPath, finalPath, size, sha256, mimeType } = sealed;
  if (!isFinalPath(finalPath)) return undefined;
  const spec: FileSpec = given ??
    omitUndefined({ mimeType, reserve: 0, session: sessionOf(finalPath) });
  const { folder } = parts;
  const file: WholeFile = { spec, temporaryPath, finalPath, size, sha256, announced: true };
  const canRename = isTemporaryPath(temporaryPath);
  let claim: Claim | undefined;
  try {
    if (await isWhole(parts, finalPath, sealed)) {
      const stored = await listWhole(parts, reading, file, parts.now());
      if (canRename) folder.remove(temporaryPath);
      return stored;
    }
    if (!canRename || folder.kind(finalPath) !== undefined) return undefined;
    if (!await isWhole(parts, temporaryPath, sealed)) return undefined;
    if (spec.uploadId !== undefined) {
      claim = await claimLater(parts, reading, spec.uploadId, finalPath);
    }
    // The claim may be that of another holder of the session, who has stood still since.
    const isClaimed = spec.uploadId !== undefined &&
      reading.claims.isFor(spec.uploadId, finalPath);
    const replay = firstResult(parts, spec.uploadId, sha256, claim ?? (isClaimed || undefined));
    if (replay !== undefined) {
      folder.remove(temporaryPath);
      return replay;
    }
    const durable = parts.durability === "durable";
    if (durable) claim ??= reading.claims.fresh();
    const stored = durable && claim !== undefined
      ? await commitDurably(parts, reading, file, claim)
      : commitNow(parts, file, claim);
    parts.log.info("storage.recovered", { path: finalPath, size });
    return stored;
  } catch (error) {
    throw asStorageError("Cannot recover file", error);
  } finally {
    claim?.end();
  }
}

/** Removes a file that no record names any more, under either of its names, if it is not listed. */
export async function removeUnlisted(
  { folder, reading }: DiskParts,
  file: Pick<WholeFile, "temporaryPath" | "finalPath" | "named" | "spec">,
): Promise<void> {
  if (reading === undefined) return; // it had one name only
  const { temporaryPath, finalPath: path, spec } = file;
  try {
    folder.remove(temporaryPath);
    // Others may have the name, if it is not a session's own and was not given to this file.
    if (file.named !== true && sessionOf(path) === undefined) return;
    await reading.known.refresh();
    if (!isListed(reading, spec.uploadId, path)) folder.remove(path);
  } catch (error) {
    throw asStorageError("Cannot withdraw file", error);
  }
}

/**
 * Finishes what dead processes were about to publish, and removes partial files that no session will ask for
 * again, and session folders that are empty. A file under a final name is never removed.
 *
 * @param isLive Whether a session record still names this temporary path.
 * @param olderThanMs Files that were written to in these last milliseconds stay: another process may be
 * receiving them.
 * @param onlyCount Whether nothing is changed.
 * @returns How many partial files were removed.
 */
export async function sweepOrphans(
  parts: DiskParts,
  reading: ReadingParts,
  isLive: (temporaryPath: string) => boolean,
  olderThanMs: number,
  onlyCount = false,
): Promise<number> {
  if (!onlyCount) {
    await finishAllLeft(parts, reading);
    finishCompactionLeft(parts);
  }
  const newest = parts.now() - olderThanMs;
  let removed = 0;
  for await (const { name } of Deno.readDir(parts.folder.at(INCOMING))) {
    const path = `${INCOMING}/${name}`;
    if (parts.open.has(path) || isLive(path)) continue;
    try {
      if (!isOrphan(parts, path, newest)) continue;
      if (!onlyCount) parts.folder.remove(path);
      removed++;
    } catch (cause) {
      parts.log.warn("storage.unswept", { path, cause });
    }
  }
  if (onlyCount) return removed;
  removeJournals(parts, isLive, newest);
  await lookForGone(reading);
  for await (const { name, isDirectory } of Deno.readDir(parts.folder.root)) {
    if (!isDirectory || !name.startsWith("session_")) continue;
    const made = parts.folder.kind(name)?.mtime?.getTime() ?? 0;
    if (made <= newest) parts.folder.removeEmptyFolder(name);
  }
  return removed;
}

/** Finishes what a compaction that died has left. If that fails, it is tried again by the next sweep. */
export function finishCompactionLeft({ folder, log }: Pick<DiskParts, "folder" | "log">): void {
  try {
    finishCompaction(folder.state, (path) => folder.kind(path) !== undefined);
  } catch (cause) {
    log.warn("storage.unfinished", { cause });
  }
}

/** Removes the journals of sessions that are gone. A holder whose journal is missing announces its files. */
function removeJournals(
  { folder }: DiskParts,
  isLive: (session: string) => boolean,
  newest: number,
): void {
  const list = () => [...Deno.readDirSync(folder.at(CLAIMS))];
  for (const { name } of folder.withFolders(`${CLAIMS}/`, list)) {
    const session = sessionOfJournal(name);
    if (session === undefined || isLive(session)) continue;
    const path = `${CLAIMS}/${name}`;
    const info = folder.kind(path);
    if (info?.isFile === true && (info.mtime?.getTime() ?? 0) <= newest) folder.remove(path);
  }
}

/** So many listed files are looked for at once, in half a millisecond, and so many in one sweep. */
const LOOKED_FOR = { atOnce: 50, inAll: 5000 };

/** Files that somebody has removed by hand are listed no more, and take no room of the budget. */
async function lookForGone({ known }: ReadingParts): Promise<void> {
  for (let looked = 0; looked < LOOKED_FOR.inAll; looked += LOOKED_FOR.atOnce) {
    if (!await known.lookForGone(LOOKED_FOR.atOnce)) return;
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

/** Whether nobody has written to a partial file lately, nor has it open, however wrong a clock is. */
function isOrphan({ folder }: DiskParts, path: string, newest: number): boolean {
  const info = folder.kind(path);
  // fxfer makes no folders here. A folder that somebody else made is left for people to look at.
  if (info === undefined || info.isDirectory) return false;
  if (!info.isFile) return true;
  if ((info.mtime?.getTime() ?? 0) > newest) return false;
  using file = Deno.openSync(folder.at(path), { read: true });
  return tryLock(file) !== false;
}
