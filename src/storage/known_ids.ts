/** Looks an upload id up in what is known of one manifest. @module */
import { type Followed, forget } from "./followed.ts";
import { hashNumber } from "./hash_table.ts";
import type { IndexFile } from "./index_file.ts";
import { positionsOf } from "./index_lines.ts";
import { readEntryAt } from "./manifest_lines.ts";
import { isFinalPath } from "./naming.ts";
import type { StoredFile } from "./types.ts";
import { indexLost } from "./upload_index.ts";

/** Where the lines of an id may be. @throws {FxferError} `busy` if the index has lost them. */
function* positionsIn(
  followed: Followed,
  index: IndexFile,
  uploadId: string,
  isFormer: boolean,
): Generator<number> {
  for (const table of followed.tables) {
    const position = table.get(uploadId);
    // What is in the index has left there if it was removed.
    if (position !== undefined && position >= followed.indexed) yield position;
  }
  const { indexed, ids } = followed;
  if (indexed === 0) return;
  if (ids !== undefined && ids.to >= indexed && !ids.has(uploadId)) return;
  const positions = asked(() => positionsOf(index, uploadId, followed, isFormer));
  if (positions === undefined) {
    forget(followed);
    throw indexLost();
  }
  yield* positions;
}

/**
 * The file that was stored under an id, by one manifest. A file that was removed counts as never sent: its
 * sender wants it stored.
 *
 * @param isRemoved Given for a manifest that was moved away: whether the file was removed since.
 * @throws {FxferError} `busy` if that cannot be told, because of the index, whose error is the cause.
 */
export function storedIn(
  followed: Followed,
  index: IndexFile,
  uploadId: string,
  isRemoved?: (path: string) => boolean,
): StoredFile | undefined {
  for (const position of positionsIn(followed, index, uploadId, isRemoved !== undefined)) {
    const entry = readEntryAt(followed.file, position);
    if (entry?.uploadId !== uploadId || !isFinalPath(entry.path)) continue;
    const { path, size, sha256, mimeType } = entry;
    if (position < (followed.removed.get(path) ?? -1) || isRemoved?.(path) === true) continue;
    return { path, size, sha256, mimeType, replayed: false };
  }
  return undefined;
}

/** Whether the lines that are known of a manifest have a removal of this path. */
export function hasRemoval(
  { removed, indexed, name }: Followed,
  { held }: IndexFile,
  path: string,
): boolean {
  if (removed.has(path)) return true;
  if (indexed === 0) return false;
  const sql = "SELECT 1 FROM removed WHERE path_key = ?";
  return asked(() => held.state?.manifest === name && held.rows(sql, hashNumber(path)).length > 0);
}

/** An error in the index is never one of an upload. */
function asked<T>(query: () => T): T {
  try {
    return query();
  } catch (cause) {
    throw indexLost(cause);
  }
}
