/**
 * Which sessions there are: two sorted sets of ids, one of live sessions and one of ended ones. The score
 * of an id is the time at which Redis will forget its record, in milliseconds since the epoch by Redis's own
 * clock: the clocks of the servers may differ.
 *
 * In a Cluster the sets are in other slots than the records. So a record and its entry are written by
 * separate commands, and may disagree for a while. That mends itself: an entry whose time is over is not
 * counted, and the store's `list()`, which the sweeper of each server walks every few seconds, repairs
 * each wrong entry that it meets.
 *
 * @module
 */
import { type RedisCommands, redisScript } from "./redis_client.ts";
import type { StoreStats } from "./types.ts";

/**
 * The entry of a new record is written first, so that no record is ever without an entry. Until the record
 * is stored, the entry counts for this long, in milliseconds: longer than any save may take.
 */
const TENTATIVE_MS = 30_000;

/** `list()` renews an entry that has less than this left, while its record has more. Milliseconds. */
const RENEW_BELOW_MS = 1_800_000;

const NOW = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
`;

/**
 * Writes an entry. With a limit, as ARGV[3], the entry is added only while the set has fewer entries that
 * count: one step, so the limit is exact.
 */
const MARK = redisScript(`${NOW}
if ARGV[3] and redis.call('ZCOUNT', KEYS[1], now, '+inf') >= tonumber(ARGV[3]) then return 0 end
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
return 1
`);

const COUNT = redisScript(`${NOW} return redis.call('ZCOUNT', KEYS[1], now, '+inf')`);

const SCAN = redisScript(`${NOW}
local found = redis.call('ZSCAN', KEYS[1], ARGV[1])
return {now, found[1], found[2]}
`);

/** Forgets the entries of tombstones that Redis has forgotten. */
const PRUNE = redisScript(`${NOW} return redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)`);

/** An entry of one of the sets. */
export interface RedisEntry {
  readonly id: string;
  /** For how long the entry still counts, in milliseconds. */
  readonly leftMs: number;
  /** Which set the entry is in. */
  readonly ended: boolean;
}

/** The two sets of ids. */
export class RedisIndex {
  readonly #commands: RedisCommands;
  readonly #live: string;
  readonly #ended: string;

  constructor(commands: RedisCommands, prefix: string) {
    this.#commands = commands;
    this.#live = `${prefix}live`;
    this.#ended = `${prefix}ended`;
  }

  /**
   * A record is about to be made: adds an entry that counts for {@linkcode TENTATIVE_MS}.
   *
   * @returns False if `maxLive` sessions are live; then there is no entry.
   */
  async admit(id: string, maxLive: number | undefined): Promise<boolean> {
    const limit = maxLive === undefined ? [] : [String(maxLive)];
    return Number(await this.#mark(this.#live, id, TENTATIVE_MS, limit)) === 1;
  }

  /** A record is stored, live or as a tombstone, and Redis keeps it for `ttlMs`: writes its entry. */
  async mark(id: string, ended: boolean, ttlMs: number): Promise<void> {
    await this.#mark(ended ? this.#ended : this.#live, id, ttlMs);
    if (!ended) return;
    await this.#commands.send("index session", ["ZREM", this.#live, id]);
    await this.#commands.script("index session", PRUNE, ["1", this.#ended]);
  }

  #mark(set: string, id: string, ms: number, limit: string[] = []): Promise<unknown> {
    return this.#commands.script("index session", MARK, [
      ...["1", set, id, String(Math.round(ms))],
      ...limit,
    ]);
  }

  /** The record does not exist any more. */
  async forget(id: string): Promise<void> {
    await this.#inBoth((set) => this.#commands.send("delete session", ["ZREM", set, id]));
  }

  /** Counts both sets by two commands, which are cheap. */
  async count(): Promise<StoreStats> {
    const [live, ended] = await this.#inBoth((set) =>
      this.#commands.script("count sessions", COUNT, ["1", set])
    );
    return { live: Number(live), ended: Number(ended) };
  }

  /**
   * Yields every entry, page by page, each id once. The live ones come first: a session that ends while
   * the walk runs moves to the set that is still to be walked.
   */
  async *walk(scope: "all" | "live"): AsyncIterable<readonly RedisEntry[]> {
    const seen = new Set<string>();
    for (const set of scope === "live" ? [this.#live] : [this.#live, this.#ended]) {
      let cursor = "0";
      do {
        const reply = await this.#commands.script("list sessions", SCAN, ["1", set, cursor]);
        const [now, next, flat] = reply as [unknown, unknown, unknown[]];
        const page: RedisEntry[] = [];
        for (let i = 0; i < flat.length; i += 2) {
          const id = String(flat[i]);
          // ZSCAN may return an entry twice when the set changes meanwhile.
          if (seen.has(id)) continue;
          seen.add(id);
          const leftMs = Number(flat[i + 1]) - Number(now);
          page.push({ id, leftMs, ended: set === this.#ended });
        }
        yield page;
        cursor = String(next);
      } while (cursor !== "0");
    }
  }

  /**
   * Compares an entry with its record, and repairs the entry.
   *
   * @param kept The state of the record; undefined if there is none.
   */
  async repair(entry: RedisEntry, kept?: { ended: boolean; ttlMs: number }): Promise<void> {
    const { id, leftMs: left } = entry;
    if (kept === undefined) {
      // No id is used twice, so a record that is gone stays gone. But a new one may not be stored yet.
      if (left <= 0 || left > TENTATIVE_MS) await this.forget(id);
    } else if (kept.ended !== entry.ended || left < Math.min(RENEW_BELOW_MS, kept.ttlMs / 2)) {
      await this.mark(id, kept.ended, kept.ttlMs);
    }
  }

  async #inBoth<T>(act: (set: string) => Promise<T>): Promise<T[]> {
    return await Promise.all([this.#live, this.#ended].map(act));
  }
}
