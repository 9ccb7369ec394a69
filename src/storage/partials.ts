/** Partial files that no upload of this process has open: opened again, read, removed (tier RW). @module */
import { FxferError } from "../errors.ts";
import { hashFile } from "./digest.ts";
import type { DiskParts } from "./disk_parts.ts";
import { asStorageError, isAbsent } from "./io_errors.ts";
import { tryLock } from "./locks.ts";
import { isFinalPath, isTemporaryPath, temporaryName } from "./naming.ts";
import type { PartialFile, PartialFiles } from "./types.ts";
import { DiskUpload } from "./upload.ts";

/** One read of a partial file, in bytes. */
const READ_BYTES = 1 << 20;

/** The digest of more bytes than this is read while the client sends, so that no connect waits for it. */
const DIGEST_NOW_BYTES = 32 << 20;

/** The capability {@linkcode PartialFiles} of a disk. Paths come from session records, so each is checked. */
export function partialFiles(parts: DiskParts): PartialFiles {
  return {
    reopen: (partial) => reopen(parts, partial),
    remove: (partial) => remove(parts, partial.temporaryPath),
    read: (partial) => read(parts, partial),
  };
}

async function reopen(parts: DiskParts, partial: PartialFile): Promise<DiskUpload | undefined> {
  const { finalPath, spec, offset } = partial;
  let { temporaryPath } = partial;
  if (!isTemporaryPath(temporaryPath) || !isFinalPath(finalPath)) return undefined;
  await parts.open.get(temporaryPath)?.release();
  const info = parts.folder.kind(temporaryPath);
  if (!info?.isFile || info.size < offset) return undefined;
  const reserved = Math.max(spec.reserve, offset);
  let budgeted: [reserved: number, written: number] = [0, 0];
  let file: Deno.FsFile | undefined;
  try {
    file = await Deno.open(parts.folder.at(temporaryPath), { read: true, write: true });
    // Whoever else has the file open has its lock, also while that process stands still (S-TAKE-2).
    const isAlone = tryLock(file) ?? partial.contended !== true;
    // Bytes that are on the disk already need no more room there, unless they are copied.
    parts.budget.reserve(reserved, isAlone ? offset : 0);
    budgeted = [reserved, isAlone ? offset : 0];
    if (!isAlone) {
      file.close();
      file = undefined;
      temporaryPath = await copy(parts, temporaryPath);
      file = await Deno.open(parts.folder.at(temporaryPath), { read: true, write: true });
      tryLock(file);
      parts.budget.wrote(offset);
      budgeted = [reserved, offset];
    }
    await file.truncate(offset);
    const hash = parts.sha256();
    if (offset > DIGEST_NOW_BYTES && file.statSync().size === offset) {
      const unread = await Deno.open(parts.folder.at(temporaryPath), { read: true });
      file.seekSync(offset, Deno.SeekMode.Start);
      return new DiskUpload(parts, { temporaryPath, finalPath, spec, file, hash, offset, unread });
    }
    // After this the position of the file is the offset, where the upload goes on writing.
    if (await hashFile(file, offset, hash) < offset) throw new Deno.errors.UnexpectedEof();
    return new DiskUpload(parts, { temporaryPath, finalPath, spec, file, hash, offset });
  } catch (error) {
    file?.close();
    if (temporaryPath !== partial.temporaryPath) parts.folder.remove(temporaryPath);
    parts.budget.release(...budgeted);
    if (isAbsent(error)) return undefined;
    throw asStorageError("Cannot reopen upload", error);
  }
}

/** Copies a partial file: a process that still has the original open cannot write to the copy. */
async function copy(parts: DiskParts, path: string): Promise<string> {
  const target = temporaryName(parts.randomHex);
  try {
    await Deno.copyFile(parts.folder.at(path), parts.folder.at(target));
  } catch (error) {
    parts.folder.remove(target);
    throw error;
  }
  return target;
}

async function remove(parts: DiskParts, path: string): Promise<void> {
  const open = parts.open.get(path);
  if (open !== undefined) return await open.discard();
  if (!isTemporaryPath(path)) return;
  try {
    parts.folder.remove(path);
  } catch (error) {
    throw asStorageError("Cannot remove partial file", error);
  }
}

async function* read(
  parts: DiskParts,
  { temporaryPath, offset }: Pick<PartialFile, "temporaryPath" | "offset">,
): AsyncIterable<Uint8Array> {
  if (!isTemporaryPath(temporaryPath) || !parts.folder.kind(temporaryPath)?.isFile) throw gone();
  using file = await Deno.open(parts.folder.at(temporaryPath), { read: true }).catch((error) => {
    throw isAbsent(error) ? gone(error) : error;
  });
  const buffer = new Uint8Array(Math.min(READ_BYTES, offset));
  for (let left = offset; left > 0;) {
    // Only bytes before the offset are read: another process may write or cut off those after it.
    const count = await file.read(buffer.subarray(0, Math.min(buffer.length, left)));
    if (count === null) throw gone();
    left -= count;
    yield buffer.subarray(0, count);
  }
}

function gone(cause?: unknown): FxferError {
  return new FxferError("incomplete", "Cannot read partial file: its bytes are not there", {
    cause,
  });
}
