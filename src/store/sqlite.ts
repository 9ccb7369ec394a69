/** Sessions in one SQLite file, which outlives the process; processes on one machine can share it. @module */
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { silentLogger } from "../log.ts";
import type { SessionRecord } from "../session/mod.ts";
import { DamagedRecord, DamageReport, isDamaged, parseRecord } from "./damaged.ts";
import type { SqliteSessionStoreOptions } from "./sqlite_file.ts";
import { SqliteClock } from "./sqlite_clock.ts";
import { resultCode, SqliteHandle } from "./sqlite_handle.ts";
import {
  changesRing,
  isApart,
  keepsText,
  partsOf,
  RING,
  RING_QUERIES,
  saveRing,
  textWithout,
} from "./sqlite_ring.ts";
import { type RingChange, StoredRings } from "./stored_rings.ts";
import type { SessionStore, StoreStats } from "./types.ts";

/** Ids that `list()` reads at once: no read transaction must stay open between two awaits. */
const PAGE = 64;

/** SQLITE_CORRUPT: the part of the file that holds this row is no good. */
const CORRUPT = 11;

/** The queries of the store. */
const QUERIES = {
  load: `SELECT version, record, ${RING} AS ring FROM session WHERE id = ?`,
  insert: "INSERT INTO session (id, version, ended_at, record)" +
    " SELECT ?, 1, ?, ? WHERE (SELECT live FROM count) < ?" +
    " ON CONFLICT (id) DO NOTHING",
  update: "UPDATE session SET version = ?, ended_at = ?, record = ? WHERE id = ? AND version = ?",
  delete: "DELETE FROM session WHERE id = ?",
  page: `SELECT id FROM session WHERE id > ? ORDER BY id LIMIT ${PAGE}`,
  count: "SELECT live, ended FROM count",
  touch: "UPDATE count SET live = live + ?",
  ...RING_QUERIES,
} as const;

type Queries = Readonly<Record<keyof typeof QUERIES, StatementSync> & { db: DatabaseSync }>;

function prepare(db: DatabaseSync): Queries {
  const prepared = Object.entries(QUERIES).map(([name, sql]) => [name, db.prepare(sql)]);
  return { ...Object.fromEntries(prepared), db };
}

/**
 * Where damaged records go. The table is made when it is needed, and needs no step of the schema: a
 * version of fxfer that knows nothing of it works beside it.
 */
const DAMAGED = "CREATE TABLE IF NOT EXISTS damaged" +
  " (id TEXT PRIMARY KEY NOT NULL, found_at INTEGER NOT NULL, record TEXT) STRICT";
const MOVE = "INSERT OR REPLACE INTO damaged SELECT id, ?, record FROM session WHERE id = ?";

/**
 * Keeps session records in a SQLite file (mode 0600, write-ahead log).
 *
 * It needs `--allow-read` and `--allow-write` for the file; `node:sqlite` is loaded by `open` and not
 * before. Errors of the database are `store_unavailable` with their cause. A damaged record is moved to
 * the table `damaged`.
 * @category Store
 */
export class SqliteSessionStore implements SessionStore {
  /** `sqlite`. */
  readonly kind = "sqlite";
  /** True: records outlive the process. */
  readonly persistent = true;
  readonly #handle: SqliteHandle<Queries>;
  readonly #damage: DamageReport;
  readonly #clock: SqliteClock;
  readonly #rings = new StoredRings();
  /** The saves of this turn. */
  #waiting: Save[] = [];

  private constructor(handle: SqliteHandle<Queries>, damage: DamageReport) {
    this.#handle = handle;
    this.#damage = damage;
    this.#clock = new SqliteClock((query) => handle.run("keep time", ({ db }) => query(db)));
  }

  /**
   * Opens the file, makes it if it is missing, and brings its schema up to date.
   *
   * @param path The path of the database. SQLite keeps two more files beside it (`-wal`, `-shm`).
   * @throws {FxferError} `config_invalid` where a permission, the file or its folder is missing, or the
   * file is no session store; `store_unavailable` where SQLite fails otherwise.
   * @throws {RangeError} If `busyTimeoutMs` is negative or no integer.
   */
  static async open(
    path: string,
    options: SqliteSessionStoreOptions = {},
  ): Promise<SqliteSessionStore> {
    const handle = await SqliteHandle.open(path, options, prepare);
    return new SqliteSessionStore(handle, new DamageReport(options.log ?? silentLogger));
  }

  /** The record with this id, of a live session or a tombstone. */
  load(id: string): Promise<SessionRecord | undefined> {
    return this.#handle.run("load session", (queries) => {
      const row = queries.load.get(id);
      const record = recordOf(id, row);
      if (record !== undefined && isApart(row!)) this.#rings.note(record);
      return record;
    });
  }

  /**
   * Compares the version, and for a new record the limit, and stores, all in one step. The saves of several
   * sessions that are asked for in one turn share a transaction.
   */
  save(record: SessionRecord, maxLive?: number): Promise<boolean> {
    const inText = keepsText(record);
    const json = inText ? JSON.stringify(record) : textWithout(record);
    const change = inText ? undefined : this.#rings.change(record);
    return new Promise((resolve, reject) => {
      const save = { record, json, change, maxLive, resolve, reject };
      if (this.#waiting.push(save) === 1) queueMicrotask(() => void this.#saveWaiting());
    });
  }

  async #saveWaiting(): Promise<void> {
    const saves = this.#waiting;
    this.#waiting = [];
    if (saves.length > 1) {
      try {
        const done = await this.#handle.run(
          "save session",
          (queries) => inTransaction(queries, () => saves.map((save) => saveNow(queries, save))),
        );
        return saves.forEach((save, at) => this.#end(save, done[at]!));
      } catch {
        // One that cannot be saved, or must wait too long, does not speak for the others.
      }
    }
    for (const save of saves) {
      const saving = this.#handle.run(
        "save session",
        (queries) =>
          changesKept(save)
            ? inTransaction(queries, () => saveNow(queries, save))
            : saveNow(queries, save),
      );
      saving.then((saved) => this.#end(save, saved), save.reject);
    }
  }

  #end({ record, change, resolve }: Save, saved: boolean): void {
    if (saved && change !== undefined) this.#rings.note(record);
    resolve(saved);
  }

  /** Removes a record. */
  async delete(id: string): Promise<void> {
    await this.#handle.run("delete session", (queries) => queries.delete.run(id));
  }

  /** Yields every record, ordered by id; one that is added meanwhile may show or not. */
  async *list(): AsyncIterable<SessionRecord> {
    for (let after = "", more = true; more;) {
      const rows = await this.#handle.run("list sessions", ({ page }) => page.all(after));
      for (const row of rows) {
        after = String(row.id);
        const record = await this.load(after).catch((error) => this.#setAside(after, error));
        if (record !== undefined) yield record;
      }
      more = rows.length === PAGE;
      // No query waits for anything, so without this a long list would keep all connections waiting.
      if (more) await new Promise((resolve) => setTimeout(resolve));
    }
  }

  /** Counts the saved records: an expired session counts as live until it is saved as expired. */
  stats(): Promise<StoreStats> {
    return this.#handle.run("count sessions", ({ count }) => {
      const { live, ended } = count.get()!;
      return { live: Number(live), ended: Number(ended) };
    });
  }

  /** Writes a page of the file. SQLite writes none whose content stays, so a number is changed and changed back. */
  async check(): Promise<void> {
    await this.#handle.run("check store", (queries) => {
      return inTransaction(queries, () => [1, -1].map((by) => queries.touch.run(by)));
    });
  }

  /** Moves a damaged record to a table of its own. @throws `error`, if it does not say that it is damaged. */
  async #setAside(id: string, error: unknown): Promise<undefined> {
    const corrupt = resultCode((error as Error).cause) === CORRUPT;
    if (!(error instanceof DamagedRecord) && !corrupt) throw error;
    const moving = this.#handle.run("set record aside", (at) => moveDamaged(at, id));
    const place = await moving.then(() => "table damaged", () => undefined);
    this.#damage.tell(id, place, error);
  }

  /** The time that the processes on the file share. */
  now(): Promise<number> {
    return this.#clock.now();
  }

  /** Closes the file. */
  async [Symbol.asyncDispose](): Promise<void> {
    const stopped = this.#clock[Symbol.asyncDispose]();
    await this.#handle[Symbol.asyncDispose]();
    await stopped;
  }
}

/** A save that was asked for. */
interface Save {
  readonly record: SessionRecord;
  readonly json: string;
  /** What changes in the table of replies; undefined if they stand in the text. */
  readonly change: RingChange | undefined;
  readonly maxLive: number | undefined;
  resolve(saved: boolean): void;
  reject(reason: unknown): void;
}

const changesKept = ({ record, change }: Save): boolean =>
  change !== undefined && changesRing(record, change);

function saveNow(queries: Queries, save: Save): boolean {
  const { record, record: { id, version, endedAt }, json, change, maxLive } = save;
  const { changes } = version === 1
    ? queries.insert.run(id, endedAt, json, maxLive ?? Number.MAX_SAFE_INTEGER)
    : queries.update.run(version, endedAt, json, id, version - 1);
  const saved = Number(changes) === 1;
  if (saved && change !== undefined && changesKept(save)) saveRing(queries, record, change);
  return saved;
}

function inTransaction<T>({ db, begin, commit }: Queries, work: () => T): T {
  begin.run();
  try {
    const result = work();
    commit.run();
    return result;
  } catch (error) {
    db.exec("ROLLBACK");
    throw error;
  }
}

function recordOf(id: string, row: ReturnType<StatementSync["get"]>): SessionRecord | undefined {
  if (row === undefined) return undefined;
  const kept = { id, version: Number(row.version) };
  if (!isApart(row)) return parseRecord(String(row.record), kept);
  const { text, ring } = partsOf(row);
  return parseRecord(text, { ...kept, ring });
}

/** Moves a record, unless its holder, who has the right one in memory, has saved it meanwhile. */
function moveDamaged(queries: Queries, id: string): void {
  const { db, load, delete: remove } = queries;
  inTransaction(queries, () => {
    if (!isDamaged(() => recordOf(id, load.get(id)))) return;
    db.exec(DAMAGED);
    db.prepare(MOVE).run(Date.now(), id);
    remove.run(id);
  });
}
