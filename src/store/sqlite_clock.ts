/**
 * One time for all processes that share a SQLite file, however wrong the clocks of their hosts are, or were
 * when they started.
 *
 * Each process writes its time into the file once a second, a *beat*. One that starts takes the time over
 * that it finds beating. Where nothing beats for 1.5 s, no other process lives, and the wall clock counts,
 * but no less than the last beat: time does not go back. From then on a process measures by its monotonic
 * clock, so that a wall clock that is set changes nothing.
 *
 * @module
 */
import type { DatabaseSync } from "node:sqlite";

/** Between two beats, in milliseconds. */
const BEAT_MS = 1000;

/** Between two looks of a process that does not know the time yet, in milliseconds. */
const LOOK_MS = 100;

/** Without a beat for this long, in milliseconds, no other process lives. */
const SILENCE_MS = 1500;

// The table is made when it is needed, as that of damaged records is (sqlite.ts).
const TABLE = "CREATE TABLE IF NOT EXISTS clock" +
  " (one INTEGER PRIMARY KEY CHECK (one = 1), time REAL NOT NULL, beat INTEGER NOT NULL) STRICT";
const WRITE = "INSERT INTO clock VALUES (1, ?, 1)" +
  " ON CONFLICT DO UPDATE SET time = excluded.time, beat = beat + 1";

/** Runs a query on the file, in one step. */
type Run = (query: (db: DatabaseSync) => void) => Promise<void>;

/** The time that is carried from beat to beat. */
export class SqliteClock {
  readonly #run: Run;
  /** The time, less the monotonic clock; undefined while it is not known. */
  #base: number | undefined;
  /** The beat that was found first, and when, by the monotonic clock. */
  #first: { readonly beat: number; readonly at: number } | undefined;
  readonly #known = Promise.withResolvers<void>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #disposed = false;
  #beating: Promise<void>;

  /** Begins at once. */
  constructor(run: Run) {
    this.#run = run;
    this.#beating = this.#beat();
  }

  /** Milliseconds since the epoch, in the middle between call and answer. Waits until the time is known. */
  async now(): Promise<number> {
    const asked = performance.now();
    await this.#known.promise;
    return this.#base! + (asked + performance.now()) / 2;
  }

  async #beat(): Promise<void> {
    try {
      await this.#run((db) => this.#step(db));
    } catch {
      // The file is locked, or away: the next beat comes.
    }
    if (this.#disposed) return;
    const next = () => this.#beating = this.#beat();
    this.#timer = setTimeout(next, this.#base === undefined ? LOOK_MS : BEAT_MS);
    Deno.unrefTimer(this.#timer);
  }

  #step(db: DatabaseSync): void {
    const mine = performance.now();
    if (this.#base === undefined) {
      db.exec(TABLE);
      const row = db.prepare("SELECT time, beat FROM clock").get();
      const [time, beat] = [Number(row?.time ?? 0), Number(row?.beat ?? 0)];
      this.#first ??= { beat, at: mine };
      if (this.#first.beat !== beat) this.#base = time - mine;
      else if (row === undefined || mine - this.#first.at >= SILENCE_MS) {
        this.#base = Math.max(Date.now(), time) - mine;
      } else return;
      this.#known.resolve();
    }
    db.prepare(WRITE).run(this.#base + mine);
  }

  /** Stops. Whoever waits for the time hears that there is none. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed = true;
    clearTimeout(this.#timer);
    await this.#beating;
    this.#known.promise.catch(() => {});
    this.#known.reject(new TypeError("Cannot read clock: the store is closed"));
  }
}
