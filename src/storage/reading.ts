/** Opens stored files for those who fetch them (S-GET-3, tier RW). @module */
import type { ListedFile, OpenedFile } from "./catalogue.ts";
import type { DiskParts } from "./disk_parts.ts";
import type { StorageFolder } from "./folder.ts";
import { asStorageError, isAbsent } from "./io_errors.ts";

/**
 * Opens a listed file. No link is followed: after it was opened, its path must lead to it by folders alone.
 * A path that changes between is no danger, because the open file is what was looked at.
 *
 * @returns Undefined if what is there is not the file.
 */
export async function openStored(
  { folder, readers }: DiskParts,
  file: ListedFile,
): Promise<OpenedFile | undefined> {
  let handle: Deno.FsFile;
  try {
    // A FIFO would be waited for.
    if (folder.kind(file.path)?.isFile !== true) return undefined;
    handle = await Deno.open(folder.at(file.path), { read: true });
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw asStorageError("Cannot open file", error);
  }
  const info = handle.statSync();
  if (!info.isFile || info.size !== file.size || !leadsTo(folder, file.path, info)) {
    handle.close();
    return undefined;
  }
  readers.set(file.path, (readers.get(file.path) ?? 0) + 1);
  let open = true;
  return {
    file,
    async read(offset, into) {
      handle.seekSync(offset, Deno.SeekMode.Start);
      return await handle.read(into);
    },
    [Symbol.dispose]() {
      if (!open) return;
      open = false;
      handle.close();
      const left = readers.get(file.path)! - 1;
      if (left > 0) readers.set(file.path, left);
      else readers.delete(file.path);
    },
  };
}

/** Whether a path leads to this open file, and through no link. */
function leadsTo(folder: StorageFolder, path: string, info: Deno.FileInfo): boolean {
  return isReal(folder, path) && folder.holds(path, info);
}

/** Whether all folders on the way to a path are folders, and no links. */
export function isReal(folder: StorageFolder, path: string): boolean {
  for (let slash = path.indexOf("/"); slash >= 0; slash = path.indexOf("/", slash + 1)) {
    if (folder.kind(path.slice(0, slash))?.isDirectory !== true) return false;
  }
  return true;
}
