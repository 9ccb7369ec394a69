/** The capability {@linkcode Catalogue} of a disk, in both tiers. @module */
import type {
  Catalogue,
  FileKey,
  ListedFile,
  ListPage,
  ListQuery,
  RemovedBy,
} from "./catalogue.ts";
import { type Cursor, formatCursor, notOfList, parseCursor } from "./cursor.ts";
import type { DiskParts } from "./disk_parts.ts";
import { asStorageError } from "./io_errors.ts";
import { findFile, findFileNow, isOwned, listFiles } from "./listing.ts";
import { formatRemoval } from "./manifest_lines.ts";
import { StoredFiles } from "./reading.ts";
import { AGAIN_MS, removeFile } from "./removal.ts";
import { MemoryIndex } from "./upload_index.ts";

/** The most files of a page. */
const MAX_LIMIT = 1000;

/** So many removals are remembered in tier W, to be answered again. */
const MAX_AGAIN = 1000;

/** Makes the catalogue of a disk. */
export function diskCatalogue(parts: DiskParts): Catalogue {
  const { reading, index } = parts;
  if (index instanceof MemoryIndex) return memoryCatalogue(parts, index);
  if (reading === undefined) {
    throw new TypeError("Cannot list files: tier W has its index in memory");
  }
  const { known } = reading;
  const files = new StoredFiles(parts);
  const find = async (key: FileKey) => {
    try {
      return await findFile(known, key);
    } catch (error) {
      throw asStorageError("Cannot find file", error);
    }
  };
  const openLater = async (key: FileKey) => {
    const file = await find(key);
    return file === undefined ? undefined : await files.open(file);
  };
  return {
    async list(query) {
      requireLimit(query);
      try {
        return await listFiles(known, query);
      } catch (error) {
        throw asStorageError("Cannot list files", error);
      }
    },
    find,
    open(key) {
      const file = "path" in key ? findFileNow(known, key) : undefined;
      // What is there no more may have been removed by somebody else.
      return (file && files.open(file)) ?? openLater(key);
    },
    remove: (path, by = {}) => removeFile(parts, reading, path, by),
  };
}

function requireLimit({ limit }: ListQuery): void {
  if (Number.isSafeInteger(limit) && limit >= 1 && limit <= MAX_LIMIT) return;
  throw new RangeError(`Cannot list files: limit must be an integer from 1 to ${MAX_LIMIT}`);
}

/** Tier W knows the files that this process has stored, and cannot open them. */
function memoryCatalogue(parts: DiskParts, index: MemoryIndex): Catalogue {
  /** `isLeft`: the disk has failed to remove the bytes, which is tried again when the removal is asked for again. */
  const removed = new Map<string, { file: ListedFile; at: number; isLeft: boolean }>();
  return {
    // deno-lint-ignore require-await -- refusals are rejections
    async list(query) {
      requireLimit(query);
      return pageOf(index, query);
    },
    find: (key) => Promise.resolve(newest(index, key)),
    // deno-lint-ignore require-await -- short system calls, failures are rejections
    async remove(path, by: RemovedBy = {}) {
      const file = index.file(path);
      let removal = removed.get(path);
      try {
        if (file !== undefined && isOwned(file, by)) {
          const { storedAt: time, session: _session, ...rest } = file;
          parts.manifest.append(formatRemoval({ ...rest, time }, parts.now(), by));
          index.remove(file);
          parts.budget.add(-file.size);
          removed.set(path, removal = { file, at: parts.now(), isLeft: true });
          if (removed.size > MAX_AGAIN) removed.delete(removed.keys().next().value!);
        } else if (removal === undefined || !isOwned(removal.file, by)) return undefined;
        else if (parts.now() - removal.at >= AGAIN_MS) return undefined;
        if (removal.isLeft) {
          parts.folder.removeLinksTo(path);
          parts.folder.remove(path);
          removal.isLeft = false;
        }
        return removal.file;
      } catch (error) {
        throw asStorageError("Cannot remove file", error);
      }
    },
  };
}

function newest(index: MemoryIndex, key: FileKey): ListedFile | undefined {
  if ("path" in key) {
    const file = index.file(key.path);
    return file !== undefined && isOwned(file, key) ? file : undefined;
  }
  let found: ListedFile | undefined;
  for (const file of index.files()) {
    if (nameOf(file) !== key.name || !isOwned(file, key)) continue;
    if ("sha256" in key && (file.sha256 !== key.sha256 || file.size !== key.size)) continue;
    found = file;
  }
  return found;
}

const nameOf = ({ name, path }: ListedFile): string => name ?? path;

/** What comes before another in a list by name: names are compared by their bytes. */
function isBefore(one: ListedFile, other: ListedFile): boolean {
  const [a, b] = [nameOf(one), nameOf(other)];
  return a === b ? one.path < other.path : compareBytes(a, b) < 0;
}

/** UTF-16 puts the characters beyond U+FFFF before some that are below; bytes of UTF-8 do not. */
function compareBytes(a: string, b: string): number {
  let at = 0;
  while (at < a.length && at < b.length && a.charCodeAt(at) === b.charCodeAt(at)) at++;
  const [one, other] = [a.charCodeAt(at), b.charCodeAt(at)];
  if (Number.isNaN(one) || Number.isNaN(other)) return a.length - b.length;
  const rank = (unit: number) =>
    unit >= 0xe000 ? unit - 0x2000 : unit >= 0xd800 ? unit + 0x2000 : unit;
  return rank(one) - rank(other);
}

function pageOf(index: MemoryIndex, query: ListQuery): ListPage {
  const after = query.after === undefined ? undefined : parseCursor(query.after, query.order);
  let files = [...index.files()].filter((file) =>
    isOwned(file, query) &&
    (query.prefix === undefined || nameOf(file).startsWith(query.prefix)) &&
    (query.name === undefined || nameOf(file) === query.name) &&
    (query.session === undefined || file.session === query.session)
  );
  if (query.order === "name") {
    files.sort((one, other) => isBefore(one, other) ? -1 : 1);
    const last = after?.name === undefined ? undefined : lastOf(after, after.name);
    if (last !== undefined) files = files.filter((file) => isBefore(last, file));
  } else {
    files.reverse();
    if (after !== undefined) files = files.slice(placeOf(files, after));
  }
  const page = files.slice(0, query.limit);
  const last = page.at(-1);
  if (last === undefined || files.length === page.length) return { files: page, next: null };
  const cursor: Cursor = { manifest: "", id: last.storedAt, path: last.path };
  const name = query.order === "name" && { name: nameOf(last) };
  return { files: page, next: formatCursor({ ...cursor, ...name }) };
}

const lastOf = ({ path, id }: Cursor, name: string): ListedFile => ({
  ...{ path, name, storedAt: id, size: 0, sha256: "", mimeType: "" },
});

/** Where a list of the newest files goes on; a file that was removed meanwhile is looked for by its time. */
function placeOf(files: readonly ListedFile[], { path, id }: Cursor): number {
  const same = files.findIndex((file) => file.path === path);
  if (same >= 0) return same + 1;
  const older = files.findIndex(({ storedAt }) => storedAt <= id);
  if (older < 0 && files.length > 0 && id > files[0]!.storedAt) throw notOfList();
  return older < 0 ? files.length : older;
}
