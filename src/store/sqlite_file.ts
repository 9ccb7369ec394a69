/**
 * Opens the file of the SQLite store: asks for the permission, looks at the file, updates its schema.
 * Whatever is wrong with them shows here, at the start, in words that tell an operator what to change.
 *
 * @module
 */
import type { DatabaseSync } from "node:sqlite";
import { FxferError, reasonOf } from "../errors.ts";
import type { Logger } from "../log.ts";

/** "fxfr": tells fxfer, and the program file(1), that the database is fxfer's. */
const APPLICATION_ID = 0x66786672;

/**
 * The schema, as steps: step n brings a file from user_version n to n + 1. A step that was released must
 * never be changed, because files exist on which it has run.
 */
export const MIGRATIONS: readonly string[] = [
  // The record is one JSON text. A column stands beside it only where a query needs it. Triggers keep the
  // counts: they are right whichever process writes, and asking for them reads one row.
  `CREATE TABLE session (
     id TEXT PRIMARY KEY NOT NULL,
     version INTEGER NOT NULL,
     ended_at INTEGER,
     record TEXT NOT NULL
   ) STRICT;
   CREATE TABLE count (live INTEGER NOT NULL, ended INTEGER NOT NULL) STRICT;
   INSERT INTO count VALUES (0, 0);
   CREATE TRIGGER session_added AFTER INSERT ON session BEGIN
     UPDATE count SET live = live + (new.ended_at IS NULL), ended = ended + (new.ended_at IS NOT NULL);
   END;
   CREATE TRIGGER session_removed AFTER DELETE ON session BEGIN
     UPDATE count SET live = live - (old.ended_at IS NULL), ended = ended - (old.ended_at IS NOT NULL);
   END;
   CREATE TRIGGER session_ended AFTER UPDATE OF ended_at ON session
   WHEN (old.ended_at IS NULL) <> (new.ended_at IS NULL) BEGIN
     UPDATE count SET live = live + (new.ended_at IS NULL) - (old.ended_at IS NULL),
       ended = ended - (new.ended_at IS NULL) + (old.ended_at IS NULL);
   END;`,
  // The replies of the records whose text has none: all those of one save in a row (sqlite_ring.ts).
  `CREATE TABLE kept (
     session TEXT NOT NULL,
     sequence INTEGER NOT NULL,
     reply TEXT NOT NULL,
     PRIMARY KEY (session, sequence)
   ) STRICT, WITHOUT ROWID;
   CREATE TRIGGER session_forgotten AFTER DELETE ON session BEGIN
     DELETE FROM kept WHERE session = old.id;
   END;`,
];

/** What {@linkcode SqliteSessionStore.open} takes besides the path.
 * @category Store */
export interface SqliteSessionStoreOptions {
  /**
   * Whether a missing file is made. If not, a missing file is an error.
   * @default {true}
   */
  readonly create?: boolean;
  /**
   * How long to wait for another process that has locked the file, in milliseconds, 0 or more; then the
   * call throws `store_unavailable`. Only the call waits, and the process goes on; but `open` waits
   * synchronously. A write takes well under 1 ms.
   * @default {1000}
   */
  readonly busyTimeoutMs?: number;
  /**
   * Whether each save is flushed to the disk, as durability `durable` asks (S-TRF-7). Without it a save
   * survives the end of the process, but perhaps not a power cut.
   * @default {false}
   */
  readonly flush?: boolean;
  /**
   * Where damaged records are told of, and a file that was opened again because it was replaced.
   * @default nowhere
   */
  readonly log?: Logger;
}

/** See {@linkcode SqliteSessionStoreOptions.busyTimeoutMs}. */
export const BUSY_TIMEOUT_MS = 1000;

/** Opens the file and brings it to the newest schema. A missing file is made with mode 0600, if allowed. */
export async function openDatabase(
  path: string,
  { create = true, busyTimeoutMs = BUSY_TIMEOUT_MS, flush = false }: SqliteSessionStoreOptions,
): Promise<DatabaseSync> {
  if (!Number.isSafeInteger(busyTimeoutMs) || busyTimeoutMs < 0) {
    throw new RangeError("Cannot open store: busyTimeoutMs must be an integer of 0 or more");
  }
  requirePermission(path);
  await requireFile(path, create);
  // It is imported here, so that a program which keeps sessions elsewhere does not load SQLite.
  const { DatabaseSync } = await import("node:sqlite");
  let db: DatabaseSync | undefined;
  try {
    db = new DatabaseSync(path, { timeout: busyTimeoutMs });
    requireOurs(db, path);
    db.exec("PRAGMA journal_mode = WAL");
    db.exec(`PRAGMA synchronous = ${flush ? "FULL" : "NORMAL"}`);
    migrate(db, path, MIGRATIONS);
    // From now on the store waits for others (sqlite_handle.ts), and SQLite does not.
    db.exec("PRAGMA busy_timeout = 0");
    return db;
  } catch (error) {
    db?.close();
    if (error instanceof FxferError) throw error;
    const message = `Cannot open session store ${path}: ${reasonOf(error)}`;
    throw new FxferError("store_unavailable", message, { cause: error });
  }
}

/**
 * Asks before the file is opened, so that no prompt appears. The files that SQLite keeps beside it
 * (-wal, -shm) need no further permission.
 */
function requirePermission(path: string): void {
  for (const name of ["read", "write"] as const) {
    if (Deno.permissions.querySync({ name, path }).state !== "granted") {
      throw unusable(
        path,
        `SQLite needs --allow-read and --allow-write for it, ${name} is missing`,
      );
    }
  }
}

/** Refuses anything but a regular file: SQLite would follow a symbolic link, and wait for a FIFO. */
async function requireFile(path: string, create: boolean): Promise<void> {
  try {
    const info = await Deno.lstat(path);
    if (!info.isFile) throw unusable(path, "it is no plain file");
    if (info.mode !== null && (info.mode & 0o077) !== 0) await Deno.chmod(path, 0o600);
    return;
  } catch (error) {
    if (error instanceof FxferError) throw error;
    if (!(error instanceof Deno.errors.NotFound)) throw unusable(path, "it is unreadable", error);
    if (!create) throw unusable(path, "it does not exist", error);
  }
  try {
    // SQLite gives its -wal and -shm files the mode of this file.
    (await Deno.open(path, { write: true, createNew: true, mode: 0o600 })).close();
  } catch (error) {
    // Another process has made the file meanwhile.
    if (error instanceof Deno.errors.AlreadyExists) return;
    const missing = error instanceof Deno.errors.NotFound;
    throw unusable(path, missing ? "its folder does not exist" : "it cannot be made", error);
  }
}

/** Refuses a file of another program before anything is written to it. */
function requireOurs(db: DatabaseSync, path: string): void {
  let tables: number;
  try {
    tables = number(db, "SELECT count(*) FROM sqlite_schema");
  } catch (error) {
    // SQLITE_NOTADB and SQLITE_CORRUPT: trying again would not help.
    const hopeless = [26, 11].includes((error as { errcode?: number }).errcode ?? 0);
    throw hopeless ? unusable(path, "it is damaged or no database", error) : error;
  }
  if (tables > 0 && number(db, "PRAGMA application_id") !== APPLICATION_ID) {
    throw unusable(path, "it is the database of another program");
  }
}

/** Runs all missing steps in one transaction; another process that wants to do the same waits. */
export function migrate(db: DatabaseSync, path: string, migrations: readonly string[]): void {
  const version = () => number(db, "PRAGMA user_version");
  if (version() === migrations.length) return;
  db.exec("BEGIN IMMEDIATE");
  try {
    const from = version();
    if (from > migrations.length) {
      throw unusable(path, "it was written by a newer version of fxfer");
    }
    for (const step of migrations.slice(from)) db.exec(step);
    db.exec(
      `PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${migrations.length}`,
    );
    db.exec("COMMIT");
  } catch (error) {
    db.exec("ROLLBACK");
    throw error;
  }
}

/** The one number that a query answers with. */
function number(db: DatabaseSync, sql: string): number {
  return Number(Object.values(db.prepare(sql).get()!)[0]);
}

/** The error for what an operator must change. A code of class `retry` would tell users to wait. */
function unusable(path: string, reason: string, cause?: unknown): FxferError {
  return new FxferError("config_invalid", `Cannot open session store ${path}: ${reason}`, {
    cause,
  });
}
