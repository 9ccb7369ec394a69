/**
 * The file of the index, `.index.db`: an SQLite database with a row for each listed file. The manifest stays
 * the truth: a row has the position of the file's line in it, and little else. Whoever takes a row reads the
 * line, and sees for itself that it fits.
 *
 * All processes on the folder share the file. Whoever writes the lines that are new, writes them for all.
 *
 * @module
 */
import type { DatabaseSync, SQLInputValue, StatementSync } from "node:sqlite";
import { FxferError } from "../errors.ts";
import type { Logger } from "../log.ts";
import { HeldReads, type IndexState, STATE } from "./held_reads.ts";
import { isLocked, isOfSqlite } from "./index_errors.ts";
import { isAbsent } from "./io_errors.ts";
import { identityOf, INDEX, makeFile, setAside } from "./index_place.ts";

/** "fxix": tells the file from those of other programs. */
const APPLICATION_ID = 0x66786978;

/** An index with another number was made by another version, and is built anew. */
const VERSION = 1;

/**
 * - `file`: `id` is the position of the first line of the path, which stays while later lines say more of it;
 *   `pos` is the position of its last line. `name` is the path where there is no name. Keys are hashes.
 *   `gone` is 1 for a file that is listed, and was not there when somebody looked.
 * - `removed`: the lines of removals. `former`: the upload ids of the manifest before this one.
 */
const TABLES = `
  CREATE TABLE file (
    id INTEGER PRIMARY KEY, pos INTEGER NOT NULL, name TEXT NOT NULL, size INTEGER NOT NULL,
    path_key INTEGER NOT NULL, upload_key INTEGER, session_key INTEGER, owner TEXT,
    gone INTEGER NOT NULL DEFAULT 0
  ) STRICT;
  CREATE TABLE removed (path_key INTEGER NOT NULL, pos INTEGER NOT NULL) STRICT;
  CREATE INDEX removed_path ON removed (path_key);
  CREATE TABLE former (upload_key INTEGER NOT NULL, pos INTEGER NOT NULL) STRICT;
  CREATE INDEX former_upload ON former (upload_key);
  CREATE TABLE state (
    manifest TEXT NOT NULL, read_to INTEGER NOT NULL, tail TEXT NOT NULL, former TEXT NOT NULL,
    files INTEGER NOT NULL, bytes INTEGER NOT NULL
  ) STRICT;
  INSERT INTO state VALUES ('', 0, '', '', 0, 0);
  PRAGMA application_id = ${APPLICATION_ID};
  PRAGMA user_version = ${VERSION};`;

/** Made after the rows where many are added at once: to sort takes a tenth of the time. */
const FILE_INDEXES: Readonly<Record<string, string>> = {
  file_name: "file (name, id)",
  file_path: "file (path_key)",
  file_upload: "file (upload_key) WHERE upload_key IS NOT NULL",
  file_session: "file (session_key, id) WHERE session_key IS NOT NULL",
};

/** A row of the table `file`. */
export interface FileRow {
  readonly id: number;
  readonly pos: number;
  readonly name: string;
  readonly size: number;
  readonly gone: number;
}

/** The open file, or an index in memory where no file can be had. */
export class IndexFile {
  readonly #db: DatabaseSync;
  readonly #path: string | undefined;
  readonly #identity: string;
  readonly #queries = new Map<string, StatementSync>();
  #writing = false;
  #open = true;
  /** For the questions that come with each file. */
  readonly held: HeldReads;

  private constructor(db: DatabaseSync, path?: string, reader?: DatabaseSync) {
    this.#db = db;
    this.held = new HeldReads(reader ?? db, reader !== undefined);
    this.#path = path;
    this.#identity = path === undefined ? "" : identityOf(path);
  }

  /**
   * Opens the file, or makes it. One that is damaged or foreign is set aside, under a name that ends in
   * `.bad`. Where no file can be had at this moment, the index is kept in memory.
   */
  static async open(path: string, log: Logger): Promise<IndexFile> {
    const { DatabaseSync } = await import("node:sqlite");
    for (let tries = 0;; tries++) {
      try {
        return IndexFile.#openFile(DatabaseSync, path);
      } catch (cause) {
        // The folder itself is gone for a moment: the next write makes it, and tries again.
        if (isAbsent(cause)) throw cause;
        // A disk that fails says nothing of the file, which may be good.
        const isBad = cause instanceof FxferError || isOfSqlite(cause);
        if (tries < 100 && isLocked(cause)) {
          await new Promise((resolve) => setTimeout(resolve, 20));
        } else if (tries >= 100 || !isBad || !setAside(path)) {
          log.warn("storage.index_in_memory", { cause });
          return await IndexFile.inMemory();
        } else {
          tries = Math.max(tries, 99);
          log.warn("storage.index_set_aside", { to: `${INDEX}.bad`, cause });
        }
      }
    }
  }

  static async inMemory(): Promise<IndexFile> {
    const { DatabaseSync } = await import("node:sqlite");
    const db = new DatabaseSync(":memory:");
    makeTables(db);
    return new IndexFile(db);
  }

  static #openFile(Database: typeof DatabaseSync, path: string): IndexFile {
    makeFile(path);
    const db = new Database(path, { timeout: 0 });
    try {
      // SQLite itself holds at most 5 MB of the file in memory, the reader's part included.
      // Others may be doing the same at this moment, and the errors of exec() have no errcode to tell it by.
      db.prepare("PRAGMA journal_mode = WAL").get();
      db.exec("PRAGMA synchronous = NORMAL; PRAGMA cache_size = -4000");
      db.exec("PRAGMA journal_size_limit = 16777216");
      const pragma = (name: string) => Object.values(db.prepare(`PRAGMA ${name}`).get() ?? {})[0];
      const isEmpty = db.prepare("SELECT 1 FROM sqlite_schema").get() === undefined;
      if (isEmpty) makeTables(db);
      else if (pragma("application_id") !== APPLICATION_ID || pragma("user_version") !== VERSION) {
        throw new FxferError("local_io", `Cannot use index: ${INDEX} is of another program`);
      }
      const reader = new Database(path, { timeout: 0 });
      reader.exec("PRAGMA cache_size = -1000");
      return new IndexFile(db, path, reader);
    } catch (error) {
      db.close();
      throw error;
    }
  }

  /** Whether the file's name still stands for this file. */
  get isInPlace(): boolean {
    return this.#path === undefined || identityOf(this.#path) === this.#identity;
  }

  /** Whether there is a file. */
  get isFile(): boolean {
    return this.#path !== undefined;
  }

  /** Sets the file aside, which has turned out to be damaged. The index must be closed, and opened anew. */
  setAside(): void {
    if (this.#path !== undefined && this.isInPlace) setAside(this.#path);
  }

  /** The prepared query of a text. */
  query(sql: string): StatementSync {
    let query = this.#queries.get(sql);
    if (query === undefined) this.#queries.set(sql, query = this.#db.prepare(sql));
    return query;
  }

  run(sql: string, ...values: SQLInputValue[]): void {
    this.query(sql).run(...values);
  }

  rows(sql: string, ...values: SQLInputValue[]): FileRow[] {
    return this.query(sql).all(...values) as unknown as FileRow[];
  }

  get state(): IndexState {
    return this.query(STATE).get() as unknown as IndexState;
  }

  /** Begins to write; throws at once where another process is writing. */
  begin(): void {
    this.#db.prepare("BEGIN IMMEDIATE").run(); // the errors of exec() have no errcode
    this.#writing = true;
  }

  /** Ends what {@linkcode begin} has begun. */
  commit(): void {
    this.#db.prepare("COMMIT").run();
    this.#writing = false;
  }

  /** Gives back the memory that many lines have taken. */
  shrink(): void {
    this.#db.exec("PRAGMA cache_size = -4000; PRAGMA shrink_memory");
  }

  /** Undoes what was done since {@linkcode begin}; does nothing outside of the two. */
  rollback(): void {
    if (!this.#writing) return;
    this.#writing = false;
    try {
      this.#db.exec("ROLLBACK");
    } catch {
      // After some errors SQLite has done so itself.
    }
  }

  /** Begins anew for another manifest; what is known of upload ids is kept for those who have the former one open. */
  reset(manifest: string): void {
    const { manifest: before } = this.state;
    if (before !== manifest && before !== "") {
      this.run("DELETE FROM former");
      this.run(
        "INSERT INTO former SELECT upload_key, pos FROM file WHERE upload_key IS NOT NULL ORDER BY 1",
      );
      this.run("UPDATE state SET former = ?", before);
    }
    this.run("DELETE FROM file");
    this.run("DELETE FROM removed");
    this.run(
      "UPDATE state SET manifest = ?, read_to = 0, tail = '', files = 0, bytes = 0",
      manifest,
    );
  }

  /** Before many lines, which take more memory until {@linkcode shrink}. */
  dropFileIndexes(): void {
    this.#db.exec("PRAGMA cache_size = -8000");
    for (const name in FILE_INDEXES) this.#db.exec(`DROP INDEX IF EXISTS ${name}`);
  }

  /** The names of the orders of files, for {@linkcode makeFileIndex}. */
  get fileIndexes(): string[] {
    return Object.keys(FILE_INDEXES);
  }

  makeFileIndex(name: string): void {
    makeFileIndex(this.#db, name);
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.rollback();
    this.held.close();
    this.#db.close();
  }
}

function makeTables(db: DatabaseSync): void {
  db.prepare("BEGIN IMMEDIATE").run();
  if (db.prepare("SELECT 1 FROM sqlite_schema").get() === undefined) {
    db.exec(TABLES);
    for (const name in FILE_INDEXES) makeFileIndex(db, name);
  }
  db.exec("COMMIT");
}

function makeFileIndex(db: DatabaseSync, name: string): void {
  // The errors of exec() have no errcode.
  db.prepare(`CREATE INDEX IF NOT EXISTS ${name} ON ${FILE_INDEXES[name]}`).run();
}
