/** Makes the file of an upload that begins. @module */
import { creation, type DiskParts, keepsName, nameFile } from "./disk_parts.ts";
import { folderIsFile } from "./folder.ts";
import { isTaken } from "./io_errors.ts";
import { pathsOf } from "./taken_names.ts";
import type { FileSpec } from "./types.ts";

/** A new file, open for writing. */
export interface NewFile {
  readonly file: Deno.FsFile;
  readonly temporaryPath: string;
  readonly finalPath: string;
}

/** Makes a file under its temporary name. In tier W that is the final one, which may have to be the next free one. */
export function makeFile(parts: DiskParts, spec: FileSpec): NewFile {
  const { folder } = parts;
  const make = (path: string) =>
    folder.withFolders(
      path,
      () => Deno.openSync(folder.at(path), { write: true, ...creation(parts) }),
    );
  if (folder.tier === "RW" || !keepsName(parts, spec)) {
    const names = nameFile(parts, spec);
    return { file: make(names.temporaryPath), ...names };
  }
  for (const path of pathsOf(spec)) {
    try {
      return { file: make(path), temporaryPath: path, finalPath: path };
    } catch (error) {
      if (error instanceof Deno.errors.NotADirectory) throw folderIsFile(error);
      if (!isTaken(error)) throw error;
    }
  }
  throw new TypeError("Cannot choose a name: there is always another number");
}
