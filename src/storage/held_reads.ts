/** Answers what is asked of the index with each file, many questions in one read transaction. @module */
import type { DatabaseSync, SQLInputValue, StatementSync } from "node:sqlite";

/** How far the index has come. */
export interface IndexState {
  /** Which manifest it is of. */
  readonly manifest: string;
  /** Up to this position its lines are in the index. */
  readonly readTo: number;
  /** The end of the last of these lines, to tell another file by. */
  readonly tail: string;
  /** Which manifest the ids in `former` are of; empty for none. */
  readonly former: string;
  readonly files: number;
  /** Bytes of all files that are listed and not gone. */
  readonly bytes: number;
}

/** The query of an {@linkcode IndexState}. */
export const STATE: string =
  "SELECT manifest, read_to AS readTo, tail, former, files, bytes FROM state";

/**
 * Reads in one transaction as long as it is held: without, the locks of a query take ten times its time.
 *
 * Within the transaction nothing changes, whatever is written meanwhile: all answers are of one moment, that of
 * the first. So the state is looked at once for all of them. To ask for it in each query takes twice the time.
 */
export class HeldReads {
  readonly #db: DatabaseSync;
  readonly #isFile: boolean;
  readonly #queries = new Map<string, StatementSync>();
  #isHeld = false;
  /** The state in the transaction that is held. */
  #state: IndexState | undefined;

  /** @param isFile False for an index in memory, which is read as it is now: nobody else writes it. */
  constructor(db: DatabaseSync, isFile: boolean) {
    this.#db = db;
    this.#isFile = isFile;
  }

  /** The rows of a query. Most have none: `get` says so a microsecond sooner than `all`. */
  rows(sql: string, ...values: SQLInputValue[]): unknown[] {
    try {
      if (this.#isFile && !this.#isHeld) this.#db.exec("BEGIN");
      this.#isHeld = this.#isFile;
      let query = this.#queries.get(sql);
      if (query === undefined) this.#queries.set(sql, query = this.#db.prepare(sql));
      return query.get(...values) === undefined ? [] : query.all(...values);
    } catch (error) {
      // SQLite may have ended the transaction itself: what is read from now on may be of another state.
      this.letGo();
      throw error;
    }
  }

  /** How far the index had come at that moment; undefined if it does not say. */
  get state(): IndexState | undefined {
    const state = this.#state ?? this.rows(STATE)[0] as IndexState | undefined;
    if (this.#isFile) this.#state = state;
    return state;
  }

  /** Ends the transaction: the next answer is of the index as it is then. */
  letGo(): void {
    this.#state = undefined;
    if (!this.#isHeld) return;
    this.#isHeld = false;
    try {
      this.#db.exec("COMMIT");
    } catch {
      // After some errors SQLite has ended the transaction itself.
    }
  }

  /** Closes the file, unless it is in memory. */
  close(): void {
    if (this.#isFile) this.#db.close();
  }
}
