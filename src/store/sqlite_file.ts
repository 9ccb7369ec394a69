/**
 * Opening the file of the SQLite store: the permission, the file itself, and its schema. All that
 * can be wrong with them is found here, at start, and said in words an operator can act on.
 *
 * @module
 */
import type { DatabaseSync } from "node:sqlite";
import { FxferError } from "../errors.ts";

/** "fxfr": says whose file it is, to us and to file(1). */
const APPLICATION_ID = 0x66786672;

/**
 * The schema, one step a version: step n brings a file from user_version n to n + 1. A step that was
 * released is never changed.
 */
export const MIGRATIONS: readonly string[] = [
  // The record is one JSON text; a column stands beside it only where a query needs it. The counts
  // are kept by triggers, so that they are right whoever writes, and asking costs one row.
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
];

/** What {@linkcode openDatabase} needs to know. */
export interface DatabaseOptions {
  readonly create: boolean;
  readonly busyTimeoutMs: number;
  readonly flush: boolean;
}

/** Opens the file, made with mode 0600 if it is missing and may be, at the newest schema. */
export async function openDatabase(path: string, options: DatabaseOptions): Promise<DatabaseSync> {
  requirePermission(path);
  await requireFile(path, options.create);
  // Here and not above: a program that keeps sessions elsewhere does not load SQLite.
  const { DatabaseSync } = await import("node:sqlite");
  let db: DatabaseSync | undefined;
  try {
    db = new DatabaseSync(path, { timeout: options.busyTimeoutMs });
    requireOurs(db, path);
    db.exec("PRAGMA journal_mode = WAL");
    db.exec(`PRAGMA synchronous = ${options.flush ? "FULL" : "NORMAL"}`);
    migrate(db, path, MIGRATIONS);
    return db;
  } catch (error) {
    db?.close();
    if (error instanceof FxferError) throw error;
    throw new FxferError("store_unavailable", `Cannot open session store ${path}`, {
      cause: error,
    });
  }
}

/** Asks first, so that no prompt appears; the -wal and -shm files beside it need nothing more. */
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

/** Makes sure of a plain file of our own: SQLite would follow a symlink and wait for a FIFO. */
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
    // SQLite gives its -wal and -shm files the mode of this one.
    (await Deno.open(path, { write: true, createNew: true, mode: 0o600 })).close();
  } catch (error) {
    // Another process was faster: as good.
    if (error instanceof Deno.errors.AlreadyExists) return;
    const missing = error instanceof Deno.errors.NotFound;
    throw unusable(path, missing ? "its folder does not exist" : "it cannot be made", error);
  }
}

/** Refuses a file of another program before anything is written to it. */
function requireOurs(db: DatabaseSync, path: string): void {
  let tables: number;
  try {
    tables = number(db, "SELECT count(*) AS n FROM sqlite_schema", "n");
  } catch (error) {
    // SQLITE_NOTADB and SQLITE_CORRUPT: waiting does not help.
    const { errcode } = error as { errcode?: number };
    if (errcode === 26 || errcode === 11) {
      throw unusable(path, "it is damaged or no database", error);
    }
    throw error;
  }
  if (tables > 0 && number(db, "PRAGMA application_id", "application_id") !== APPLICATION_ID) {
    throw unusable(path, "it is the database of another program");
  }
}

/** Brings the schema up to date, all of it or none; another process that does so too waits. */
export function migrate(db: DatabaseSync, path: string, migrations: readonly string[]): void {
  const version = () => number(db, "PRAGMA user_version", "user_version");
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

function number(db: DatabaseSync, sql: string, column: string): number {
  return Number(db.prepare(sql).get()![column]);
}

/** What an operator has to change; a `retry` code would promise that waiting helps. */
function unusable(path: string, reason: string, cause?: unknown): FxferError {
  return new FxferError(
    "config_invalid",
    `Cannot open session store ${path}: ${reason}`,
    cause === undefined ? {} : { cause },
  );
}
