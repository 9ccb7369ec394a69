/** Opens stored files for those who fetch them (S-GET-3, tier RW). @module */
import type { ListedFile, OpenedFile } from "./catalogue.ts";
import type { DiskParts } from "./disk_parts.ts";
import type { StorageFolder } from "./folder.ts";
import { Patience } from "../patience.ts";
import { asStorageError, isAbsent } from "./io_errors.ts";

/** Up to so many bytes a file is read by a call that blocks: the thread pool would take longer than the disk. */
const NOW_BYTES = 16 * 1024;

/** Opens listed files. */
export class StoredFiles {
  readonly #parts: DiskParts;
  /** While the disk is slow, others are not kept waiting for it. */
  readonly #patience = new Patience();

  constructor(parts: DiskParts) {
    this.#parts = parts;
  }

  /**
   * Opens a listed file: at once, unless the disk is slow. No link is followed: after it was opened, its path
   * must lead to it by folders alone. A path that changes between is no danger, because the open file is what
   * was looked at.
   *
   * @returns Undefined if what is there is not the file.
   */
  open(file: ListedFile): OpenedFile | undefined | Promise<OpenedFile | undefined> {
    const { folder } = this.#parts;
    try {
      // A FIFO would be waited for.
      if (folder.kind(file.path)?.isFile !== true) return undefined;
      const path = folder.at(file.path);
      const now = this.#patience.unlessSlow(() => Deno.openSync(path, { read: true }));
      if (now !== undefined) return this.#opened(file, now, file.size <= NOW_BYTES);
      const opened = (handle: Deno.FsFile) => this.#opened(file, handle, false);
      return Deno.open(path, { read: true }).then(opened, failed);
    } catch (error) {
      return failed(error);
    }
  }

  /** @param isQuick Whether it may be read by calls that block. */
  #opened(file: ListedFile, handle: Deno.FsFile, isQuick: boolean): OpenedFile | undefined {
    const { folder, readers } = this.#parts;
    const info = handle.statSync();
    if (!info.isFile || info.size !== file.size || !leadsTo(folder, file.path, info)) {
      handle.close();
      return undefined;
    }
    readers.set(file.path, (readers.get(file.path) ?? 0) + 1);
    let open = true;
    let position = 0;
    const seek = (offset: number) => {
      if (offset !== position) handle.seekSync(offset, Deno.SeekMode.Start);
    };
    const readNow = (offset: number, into: Uint8Array) => {
      const began = performance.now();
      seek(offset);
      const count = handle.readSync(into);
      position = offset + (count ?? 0);
      this.#patience.took(performance.now() - began);
      return count;
    };
    return {
      file,
      ...(isQuick && { readNow }),
      async read(offset, into) {
        seek(offset);
        position = NaN; // until it is known how far it was read
        const count = await handle.read(into);
        position = offset + (count ?? 0);
        return count;
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
}

function failed(error: unknown): undefined {
  if (isAbsent(error)) return undefined;
  throw asStorageError("Cannot open file", error);
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
