/** The ledger of servers on one machine, in a SQLite file that they share. @module */
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { FxferError, reasonOf } from "../errors.ts";
import { fits, registerFull, RESERVED_MS, type Usage, type UserLedger } from "./ledger.ts";
import type { UserLimits } from "./rights.ts";

/** Nonces in the file at most, about 100 MB. */
const MAX_NONCES = 1_000_000;

/** How long another process may hold the file; its steps take less than a millisecond. */
const BUSY_MS = 250;

/** How often, and after which pause, a file is opened again that another process is making. */
const OPEN_TRIES = 50;
const OPEN_PAUSE_MS = 40;

const SCHEMA = `
PRAGMA busy_timeout = ${BUSY_MS};
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
CREATE TABLE IF NOT EXISTS nonce (nonce TEXT PRIMARY KEY NOT NULL, until INTEGER NOT NULL)
  STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS nonce_until ON nonce (until);
CREATE TABLE IF NOT EXISTS file
  (user TEXT NOT NULL, path TEXT NOT NULL, bytes INTEGER NOT NULL, PRIMARY KEY (user, path))
  STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS claim
  (user TEXT NOT NULL, claim TEXT NOT NULL, bytes INTEGER NOT NULL, until INTEGER NOT NULL,
   PRIMARY KEY (user, claim)) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS used
  (user TEXT PRIMARY KEY NOT NULL, bytes INTEGER NOT NULL, files INTEGER NOT NULL)
  STRICT, WITHOUT ROWID;
CREATE TRIGGER IF NOT EXISTS file_added AFTER INSERT ON file BEGIN
  INSERT INTO used VALUES (new.user, new.bytes, 1)
    ON CONFLICT (user) DO UPDATE SET bytes = bytes + new.bytes, files = files + 1;
END;
CREATE TRIGGER IF NOT EXISTS file_removed AFTER DELETE ON file BEGIN
  UPDATE used SET bytes = bytes - old.bytes, files = files - 1 WHERE user = old.user;
END;
`;

const QUERIES = {
  begin: "BEGIN IMMEDIATE",
  commit: "COMMIT",
  rollback: "ROLLBACK",
  forget: "DELETE FROM nonce WHERE until < ?",
  nonces: "SELECT count(*) AS count FROM nonce",
  take: "INSERT INTO nonce VALUES (?, ?) ON CONFLICT DO NOTHING",
  stale: "DELETE FROM claim WHERE until <= ?",
  used: `SELECT
    coalesce((SELECT bytes FROM used WHERE user = ?1), 0)
      + coalesce((SELECT sum(bytes) FROM claim WHERE user = ?1 AND claim <> ?2), 0) AS bytes,
    coalesce((SELECT files FROM used WHERE user = ?1), 0)
      + (SELECT count(*) FROM claim WHERE user = ?1 AND claim <> ?2) AS files`,
  reserve: "INSERT OR REPLACE INTO claim VALUES (?, ?, ?, ?)",
  charge: "INSERT INTO file VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
  release: "DELETE FROM claim WHERE user = ? AND claim = ?",
  giveBack: "DELETE FROM file WHERE user = ? AND path = ?",
} as const;

type Queries = Readonly<Record<keyof typeof QUERIES, StatementSync>>;

/** Keeps nonces and stored files in a SQLite file; needs `--allow-read` and `--allow-write` for it.
 * @category Keys */
export class SqliteLedger implements UserLedger {
  /** The file outlives the process. */
  readonly since: number = -Infinity;
  readonly #db: DatabaseSync;
  readonly #queries: Queries;
  #forgotten = 0;
  #nonces = 0;

  private constructor(db: DatabaseSync) {
    this.#db = db;
    const prepared = Object.entries(QUERIES).map(([name, sql]) => [name, db.prepare(sql)]);
    this.#queries = Object.fromEntries(prepared);
  }

  /** Opens the file, or makes it. @throws {FxferError} `config_invalid` where that is not possible. */
  static async open(path: string): Promise<SqliteLedger> {
    const { DatabaseSync } = await import("node:sqlite");
    for (let tries = 0;; tries++) {
      let db: DatabaseSync | undefined;
      try {
        db = new DatabaseSync(path);
        db.exec(SCHEMA);
        return new SqliteLedger(db);
      } catch (cause) {
        db?.close();
        // Servers that start together make the file at the same time, and SQLite waits for no one there.
        if (tries < OPEN_TRIES && /locked|busy/.test(reasonOf(cause))) {
          await new Promise((resolve) => setTimeout(resolve, OPEN_PAUSE_MS));
          continue;
        }
        const text = `Cannot open ${path}, which counts what users have: ${reasonOf(cause)}`;
        throw new FxferError("config_invalid", text, { cause });
      }
    }
  }

  takeNonce(_user: string, nonce: string, until: number, now: number): boolean {
    return this.#step(({ forget, nonces, take }) => {
      if (now - this.#forgotten > 1000) {
        forget.run(now);
        this.#nonces = (nonces.get() as { count: number }).count;
        this.#forgotten = now;
      }
      if (this.#nonces >= MAX_NONCES) throw registerFull();
      this.#nonces++;
      return take.run(nonce, until).changes === 1;
    });
  }

  reserve(user: string, claim: string, bytes: number, limits: UserLimits, now: number): boolean {
    return this.#step(({ stale, used, reserve }) => {
      stale.run(now);
      if (!fits(used.get(user, claim) as unknown as Usage, bytes, limits)) return false;
      reserve.run(user, claim, bytes, now + RESERVED_MS);
      return true;
    });
  }

  charge(user: string, path: string, bytes: number, claim?: string): void {
    this.#step((queries) => {
      queries.charge.run(user, path, bytes);
      if (claim !== undefined) queries.release.run(user, claim);
    });
  }

  release(user: string, claim: string): void {
    this.#step(({ release }) => void release.run(user, claim));
  }

  giveBack(user: string, path: string): void {
    this.#step(({ giveBack }) => void giveBack.run(user, path));
  }

  usage(user: string, now: number): Usage {
    return this.#step(({ stale, used }) => {
      stale.run(now);
      const { bytes, files } = used.get(user, "") as unknown as Usage;
      return { bytes, files };
    });
  }

  /** Runs queries as one step for all processes. */
  #step<T>(run: (queries: Queries) => T): T {
    try {
      this.#queries.begin.run();
      try {
        const result = run(this.#queries);
        this.#queries.commit.run();
        return result;
      } catch (error) {
        this.#queries.rollback.run();
        throw error;
      }
    } catch (cause) {
      if (cause instanceof FxferError) throw cause;
      throw new FxferError("store_unavailable", "Cannot count for user: SQLite failed", { cause });
    }
  }

  /** Closes the file. */
  // deno-lint-ignore require-await -- as the contract asks
  async [Symbol.asyncDispose](): Promise<void> {
    this.#db.close();
  }
}
