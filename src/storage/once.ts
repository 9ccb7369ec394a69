/**
 * One upload id, one file, however many tries are under way in however many processes (S-TRF-11, tier RW): a
 * try publishes while it holds the claim of its id, and knows then what every other one has published.
 *
 * @module
 */
import { LATE, within } from "../within.ts";
import { type Claim, type IdClaim, underWay, WAIT_MS } from "./claim.ts";
import { append, giveTime, remember, syncFolders, type WholeFile } from "./commit.ts";
import { digestOf } from "./digest.ts";
import type { DiskParts, ReadingParts } from "./disk_parts.ts";
import { asStorageError } from "./io_errors.ts";
import { formatEntry, type ManifestEntry } from "./manifest_lines.ts";
import { isFinalPath } from "./naming.ts";
import { finishRemoval } from "./removal.ts";
import type { SealedFile, StoredFile } from "./types.ts";
import { replayOf } from "./upload_index.ts";

/**
 * So long a recovered commit waits for the flush of its folders, in milliseconds: one that hangs is often the
 * reason why the commit was cut short. Then the file itself is flushed once more, and with it the journal
 * (ext4, XFS, Btrfs) that has its name.
 */
const FLUSH_MS = 1000;

/** The pause between two looks whether the other one has ended, in milliseconds. */
const PAUSE_MS = 5;

/**
 * Takes the claim of an upload id, if that and what must be known with it takes no waiting. The caller looks
 * the id up in the same synchronous step, and ends the claim.
 */
export function claimNow({ known, claims }: ReadingParts, uploadId: string): IdClaim | undefined {
  let claim: IdClaim | undefined;
  const { own } = claims;
  try {
    claim = claims.takeNow(uploadId);
    // Under a claim of its own this process knows everything, unless the manifest is another one by now.
    const learning = claim?.left === false ? known.refresh(claim.isMine) : undefined;
    const isHere = own === claims.own; // else the folder is another one since, and has others' notes
    if (claim?.left === false && learning === undefined && isHere) return claim;
    learning?.catch(() => {}); // claimLater() asks again
  } catch (error) {
    claim?.leave();
    throw asStorageError("Cannot claim upload id", error);
  }
  claim?.leave();
  return undefined;
}

/**
 * Takes the claim of an upload id, after the try that has it, for 2 s at most. If that try has died in the
 * middle, what it was about to do is finished first.
 *
 * @param finalPath For a commit that goes on after another holder of its session: a claim for this very path
 * is that holder's, and does not stand in the way.
 * @returns Undefined where no claim is needed: the file is listed by now, or `finalPath` says so.
 * @throws {FxferError} `busy` when the other try did not come to its end.
 */
export async function claimLater(
  parts: DiskParts,
  reading: ReadingParts,
  uploadId: string,
  finalPath?: string,
): Promise<Claim | undefined> {
  const { claims, known } = reading;
  const until = performance.now() + WAIT_MS;
  for (;;) {
    let claim: Claim | undefined;
    const { own } = claims;
    try {
      claim = await takeFinished(parts, reading, uploadId);
      await known.refresh();
      if (own !== claims.own) {
        claim?.leave();
        continue; // as in claimNow()
      }
    } catch (error) {
      claim?.leave();
      throw asStorageError("Cannot claim upload id", error);
    }
    if (claim !== undefined || known.get(uploadId) !== undefined) return claim;
    if (finalPath !== undefined && claims.isFor(uploadId, finalPath)) return undefined;
    if (performance.now() > until) throw underWay();
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}

/**
 * The first result of an upload id, asked in the synchronous step that publishes; undefined where this try is to
 * publish. Nobody publishes without the claim: a file that was listed when {@linkcode claimLater} looked may have
 * been removed since.
 *
 * @param claim True where another holder of the session has the claim.
 * @throws {FxferError} `busy` without a claim and a result.
 */
export function firstResult(
  { index, reading }: DiskParts,
  uploadId: string | undefined,
  sha256: string,
  claim: IdClaim | true | undefined,
): StoredFile | undefined {
  const isMine = claim !== true && claim?.isMine === true;
  const learned = isMine ? () => isUpToDate(reading!) : undefined;
  const replay = replayOf(index, uploadId, sha256, learned);
  if (replay !== undefined || claim !== undefined) return replay;
  if (uploadId !== undefined && reading !== undefined) throw underWay();
  return undefined;
}

/** Learns what others have written, if that takes no waiting. */
function isUpToDate({ known }: ReadingParts): boolean {
  const learning = known.refresh();
  learning?.catch(() => {}); // whoever waits for it is told
  return learning === undefined;
}

/** Takes the claim of an upload id, without waiting; what a dead process has left in it is finished. */
async function takeFinished(
  parts: DiskParts,
  reading: ReadingParts,
  uploadId: string,
): Promise<Claim | undefined> {
  for (const note of reading.claims.leftNotes(uploadId)) {
    await finishLeft(parts, reading, note);
  }
  let claim = reading.claims.take(uploadId);
  if (claim?.left !== true) return claim;
  await finishLeft(parts, reading, claim);
  claim = reading.claims.take(uploadId);
  if (claim?.left !== true) return claim;
  claim.leave(); // one more has died
  return undefined;
}

/**
 * Finishes what processes that died were about to publish (S-MAN-2), and finds out whether this process is alone. A
 * claim that cannot be finished now does not stop the others.
 */
export async function finishAllLeft(
  parts: DiskParts,
  reading: ReadingParts,
  most?: number,
): Promise<void> {
  for (const claim of reading.claims.left()) {
    await finishLeft(parts, reading, claim, most).catch((cause) => {
      parts.log.warn("storage.unfinished", { cause });
    });
  }
  const { found } = reading.claims;
  if (found === undefined) return;
  await reading.known.refresh();
  // Somebody whose claim was removed by hand still has the manifest open.
  if (!reading.manifest.isShared()) reading.claims.beAlone(found);
}

/**
 * Finishes what a process that died was about to publish (S-MAN-2), and ends its claim: each file that has got
 * its final name and no line gets the line that stands in the claim. Nothing is renamed, and nothing removed
 * but a file that was to be removed.
 *
 * @param most A larger file, in bytes, is left for later: to compare its digest takes time.
 */
async function finishLeft(
  parts: DiskParts,
  reading: ReadingParts,
  claim: Claim,
  most = Infinity,
): Promise<void> {
  try {
    const left = claim.read();
    for (const { content, line } of left) {
      if ("removed" in content) {
        await finishRemoval(parts, reading, content, line);
      } else if (isFinalPath(content.path)) {
        if (content.size > most) return claim.leave();
        // Of many files most are listed: the index tells that sooner than the manifest.
        if (left.length > 1 && await parts.listedAt(content.path) !== undefined) continue;
        await listIfWhole(parts, reading, content);
      }
    }
    claim.end();
  } catch (error) {
    claim.leave();
    throw error;
  }
}

/** Lists the file that a claim speaks of, if all its bytes stand under its final name. */
async function listIfWhole(
  parts: DiskParts,
  reading: ReadingParts,
  entry: ManifestEntry,
): Promise<void> {
  if (!await isWhole(parts, entry.path, entry)) return;
  const file = { ...entry, spec: { ...entry, reserve: 0 }, finalPath: entry.path };
  await listWhole(parts, reading, { ...file, temporaryPath: "" }, entry.time);
}

/**
 * Sees to it that a whole file under its final name has its line and is flushed as by its commit.
 *
 * @param time When it was committed, in milliseconds since the epoch.
 */
export async function listWhole(
  parts: DiskParts,
  reading: ReadingParts,
  file: WholeFile,
  time: number,
): Promise<StoredFile> {
  const { finalPath: path, size, sha256, spec } = file;
  const durable = parts.durability === "durable";
  if (durable && await within(FLUSH_MS, syncFolders(parts, path)) === LATE) {
    using handle = await Deno.open(parts.folder.at(path), { read: true });
    await parts.flush.contents(handle, "durable");
  }
  giveTime(parts, file);
  await reading.known.refresh();
  if (!isListed(reading, spec.uploadId, path)) {
    append(parts, file, formatEntry({ ...spec, path, size, sha256, time }));
    parts.log.info("storage.recovered", { path, size });
  }
  if (durable) await parts.manifestSync.sync("");
  return remember(parts, file);
}

/** Whether a file has its line, as far as the manifest was read. */
export function isListed(
  { manifest, known }: ReadingParts,
  uploadId: string | undefined,
  path: string,
): boolean {
  return uploadId === undefined
    ? manifest.positionOf(path) !== undefined
    : known.get(uploadId)?.path === path;
}

/** Whether all bytes of a sealed file stand under a path. */
export async function isWhole(
  { folder, sha256 }: DiskParts,
  path: string,
  sealed: Pick<SealedFile, "size" | "sha256">,
): Promise<boolean> {
  const info = folder.kind(path);
  if (!info?.isFile || info.size !== sealed.size) return false;
  return await digestOf(folder.at(path), sealed.size, sha256()) === sealed.sha256;
}
