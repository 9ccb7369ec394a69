/** Brings the lines of a manifest into the index, in the order in which they stand there. @module */
import type { Followed } from "./followed.ts";
import { hashNumber } from "./hash_table.ts";
import type { FileRow, IndexFile } from "./index_file.ts";
import type { ManifestEntry, Removal } from "./manifest_lines.ts";

/** Reads what the line says that begins at a position. */
export type ReadLine = (position: number) => ManifestEntry | Removal | undefined;

/** The entry at a position; undefined where there is none. */
function entryAt(read: ReadLine, position: number): ManifestEntry | undefined {
  const content = read(position);
  return content === undefined || "removed" in content ? undefined : content;
}

/** The same as `INSERT OR REPLACE`, in a third of its time: that looks a row up for each of its keys. */
const INSERT =
  "INSERT INTO file VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0) ON CONFLICT (id) DO UPDATE SET " +
  "pos = excluded.pos, name = excluded.name, size = excluded.size, path_key = excluded.path_key, " +
  "upload_key = excluded.upload_key, session_key = excluded.session_key, owner = excluded.owner, " +
  "gone = 0";

const ROW = "SELECT id, pos, name, size, gone FROM file";

/** Writes lines into an index, between its `begin` and its `commit`. */
export class IndexLines {
  readonly #index: IndexFile;
  readonly #read: ReadLine;
  /** Whether many lines come into an empty index: then lines of one path are put together at the end. */
  readonly #bulk: boolean;
  #files: number;
  #bytes: number;

  constructor(index: IndexFile, read: ReadLine, bulk: boolean) {
    this.#index = index;
    this.#read = read;
    this.#bulk = bulk;
    const { files, bytes } = index.state;
    this.#files = files;
    this.#bytes = bytes;
    if (bulk) index.dropFileIndexes();
  }

  /** Adds the file of a line, or says anew what an earlier line of its path has said (S-MAN-1). */
  add(entry: ManifestEntry, position: number): void {
    const known = this.#bulk ? undefined : this.row(entry.path);
    if (known === undefined) {
      this.#index.run(
        INSERT,
        position,
        ...valuesOf(entry, position),
      );
      this.#files++;
      this.#bytes += entry.size;
    } else {
      this.#change(known, entry, position);
    }
  }

  #change(row: FileRow, entry: ManifestEntry, position: number): void {
    this.#index.run(
      "UPDATE file SET pos = ?, name = ?, size = ?, path_key = ?, upload_key = ?, session_key = ?, " +
        "owner = ?, gone = 0 WHERE id = ?",
      ...valuesOf(entry, position),
      row.id,
    );
    this.#bytes += entry.size - (row.gone === 1 ? 0 : row.size);
  }

  /** Takes the file of an earlier line out. */
  remove({ removed }: Removal, position: number): void {
    this.#index.run("INSERT INTO removed VALUES (?, ?)", hashNumber(removed), position);
    const row = this.#bulk ? undefined : this.row(removed);
    if (row !== undefined) this.#drop(row);
  }

  #drop({ id, size, gone }: FileRow): void {
    this.#index.run("DELETE FROM file WHERE id = ?", id);
    this.#files--;
    if (gone === 0) this.#bytes -= size;
  }

  /** Notes that a listed file is not there; its bytes count no more. */
  gone({ id, size }: FileRow): void {
    this.#index.run("UPDATE file SET gone = 1 WHERE id = ?", id);
    this.#bytes -= size;
  }

  /** The row of a path. */
  row(path: string): FileRow | undefined {
    return rowOf(this.#index, path, this.#read);
  }

  /** Ends the writing; many lines are in order by now. @param readTo Up to here the lines are in the index. @param tail The end of the last one. */
  end(readTo: number, tail: string): void {
    if (this.#bulk) this.#putTogether();
    this.#index.run(
      "UPDATE state SET read_to = ?, tail = ?, files = ?, bytes = ?",
      ...[readTo, tail, this.#files, this.#bytes],
    );
  }

  /** After many lines: of one path the last line counts, and none that was removed later. */
  #putTogether(): void {
    const index = this.#index;
    const removals = index.query("SELECT path_key AS key, pos FROM removed")
      .all() as unknown as { key: number; pos: number }[];
    for (const { key, pos } of removals) {
      const rows = index.rows(`${ROW} WHERE path_key = ? AND pos < ?`, key, pos);
      if (rows.length === 0) continue;
      const removal = this.#read(pos);
      const path = removal !== undefined && "removed" in removal ? removal.removed : undefined;
      for (const row of rows) if (entryAt(this.#read, row.pos)?.path === path) this.#drop(row);
    }
    const several = index.query(
      "SELECT path_key AS key FROM file GROUP BY path_key HAVING count(*) > 1",
    ).all() as unknown as { key: number }[];
    for (const { key } of several) {
      const first = new Map<string, FileRow>();
      for (const row of index.rows(`${ROW} WHERE path_key = ? ORDER BY pos`, key)) {
        const entry = entryAt(this.#read, row.pos);
        if (entry === undefined) continue;
        const known = first.get(entry.path);
        if (known === undefined) {
          first.set(entry.path, row);
        } else {
          this.#drop(row);
          this.#change(known, entry, row.pos);
          first.set(entry.path, { ...known, pos: row.pos, size: row.size });
        }
      }
    }
  }
}

const ROWS_OF_PATH = `${ROW} WHERE path_key = ?`;

/** The rows whose path has the hash of this one: nearly always the one of this path. */
export function rowsOfPath(index: IndexFile, path: string): FileRow[] {
  return index.rows(ROWS_OF_PATH, hashNumber(path));
}

/** The row of a path in an index. */
export function rowOf(index: IndexFile, path: string, read: ReadLine): FileRow | undefined {
  return rowsOfPath(index, path)
    .find((row) => entryAt(read, row.pos)?.path === path);
}

/**
 * Where the lines of an upload id are, as far as the index knows a manifest: the one it is of, or the one before.
 *
 * @returns Undefined where the index has not all lines up to `indexed`: somebody has begun it anew.
 */
export function positionsOf(
  { held }: IndexFile,
  uploadId: string,
  { name, readTo, indexed }: Pick<Followed, "name" | "readTo" | "indexed">,
  isFormer: boolean,
): number[] | undefined {
  const { state } = held;
  const isHere = state?.manifest === name;
  // Others may have brought the manifest that is there now into the index, or not yet.
  const isKnown = isFormer ? isHere || state?.former === name : isHere && state.readTo >= indexed;
  if (!isKnown) return undefined;
  const sql = `SELECT pos FROM ${isHere ? "file" : "former"} WHERE upload_key = ?`;
  const rows = held.rows(sql, hashNumber(uploadId)) as { pos: number }[];
  const positions = rows.map(({ pos }) => pos);
  return isFormer ? positions : positions.filter((pos) => pos < readTo).sort((a, b) => b - a);
}

/** The values of a row after its id, as far as a line says them. */
function valuesOf(
  { path, name, size, uploadId, session, user }: ManifestEntry,
  position: number,
): [number, string, number, number, number | null, number | null, string | null] {
  return [
    position,
    name ?? path,
    size,
    hashNumber(path),
    uploadId === undefined ? null : hashNumber(uploadId),
    session === undefined ? null : hashNumber(session.id),
    user ?? null,
  ];
}
