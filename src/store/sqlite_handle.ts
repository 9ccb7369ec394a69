/**
 * The open SQLite file of a store, in a world where others use the file as well.
 *
 * Another process may lock the file: a second server for less than a millisecond, a backup or an
 * operator's shell for minutes. SQLite's own waiting stands still with the whole process, so it is
 * switched off. A call that finds the file locked waits on a timer instead, and everything else goes on.
 * However many calls wait, one of them tries every few milliseconds for all of them; when it gets through,
 * the others follow. After `busyTimeoutMs` a call gives up with `store_unavailable`.
 *
 * Somebody may remove the file or put another one in its place: a clean-up, a backup that is restored. The
 * handle would go on working with a file that has no name, and what it saves would be gone with the process.
 * So before each query, in the same step, the names are compared with what was opened. If they differ, what
 * stands there now is opened: the other file, or a new one. A session that is not in it is unknown from then
 * on; one that is there in an older state goes on from there. While nothing can be opened, every call is
 * `store_unavailable`. A file that is overwritten in place keeps its identity and is not noticed: SQLite asks
 * that nobody does this.
 *
 * @module
 */
import type { DatabaseSync } from "node:sqlite";
import { FxferError } from "../errors.ts";
import { type Logger, silentLogger } from "../log.ts";
import { DamagedRecord } from "./damaged.ts";
import { BUSY_TIMEOUT_MS, openDatabase, type SqliteSessionStoreOptions } from "./sqlite_file.ts";

/** SQLite's result codes for a lock of another process, SQLITE_BUSY and SQLITE_LOCKED. */
const LOCKED: ReadonlySet<number | undefined> = new Set([5, 6]);

/** The longest pause between two tries at a locked file, in milliseconds; the first one is 1. */
const MAX_PAUSE_MS = 16;

/** A file that could not be opened again is left alone for this long, in milliseconds. */
const REOPEN_MS = 500;

/** A look at the name of the index holds for this long, in milliseconds: no data is in it. */
const LOOK_MS = 50;

/** Runs queries on the file; see the module's text. `Q` is the prepared queries of the store. */
export class SqliteHandle<Q> {
  /** The file, and what SQLite keeps beside it while the file is open: the journal, and its index. */
  readonly #paths: readonly [file: string, journal: string, index: string];
  readonly #options: SqliteSessionStoreOptions;
  readonly #prepare: (db: DatabaseSync) => Q;
  readonly #log: Logger;
  #open: { db: DatabaseSync; queries: Q; identity: readonly string[] } | undefined;
  /** By `performance.now()`. */
  #lookedAt = 0;
  /** The last try to open the file again, while it is under way or has failed a moment ago. */
  #reopening: Promise<Q> | undefined;
  #reopenedAt = 0;
  /** While the file is locked: settles at the next try. */
  #locked: Promise<void> | undefined;
  /** What the last try at a locked file threw. */
  #lock: unknown;
  #pauseMs = 1;
  #disposed = false;

  private constructor(
    path: string,
    options: SqliteSessionStoreOptions,
    prepare: (db: DatabaseSync) => Q,
  ) {
    this.#paths = [path, `${path}-wal`, `${path}-shm`];
    this.#options = options;
    this.#prepare = prepare;
    this.#log = options.log ?? silentLogger;
  }

  /** Opens the file, as `openDatabase` does. */
  static async open<Q>(
    path: string,
    options: SqliteSessionStoreOptions,
    prepare: (db: DatabaseSync) => Q,
  ): Promise<SqliteHandle<Q>> {
    const handle = new SqliteHandle(path, options, prepare);
    await handle.#openFile(options);
    return handle;
  }

  /**
   * Runs a query.
   *
   * @param action What is done, for the text of an error: "save session".
   * @param query Runs in one step; after a throw it may be called again.
   */
  async run<T>(action: string, query: (queries: Q) => T): Promise<T> {
    let giveUpAt: number | undefined;
    for (;;) {
      if (this.#disposed) throw new TypeError("Cannot use session store: it is closed");
      try {
        if (this.#locked === undefined) {
          const result = query(this.#inPlace() ?? await this.#reopen());
          this.#pauseMs = 1;
          return result;
        }
      } catch (cause) {
        if (cause instanceof DamagedRecord) throw cause;
        if (!LOCKED.has(resultCode(cause))) throw unavailable(action, cause);
        this.#lock = cause;
        this.#locked = this.#pause();
      }
      const now = performance.now();
      giveUpAt ??= now + (this.#options.busyTimeoutMs ?? BUSY_TIMEOUT_MS);
      if (now >= giveUpAt) throw unavailable(action, this.#lock);
      await this.#locked;
    }
  }

  async #pause(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, this.#pauseMs));
    this.#pauseMs = Math.min(2 * this.#pauseMs, MAX_PAUSE_MS);
    this.#locked = undefined;
  }

  /** The queries, if the names still stand for what was opened; else closes it. */
  #inPlace(): Q | undefined {
    if (this.#open === undefined) return undefined;
    const { db, queries, identity } = this.#open;
    if (this.#isInPlace(identity)) return queries;
    this.#open = undefined;
    try {
      // A file that was moved away gets all that was saved in it.
      db.exec("PRAGMA wal_checkpoint");
    } catch {
      // It may be locked, or damaged.
    }
    db.close();
    if (identityOf(this.#paths[0]) !== identity[0]) this.#removeJournal(identity);
    return undefined;
  }

  #isInPlace([file, journal, index]: readonly string[]): boolean {
    const paths = this.#paths;
    if (identityOf(paths[0]) !== file || identityOf(paths[1]) !== journal) return false;
    const now = performance.now();
    if (now - this.#lookedAt < LOOK_MS) return true;
    this.#lookedAt = now;
    return identityOf(paths[2]) === index;
  }

  /**
   * Removes the journal of a file that has lost its place. SQLite finds a journal by its name, and would
   * take its content for the newest of the file that stands there now.
   */
  #removeJournal(identity: readonly string[]): void {
    for (const [i, path] of this.#paths.entries()) {
      if (i === 0 || identity[i] === "" || identityOf(path) !== identity[i]) continue;
      try {
        Deno.removeSync(path);
      } catch {
        // It is gone already, or it cannot be removed: then the next open fails and says why.
      }
    }
  }

  /** Opens what is in the place of the file now: one try for all calls that wait for it. */
  #reopen(): Promise<Q> {
    const now = performance.now();
    if (this.#reopening === undefined || now - this.#reopenedAt > REOPEN_MS) {
      this.#reopenedAt = now;
      this.#reopening = this.#openFile({ ...this.#options, busyTimeoutMs: 0 }).then((queries) => {
        this.#log.warn("store.reopened", { store: "sqlite" });
        return queries;
      });
    }
    return this.#reopening;
  }

  async #openFile(options: SqliteSessionStoreOptions): Promise<Q> {
    const db = await openDatabase(this.#paths[0], options);
    try {
      if (this.#disposed) throw new TypeError("Cannot use session store: it is closed");
      const queries = this.#prepare(db);
      this.#open = { db, queries, identity: this.#paths.map(identityOf) };
      this.#reopening = undefined;
      return queries;
    } catch (error) {
      db.close();
      throw error;
    }
  }

  /** Closes the file. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed = true;
    this.#open?.db.close();
    this.#open = undefined;
    await this.#locked;
    await this.#reopening?.catch(() => {});
  }
}

/** Which file a name stands for at this moment; empty for none, or where the permission covers no look. */
function identityOf(path: string): string {
  try {
    const { dev, ino } = Deno.lstatSync(path);
    return `${dev}:${ino}`;
  } catch {
    return "";
  }
}

/** SQLite's result code, without the bits that say more; undefined for an error of anything else. */
export function resultCode(error: unknown): number | undefined {
  const { errcode } = error as { errcode?: unknown };
  return typeof errcode === "number" ? errcode & 0xff : undefined;
}

function unavailable(action: string, cause: unknown): FxferError {
  return new FxferError("store_unavailable", `Cannot ${action}: SQLite failed`, { cause });
}
