/**
 * Which name a file gets that keeps its own (S-NAM-3): its own if that is free; none if the file that has the
 * name has the same bytes; else the first number that is free.
 *
 * In tier RW a file gets its name at its end, by a hard link, which refuses a name that is in use. If
 * another process takes the chosen name first, the choice is made again. In tier W a file has its name from
 * its beginning, by createNew; at its end the files with smaller numbers are compared with it.
 *
 * @module
 */
import { FxferError } from "../errors.ts";
import type { DiskParts } from "./disk_parts.ts";
import { folderIsFile } from "./folder.ts";
import { asStorageError } from "./io_errors.ts";
import { isOriginalPath, originalPath } from "./original_names.ts";
import type { FileSpec, StoredFile } from "./types.ts";

/** After so many numbers in a row that are taken, a number is chosen by chance. */
const IN_A_ROW = 100;

/** What became of the choice. */
export interface Choice {
  readonly finalPath: string;
  /** The file that has the name already, and the same bytes. */
  readonly existing?: StoredFile;
}

/** The paths that a file may have, in the order in which they are tried. */
export function* pathsOf(spec: FileSpec): Generator<string> {
  for (let tried = 1;; tried++) {
    const number = tried <= IN_A_ROW ? tried : 1 + crypto.getRandomValues(new Uint32Array(1))[0]!;
    yield originalPath(spec.user, spec.name!, number);
  }
}

/**
 * Chooses the path of a whole file.
 *
 * @param path The path that the file has, in tier W, or was begun with.
 * @throws {FxferError} `name_taken` if the sender wants no other name.
 */
export async function choosePath(
  parts: DiskParts,
  spec: FileSpec,
  path: string,
  content: { readonly size: number; readonly sha256: string },
): Promise<Choice> {
  if (!isOriginalPath(path) || spec.name === undefined) return { finalPath: path };
  const isWriteOnly = parts.folder.tier === "W";
  let tried = 0;
  for (const finalPath of pathsOf(spec)) {
    // In tier W the file has a name, and those with smaller numbers were taken when it began.
    if (isWriteOnly && (finalPath === path || ++tried > IN_A_ROW)) return { finalPath: path };
    if (!isWriteOnly && isFree(parts, finalPath)) return { finalPath };
    const existing = await sameAt(parts, spec, finalPath, content);
    if (existing !== undefined) return { finalPath, existing };
    if (spec.onClash === "refuse") {
      throw nameTaken();
    }
  }
  throw new TypeError("Cannot choose a name: there is always another number");
}

/** Another file has the name that a file was to get. */
export function nameTaken(cause?: unknown): FxferError {
  return new FxferError("name_taken", "Cannot store file: another file has its name", { cause });
}

/** Whether nothing has a name, not even a link that leads nowhere. */
function isFree({ folder }: DiskParts, path: string): boolean {
  try {
    return folder.kind(path) === undefined;
  } catch (error) {
    throw error instanceof Deno.errors.NotADirectory
      ? folderIsFile(error)
      : asStorageError("Cannot choose the name of a file", error);
  }
}

/** The file that stands under a path, if it is listed, belongs to the same sender and has these bytes. */
async function sameAt(
  parts: DiskParts,
  { user }: FileSpec,
  path: string,
  { size, sha256 }: { readonly size: number; readonly sha256: string },
): Promise<StoredFile | undefined> {
  const listed = await parts.listedAt(path);
  if (listed?.size !== size || listed.sha256 !== sha256 || listed.user !== user) return undefined;
  if (parts.folder.tier === "RW") {
    const info = parts.folder.kind(path);
    if (info?.isFile !== true || info.size !== size) return undefined;
  }
  return { path, size, sha256, mimeType: listed.mimeType, replayed: true, existing: true };
}
