/**
 * Lists and finds files by the index (tier RW). No question looks at more than {@linkcode SCANNED} rows, so
 * that it takes a few milliseconds however many files there are: a page may end before it is full.
 *
 * @module
 */
import type { FileKey, ListedFile, ListPage, ListQuery, OwnedBy } from "./catalogue.ts";
import { type Cursor, formatCursor, isOf, notOfList, parseCursor } from "./cursor.ts";
import { hashNumber } from "./hash_table.ts";
import type { FileRow, IndexFile } from "./index_file.ts";
import { rowOf, rowsOfPath } from "./index_lines.ts";
import type { KnownFiles } from "./known_files.ts";
import { LF, type ManifestEntry, parseEntry, readEntryAt, readLineAt } from "./manifest_lines.ts";
import { isFinalPath } from "./naming.ts";
import { omitUndefined } from "../omit_undefined.ts";

/** Rows that one page looks at. */
const SCANNED = 20_000;

/** So many names that begin alike are put in order of their age; to find more of them, rows are looked at by age. */
const SORTED = 2000;

/** Files of one name that are looked at for one with the right content. */
const SAME_NAME = 100;

/** No name is above this one. */
const LAST = "\u{10FFFF}";

/** So much of the manifest is read at once for a page. */
const BLOCK_BYTES = 65536;

/** Nearly every line is shorter, in bytes. */
const LINE_BYTES = 1024;

const decoder = new TextDecoder();

/** For one page of a list after the other. */
const block = new Uint8Array(BLOCK_BYTES);

/** A part of a query, with the values of its question marks. */
type Condition = readonly [sql: string, ...values: (string | number)[]];

/** What a line tells of its file. */
export function listedOf(entry: ManifestEntry): ListedFile {
  const { path, size, sha256, mimeType, time, name, mtimeMs, uploadId, session, user } = entry;
  const optional = { name, mtimeMs, uploadId, session: session?.id, user };
  const executable = entry.executable === true ? true as const : undefined;
  return {
    ...{ path, size, sha256, mimeType, storedAt: time },
    ...omitUndefined({ ...optional, executable }),
  };
}

/** Whether a file is one of those that are meant. */
export function isOwned({ user }: { readonly user?: string | undefined }, by: OwnedBy): boolean {
  return by.owner === undefined || (user ?? null) === by.owner;
}

/** A page of the list; see `Catalogue.list`. */
export async function listFiles(known: KnownFiles, query: ListQuery): Promise<ListPage> {
  const after = query.after === undefined ? undefined : parseCursor(query.after, query.order);
  return await known.query((index, file) => page(index, file, query, after));
}

function page(
  index: IndexFile,
  file: Deno.FsFile,
  query: ListQuery,
  after: Cursor | undefined,
): ListPage {
  const { manifest } = index.state;
  const from = after === undefined || isOf(after, manifest) ? after : moved(index, file, after);
  const byName = query.order === "name";
  const order = byName ? "name, id" : "id DESC";
  const { source, indexed, filtered } = conditions(index, query, from);
  const inner = `SELECT id, pos, name, size, gone, owner FROM ${source}${where(indexed)} ` +
    `ORDER BY ${order} LIMIT ${SCANNED}`;
  const valuesOf = (parts: readonly Condition[]) => parts.flatMap(([, ...values]) => values);
  const rows = index.rows(
    `SELECT * FROM (${inner})${where(filtered)} LIMIT ?`,
    ...valuesOf(indexed),
    ...valuesOf(filtered),
    query.limit + 1,
  );
  const shown = rows.slice(0, query.limit);
  const last = rows.length > query.limit ? shown.at(-1) : index.rows(
    `${inner} OFFSET ${SCANNED - 1}`.replace(`LIMIT ${SCANNED}`, "LIMIT 1"),
    ...valuesOf(indexed),
  )[0];
  const files: ListedFile[] = [];
  const entries = new EntriesAt(file);
  const back = shown.length > 1 && shown[0]!.pos > shown[1]!.pos;
  for (const { pos } of shown) {
    const entry = entries.at(pos, back);
    if (entry === undefined || !isFinalPath(entry.path)) continue;
    if (query.session !== undefined && entry.session?.id !== query.session) continue;
    files.push(listedOf(entry));
  }
  if (last === undefined) return { files, next: null };
  const { id, name } = last;
  const { path = "", time } = readEntryAt(file, last.pos) ?? {};
  const cursor = { manifest, id, path, ...(byName && { name }), ...omitUndefined({ time }) };
  return { files, next: formatCursor(cursor) };
}

/**
 * The entries at many positions that are close to one another, as those of a page of a list are: one read gives
 * all that are in a block. To be used up before anything is waited for.
 */
class EntriesAt {
  readonly #file: Deno.FsFile;
  #start = 0;
  #length = 0;

  constructor(file: Deno.FsFile) {
    this.#file = file;
  }

  /** As {@linkcode readEntryAt}. @param back Whether the positions that follow are smaller ones. */
  at(position: number, back: boolean): ManifestEntry | undefined {
    let text = this.#lineAt(position);
    if (text === undefined) {
      const behind = back ? BLOCK_BYTES - LINE_BYTES : 0;
      this.#start = Math.max(0, position - behind);
      this.#file.seekSync(this.#start, Deno.SeekMode.Start);
      this.#length = this.#file.readSync(block) ?? 0;
      text = this.#lineAt(position);
    }
    return text === undefined ? readEntryAt(this.#file, position) : parseEntry(text);
  }

  #lineAt(position: number): string | undefined {
    const at = position - this.#start;
    if (at < 0 || at >= this.#length) return undefined;
    const lf = block.indexOf(LF, at);
    return lf < 0 || lf >= this.#length ? undefined : decoder.decode(block.subarray(at, lf));
  }
}

/**
 * The manifest was replaced since the page before: the list goes on after the same file, or where it is not
 * listed any more, among those that were stored at the same time.
 */
function moved(index: IndexFile, file: Deno.FsFile, after: Cursor): Cursor {
  const row = rowOf(index, after.path, (position) => readLineAt(file, position));
  if (row !== undefined) return { ...after, id: row.id };
  const { time, name } = after;
  if (time === undefined) throw notOfList(); // a cursor of an older version
  // Of files that were stored in this very millisecond, a page says one twice rather than never.
  const id = name === undefined
    ? firstStoredAfter(index, file, time)
    : firstStoredAfter(index, file, time - 1) - 1;
  return { ...after, id };
}

/** The smallest id of a file that was stored after `time`, or one above all ids. */
function firstStoredAfter(index: IndexFile, file: Deno.FsFile, time: number): number {
  const rows = (where: string, ...values: number[]) =>
    index.rows(`SELECT id, pos, name, size, gone FROM file ${where} LIMIT 1`, ...values);
  let from = 0;
  let to = (rows("ORDER BY id DESC")[0]?.id ?? 0) + 1;
  while (from < to) {
    const middle = Math.floor((from + to) / 2);
    const row = rows("WHERE id >= ? ORDER BY id", middle)[0];
    const isAfter = row === undefined || (readEntryAt(file, row.pos)?.time ?? 0) > time;
    if (row === undefined || isAfter) to = middle;
    else from = row.id + 1;
  }
  return from;
}

/** What a page is read from: by which index, what that narrows down, and what is left to be compared. */
function conditions(
  index: IndexFile,
  { prefix, name, session, owner, order }: ListQuery,
  after: Cursor | undefined,
): { source: string; indexed: Condition[]; filtered: Condition[] } {
  const indexed: Condition[] = [];
  const filtered: Condition[] = [["gone = 0"]];
  if (after?.name !== undefined) indexed.push(["(name, id) > (?, ?)", after.name, after.id]);
  else if (after !== undefined) indexed.push(["id < ?", after.id]);
  const begins: Condition | undefined = prefix === undefined || prefix === ""
    ? undefined
    : ["name >= ? AND name < ?", prefix, prefix + LAST];
  let source = "file";
  if (name !== undefined) {
    source = "file INDEXED BY file_name";
    indexed.push(["name = ?", name]);
  } else if (session !== undefined) {
    source = "file INDEXED BY file_session";
    indexed.push(["session_key = ?", hashNumber(session)]);
  } else if (order === "name") {
    source = "file INDEXED BY file_name";
    if (begins !== undefined) indexed.push(begins);
  } else if (begins !== undefined && isRare(index, begins)) {
    source = "file INDEXED BY file_name";
    indexed.push(begins);
  }
  if (begins !== undefined && !indexed.includes(begins)) filtered.push(begins);
  if (owner === null) filtered.push(["owner IS NULL"]);
  else if (owner !== undefined) filtered.push(["owner = ?", owner]);
  if (name !== undefined && session !== undefined) {
    filtered.push(["id IN (SELECT id FROM file WHERE session_key = ?)", hashNumber(session)]);
  }
  return { source, indexed, filtered };
}

/** Whether so few names begin like this that all of them can be put in order. */
function isRare(index: IndexFile, [sql, ...values]: Condition): boolean {
  const count = "SELECT count(*) AS id FROM (SELECT 1 FROM file INDEXED BY file_name " +
    `WHERE ${sql} LIMIT ${SORTED})`;
  return index.rows(count, ...values)[0]!.id < SORTED;
}

function where(parts: readonly Condition[]): string {
  return parts.length === 0 ? "" : ` WHERE ${parts.map(([sql]) => sql).join(" AND ")}`;
}

/** The newest file of a key; see `Catalogue.find`. */
export async function findFile(known: KnownFiles, key: FileKey): Promise<ListedFile | undefined> {
  const found = await known.query((index, file) => newestOf(index, file, key));
  const late = known.lateFile((entry) => isMeant(entry, key));
  // In the same millisecond the late one counts: what is in the new manifest by now came mostly before it.
  if (late === undefined || found !== undefined && found.storedAt > late.time) return found;
  return listedOf(late);
}

/** The file of a path, at once, if it is known without a look; it may be gone meanwhile. */
export function findFileNow(
  known: KnownFiles,
  key: FileKey & { readonly path: string },
): ListedFile | undefined {
  return known.lastLook.query((index, file) => newestOf(index, file, key));
}

function newestOf(index: IndexFile, file: Deno.FsFile, key: FileKey): ListedFile | undefined {
  for (const { pos, gone } of rowsOf(index, key)) {
    const entry = readEntryAt(file, pos);
    if (gone === 0 && entry !== undefined && isMeant(entry, key)) return listedOf(entry);
  }
}

/** Whether a line is of a file with this key; the row of another one may have the same hash. */
function isMeant(entry: ManifestEntry, key: FileKey): boolean {
  if (!isFinalPath(entry.path) || !isOwned(entry, key)) return false;
  if ("path" in key) return entry.path === key.path;
  if ((entry.name ?? entry.path) !== key.name) return false;
  return !("sha256" in key) || entry.sha256 === key.sha256 && entry.size === key.size;
}

function rowsOf(index: IndexFile, key: FileKey): FileRow[] {
  if ("path" in key) return rowsOfPath(index, key.path);
  const filters: Condition[] = [["name = ?", key.name], ["gone = 0"]];
  if ("sha256" in key) filters.push(["size = ?", key.size]);
  if (key.owner === null) filters.push(["owner IS NULL"]);
  else if (key.owner !== undefined) filters.push(["owner = ?", key.owner]);
  const sql = `SELECT id, pos, name, size, gone FROM file INDEXED BY file_name${where(filters)} ` +
    `ORDER BY id DESC LIMIT ${SAME_NAME}`;
  return index.rows(sql, ...filters.flatMap(([, ...values]) => values));
}
