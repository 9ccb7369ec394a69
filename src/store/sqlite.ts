/** Sessions in one SQLite file, which outlives the process; processes on one machine can share it. @module */
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { FxferError } from "../errors.ts";
import type { SessionRecord } from "../session/mod.ts";
import { openDatabase, type SqliteSessionStoreOptions } from "./sqlite_file.ts";
import type { SessionStore, StoreStats } from "./types.ts";

/** Records that `list()` reads at once: no read transaction must stay open between two awaits. */
const PAGE = 64;

/**
 * Keeps session records in a SQLite file (mode 0600, write-ahead log).
 *
 * It needs `--allow-read` and `--allow-write` for the file; `node:sqlite` is loaded by `open` and not
 * before. Errors of the database are `store_unavailable` with their cause.
 * @category Store
 */
export class SqliteSessionStore implements SessionStore {
  /** `sqlite`. */
  readonly kind = "sqlite";
  /** True: records outlive the process. */
  readonly persistent = true;
  readonly #db: DatabaseSync;
  readonly #load: StatementSync;
  readonly #insert: StatementSync;
  readonly #update: StatementSync;
  readonly #delete: StatementSync;
  readonly #page: StatementSync;
  readonly #count: StatementSync;
  #disposed = false;

  private constructor(db: DatabaseSync) {
    this.#db = db;
    this.#load = db.prepare("SELECT record FROM session WHERE id = ?");
    this.#insert = db.prepare(
      "INSERT INTO session (id, version, ended_at, record) VALUES (?, 1, ?, ?)" +
        " ON CONFLICT (id) DO NOTHING",
    );
    this.#update = db.prepare(
      "UPDATE session SET version = ?, ended_at = ?, record = ? WHERE id = ? AND version = ?",
    );
    this.#delete = db.prepare("DELETE FROM session WHERE id = ?");
    this.#page = db.prepare(
      `SELECT id, record FROM session WHERE id > ? ORDER BY id LIMIT ${PAGE}`,
    );
    this.#count = db.prepare("SELECT live, ended FROM count");
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
    return new SqliteSessionStore(await openDatabase(path, options));
  }

  /** The record with this id, of a live session or a tombstone. */
  // deno-lint-ignore require-await -- SQLite is synchronous; a throw must become a rejection
  async load(id: string): Promise<SessionRecord | undefined> {
    return this.#run("load session", () => {
      const row = this.#load.get(id);
      return row === undefined ? undefined : parse(row.record);
    });
  }

  /** Compares the version and stores in one statement, which is one transaction. */
  // deno-lint-ignore require-await -- as in load
  async save(record: SessionRecord): Promise<boolean> {
    return this.#run("save session", () => {
      const { id, version, endedAt } = record;
      const json = JSON.stringify(record);
      const { changes } = version === 1
        ? this.#insert.run(id, endedAt, json)
        : this.#update.run(version, endedAt, json, id, version - 1);
      return Number(changes) === 1;
    });
  }

  /** Removes a record. */
  // deno-lint-ignore require-await -- as in load
  async delete(id: string): Promise<void> {
    this.#run("delete session", () => this.#delete.run(id));
  }

  /** Yields every record, ordered by id; one that is added meanwhile may show or not. */
  async *list(): AsyncIterable<SessionRecord> {
    for (let after = "", more = true; more;) {
      const rows = this.#run("list sessions", () => this.#page.all(after));
      for (const row of rows) {
        after = String(row.id);
        yield this.#run("list sessions", () => parse(row.record));
      }
      more = rows.length === PAGE;
    }
  }

  /** Counts the saved records: an expired session counts as live until it is saved as expired. */
  // deno-lint-ignore require-await -- as in load
  async stats(): Promise<StoreStats> {
    return this.#run("count sessions", () => {
      const { live, ended } = this.#count.get()!;
      return { live: Number(live), ended: Number(ended) };
    });
  }

  /** Closes the file. */
  // deno-lint-ignore require-await -- as in load
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#db.close();
  }

  #run<T>(action: string, query: () => T): T {
    if (this.#disposed) throw new TypeError("Cannot use session store: it is closed");
    try {
      return query();
    } catch (error) {
      throw new FxferError("store_unavailable", `Cannot ${action}: SQLite failed`, {
        cause: error,
      });
    }
  }
}

/** The text needs no check: only fxfer writes to the file, and it writes records only. */
function parse(json: unknown): SessionRecord {
  return JSON.parse(String(json));
}
