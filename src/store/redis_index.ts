/**
 * Which sessions there are: two sorted sets, of live and of ended ones, in which the score of an id
 * is the time when its record vanishes by itself (milliseconds since the epoch).
 *
 * The sets live in other slots of a Cluster than the records, so a record and its entries are
 * written by separate commands and can disagree for a while. Every disagreement heals: entries whose
 * time is over are not counted, and `list()` of the store, which each server's sweeper walks all the
 * time, puts right what it meets.
 *
 * @module
 */
import type { RedisCommands } from "./redis_client.ts";
import type { StoreStats } from "./types.ts";

/**
 * An entry is written before its record, so that no record is ever without one; until the record is
 * known to be stored the entry counts for this long only. Longer than any save may take.
 */
const TENTATIVE_MS = 30_000;

/** An entry that is good for less than this, although its record goes on, is renewed in passing. */
const RENEW_BELOW_MS = 1_800_000;

/** An entry of one of the sets. */
export interface RedisEntry {
  readonly id: string;
  /** When it stops to count, in milliseconds since the epoch. */
  readonly score: number;
  /** Which set it is in. */
  readonly ended: boolean;
}

/** See the module's text. */
export class RedisIndex {
  readonly #commands: RedisCommands;
  readonly #live: string;
  readonly #ended: string;

  constructor(commands: RedisCommands, prefix: string) {
    this.#commands = commands;
    this.#live = `${prefix}live`;
    this.#ended = `${prefix}ended`;
  }

  /** A record is about to be made. */
  async announce(id: string): Promise<void> {
    await this.#add(this.#live, id, Date.now() + TENTATIVE_MS);
  }

  /** Its record is there, and is kept for `ttlMs` if nobody writes to it. */
  async live(id: string, ttlMs: number): Promise<void> {
    await this.#add(this.#live, id, Date.now() + ttlMs);
  }

  /** Its record is a tombstone now. */
  async ended(id: string, ttlMs: number): Promise<void> {
    await this.#add(this.#ended, id, Date.now() + ttlMs);
    await this.#commands.send("index session", ["ZREM", this.#live, id]);
  }

  /** Its record is gone. */
  async forget(id: string): Promise<void> {
    await Promise.all(
      [this.#live, this.#ended].map((key) =>
        this.#commands.send("delete session", ["ZREM", key, id])
      ),
    );
  }

  /** Counts; two cheap commands. */
  async count(): Promise<StoreStats> {
    const now = String(Date.now());
    const [live, ended] = await Promise.all(
      [this.#live, this.#ended].map((key) =>
        this.#commands.send("count sessions", ["ZCOUNT", key, now, "+inf"])
      ),
    );
    return { live: Number(live), ended: Number(ended) };
  }

  /**
   * Every entry, a page at a time, each id once. Live ones come first: an id that moves
   * meanwhile moves to where the walk has not been.
   */
  async *walk(): AsyncIterable<readonly RedisEntry[]> {
    const seen = new Set<string>();
    for (const key of [this.#live, this.#ended]) {
      let cursor = "0";
      do {
        const reply = await this.#commands.send("list sessions", ["ZSCAN", key, cursor]);
        const [next, flat] = reply as [unknown, unknown[]];
        const page: RedisEntry[] = [];
        for (let i = 0; i < flat.length; i += 2) {
          const id = String(flat[i]);
          // A walk over a set that changes may show an entry twice.
          if (seen.has(id)) continue;
          seen.add(id);
          page.push({ id, score: Number(flat[i + 1]), ended: key === this.#ended });
        }
        yield page;
        cursor = String(next);
      } while (cursor !== "0");
    }
  }

  /**
   * Compares an entry with its record, and puts the entry right.
   *
   * @param kept What became of the record; undefined if there is none.
   */
  async heal(
    entry: RedisEntry,
    kept: { ended: boolean; ttlMs: number } | undefined,
  ): Promise<void> {
    const { id, score } = entry;
    const left = score - Date.now();
    if (kept === undefined) {
      // Ids are never used again, so what is gone stays gone; only a record being made is still to come.
      if (left <= 0 || left > TENTATIVE_MS) await this.forget(id);
    } else if (kept.ended !== entry.ended || left < Math.min(RENEW_BELOW_MS, kept.ttlMs / 2)) {
      await (kept.ended ? this.ended(id, kept.ttlMs) : this.live(id, kept.ttlMs));
    }
  }

  async #add(key: string, id: string, score: number): Promise<void> {
    await this.#commands.send("index session", ["ZADD", key, String(Math.round(score)), id]);
  }
}
