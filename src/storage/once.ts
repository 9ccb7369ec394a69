/**
 * One upload id, one file, however many tries are under way in however many processes (S-TRF-11, tier RW): a
 * try publishes while it holds the claim of its id, and knows then what every other one has published.
 *
 * @module
 */
import { FxferError } from "../errors.ts";
import { LATE, within } from "../within.ts";
import type { Claim } from "./claims.ts";
import { append, remember, syncFolders, type WholeFile } from "./commit.ts";
import { digestOf } from "./digest.ts";
import type { DiskParts, ReadingParts } from "./disk_parts.ts";
import { formatEntry } from "./manifest_lines.ts";
import { isFinalPath } from "./naming.ts";
import type { SealedFile, StoredFile } from "./types.ts";

/** How long a try waits for another one with its upload id, in milliseconds. */
const WAIT_MS = 2000;

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
export function claimNow({ known, claims }: ReadingParts, uploadId: string): Claim | undefined {
  const claim = claims.take(uploadId);
  if (claim === undefined) return undefined;
  let ready = false;
  try {
    ready = !claim.left && known.refresh() === undefined;
  } finally {
    if (!ready) claim.leave();
  }
  return ready ? claim : undefined;
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
    let claim = claims.take(uploadId);
    if (claim?.left) {
      await finishLeft(parts, reading, claim);
      claim = claims.take(uploadId);
    }
    if (claim !== undefined) {
      try {
        await known.refresh();
        return claim;
      } catch (error) {
        claim.end();
        throw error;
      }
    }
    await known.refresh();
    if (known.get(uploadId) !== undefined) return undefined;
    if (finalPath !== undefined && claims.peek(uploadId)?.path === finalPath) return undefined;
    if (performance.now() > until) {
      throw new FxferError(
        "busy",
        "Cannot store file: another try with its upload id is under way",
        {
          fields: { retry_after_ms: WAIT_MS },
        },
      );
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}

/** Finishes what processes that died were about to publish (S-MAN-2). One that fails does not stop the others. */
export async function finishAllLeft(
  parts: DiskParts,
  reading: ReadingParts,
  most?: number,
): Promise<void> {
  for await (const claim of reading.claims.left()) {
    await finishLeft(parts, reading, claim, most).catch((cause) => {
      parts.log.warn("storage.unfinished", { cause });
    });
  }
}

/**
 * Finishes what a process that died was about to publish (S-MAN-2), and ends its claim: a file that has got
 * its final name and no line gets the line that stands in the claim. Nothing is removed or renamed.
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
    const entry = claim.read();
    if (entry !== undefined && isFinalPath(entry.path)) {
      if (entry.size > most) return claim.leave();
      if (await isWhole(parts, entry.path, entry)) {
        const file = { ...entry, spec: { ...entry, reserve: 0 }, finalPath: entry.path };
        await listWhole(parts, reading, { ...file, temporaryPath: "" }, entry.time);
      }
    }
    claim.end();
  } catch (error) {
    claim.leave();
    throw error;
  }
}

/**
 * Sees to it that a whole file under its final name has its line and is flushed as by its commit.
 *
 * @param time When it was committed, in milliseconds since the epoch.
 */
export async function listWhole(
  parts: DiskParts,
  { manifest, known }: ReadingParts,
  file: WholeFile,
  time: number,
): Promise<StoredFile> {
  const { finalPath: path, size, sha256, spec } = file;
  const durable = parts.durability === "durable";
  if (durable && await within(FLUSH_MS, syncFolders(parts, path)) === LATE) {
    using handle = await Deno.open(parts.folder.at(path), { read: true });
    await parts.flush.contents(handle, "durable");
  }
  await known.refresh();
  const isListed = spec.uploadId === undefined
    ? manifest.positionOf(path) !== undefined
    : known.get(spec.uploadId)?.path === path;
  if (!isListed) {
    append(parts, file, formatEntry({ ...spec, path, size, sha256, time }));
    parts.log.info("storage.recovered", { path, size });
  }
  if (durable) await parts.manifestSync.sync("");
  return remember(parts, file);
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
