/**
 * Sessions in Redis: they outlive the process, and servers on any machine share them.
 *
 * A record is one JSON text under `<prefix>{session:<id>}`. Its kept replies are a list of their own under
 * `<prefix>{session:<id>}:ring` (see redis_ring.ts). The braces are a hash tag: they put both keys into
 * one slot of a Cluster, so that a script can write and read them together. Two sorted sets say which
 * sessions there are (see redis_index.ts). Redis itself forgets a record when its tombstone is over.
 *
 * @module
 */
import { FxferError } from "../errors.ts";
import { isAttached, type SessionRecord, TOMBSTONE_MS } from "../session/mod.ts";
import {
  type RedisClient,
  RedisCommands,
  redisScript,
  type RedisSubscriber,
} from "./redis_client.ts";
import { RedisIndex } from "./redis_index.ts";
import { StoredRings } from "./redis_ring.ts";
import type { SessionStore, StoreStats, TakeoverListener } from "./types.ts";

/** What {@linkcode RedisSessionStore} takes besides the client.
 * @category Store */
export interface RedisSessionStoreOptions {
  /**
   * What every key starts with; servers with the same prefix share their sessions.
   * @default {"fxfer:"}
   */
  readonly prefix?: string;
  /**
   * How long to wait for a reply, in milliseconds, 1 or more; then the call throws `store_unavailable`.
   * @default {2000}
   */
  readonly commandTimeoutMs?: number;
  /**
   * Listens to messages of takeovers by other servers. Without it a server learns of a takeover when it
   * saves.
   */
  readonly subscriber?: RedisSubscriber;
}

/**
 * Compares the version and stores. The version is the first field of the text, so the script reads only
 * its first bytes, however large the record is. The last ARGV[4] entries of the list are kept.
 */
const SAVE = redisScript(`
local head = redis.call('GETRANGE', KEYS[1], 0, 31)
local version = head == '' and '0' or string.match(head, '^{"version":(%d+)[,}]')
if not version then return redis.error_reply('FOREIGN value under a session key') end
if version ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
if ARGV[4] == '0' then redis.call('DEL', KEYS[2]) else redis.call('LTRIM', KEYS[2], -ARGV[4], -1) end
if #ARGV > 4 then redis.call('RPUSH', KEYS[2], unpack(ARGV, 5)) end
redis.call('PEXPIRE', KEYS[2], ARGV[3])
return 1
`);

/** Reads the record and its list in one step. */
const LOAD = redisScript(`
return {redis.call('GET', KEYS[1]), redis.call('LRANGE', KEYS[2], 0, -1)}
`);

/** The time, by the clock of the one server that has the key. */
const TIME = redisScript(`
return redis.call('TIME')
`);

/** Records read at once by `list()`. */
const PAGE = 32;

/**
 * Keeps session records in a Redis server, version 6 or newer.
 *
 * The caller makes a client ({@linkcode RedisClient}) and closes it after the store. Errors, and replies
 * that take longer than the timeout, are thrown as `store_unavailable` with their cause. Redis's own
 * settings decide how safe records are: without persistence Redis forgets its sessions when it restarts,
 * and an `ok` at level `durable` is true only with `appendfsync always`.
 *
 * @example
 * ```ts
 * import { RedisSessionStore } from "../../mod.ts";
 *
 * // A real one comes from, say, npm:redis: await createClient({ url }).connect()
 * const empty = (args: string[]) => Promise.resolve(args[0] === "EVALSHA" ? [null, []] : 0);
 * await using store = new RedisSessionStore({ sendCommand: empty }, { prefix: "files:" });
 * console.assert(await store.load("2f0e4f0b-5f0c-4a53-9d0b-0a9f5d5f8c11") === undefined);
 * ```
 * @category Store
 */
export class RedisSessionStore implements SessionStore {
  /** `redis`. */
  readonly kind = "redis";
  /** True: records outlive the process. */
  readonly persistent = true;
  /** Calls a listener when a server takes a session over; present with a subscriber. */
  readonly watch?: (listener: TakeoverListener) => AsyncDisposable;
  readonly #prefix: string;
  readonly #commands: RedisCommands;
  readonly #index: RedisIndex;
  readonly #rings = new StoredRings();
  #disposed = false;

  /**
   * Makes a store; nothing is sent yet.
   *
   * @param client Sends the commands; the caller closes it after the store.
   * @throws {RangeError} If `commandTimeoutMs` is below 1 or no integer.
   */
  constructor(client: RedisClient, options: RedisSessionStoreOptions = {}) {
    const { prefix = "fxfer:", commandTimeoutMs = 2000, subscriber } = options;
    if (!Number.isSafeInteger(commandTimeoutMs) || commandTimeoutMs < 1) {
      throw new RangeError("Cannot create store: commandTimeoutMs must be an integer of 1 or more");
    }
    this.#prefix = prefix;
    this.#commands = new RedisCommands(client, commandTimeoutMs);
    this.#index = new RedisIndex(this.#commands, prefix);
    if (subscriber !== undefined) this.watch = (listener) => this.#watch(subscriber, listener);
  }

  /** The record with this id, of a live session or a tombstone. */
  async load(id: string): Promise<SessionRecord | undefined> {
    this.#check();
    const record = parse(
      await this.#commands.script("load session", LOAD, ["2", ...this.#keys(id)]),
    );
    if (record !== undefined) this.#rings.note(record);
    return record;
  }

  /** Compares the version and stores in one script, which Redis runs as one step. */
  async save(record: SessionRecord): Promise<boolean> {
    this.#check();
    const { version, ring: _, ...rest } = record;
    const { id } = rest;
    const ttl = ttlOf(record);
    if (version === 1) await this.#index.addTentative(id);
    const { kept, added } = this.#rings.change(record);
    const saved = await this.#commands.script("save session", SAVE, [
      "2",
      ...this.#keys(id),
      String(version - 1),
      JSON.stringify({ version, ...rest }),
      String(ttl),
      String(kept),
      ...added.map((entry) => JSON.stringify(entry)),
    ]);
    if (Number(saved) !== 1) return false;
    this.#rings.note(record);
    // The record is stored, so the save has succeeded; list() repairs an entry that fails now.
    const ended = record.endedAt !== null;
    if (ended || version === 1) await this.#index.mark(id, ended, ttl).catch(() => {});
    return true;
  }

  /** Removes a record. */
  async delete(id: string): Promise<void> {
    this.#check();
    await this.#commands.send("delete session", ["DEL", ...this.#keys(id)]);
    await this.#index.forget(id);
  }

  /** Yields every record, live ones first; one that is added meanwhile may show or not. */
  async *list(): AsyncIterable<SessionRecord> {
    this.#check();
    for await (const entries of this.#index.walk()) {
      for (let at = 0; at < entries.length; at += PAGE) {
        const page = entries.slice(at, at + PAGE);
        const records = await Promise.all(page.map(({ id }) => this.load(id)));
        for (const [i, entry] of page.entries()) {
          const record = records[i];
          await this.#index.repair(
            entry,
            record && { ended: record.endedAt !== null, ttlMs: ttlOf(record) },
          );
          if (record !== undefined) yield record;
        }
      }
    }
  }

  /**
   * Counts the saved records: an expired session counts as live until it is saved as expired. A record that
   * another server saves at this moment may be counted a moment later.
   */
  async stats(): Promise<StoreStats> {
    this.#check();
    return await this.#index.count();
  }

  /** Tells the servers that watch the store that a session has a new holder. */
  async announce(id: string, epoch: number): Promise<void> {
    this.#check();
    await this.#commands.send("announce takeover", ["PUBLISH", this.#channel, `${epoch} ${id}`]);
  }

  /** Ends the store. The client stays open: its maker closes it. */
  // deno-lint-ignore require-await -- the contract is asynchronous
  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed = true;
  }

  #watch(subscriber: RedisSubscriber, listener: TakeoverListener): AsyncDisposable {
    this.#check();
    const hear = (message: string) => {
      const [, epoch, id] = /^(\d{1,15}) (.+)$/.exec(message) ?? [];
      if (id !== undefined) listener(id, Number(epoch));
    };
    const channel = this.#channel;
    const begun = subscriber.subscribe(channel, hear).then(() => true, () => false);
    return {
      async [Symbol.asyncDispose]() {
        if (await begun) await subscriber.unsubscribe(channel, hear).catch(() => {});
      },
    };
  }

  /** The time of the Redis server; in a Cluster that of one node, the same for all who share the prefix. */
  async now(): Promise<number> {
    this.#check();
    const [seconds, micros] = await this.#commands.script("read clock", TIME, [
      "1",
      `${this.#prefix}{clock}`,
    ]) as string[];
    return Number(seconds) * 1000 + Number(micros) / 1000;
  }

  get #channel(): string {
    return `${this.#prefix}takeover`;
  }

  #keys(id: string): [record: string, ring: string] {
    const key = `${this.#prefix}{session:${id}}`;
    return [key, `${key}:ring`];
  }

  #check(): void {
    if (this.#disposed) throw new TypeError("Cannot use session store: it is closed");
  }
}

/**
 * How long Redis keeps a record that is not saved again: until the end of its tombstone, in milliseconds.
 * It is counted from the last change of the record, by the times in the record, so that no other clock
 * matters.
 */
function ttlOf(record: SessionRecord): number {
  const { lastActivityAt, detachedAt, leaseUntil, expiryMs, endedAt } = record;
  const alone = isAttached(record.state) ? leaseUntil : detachedAt ?? lastActivityAt;
  const end = endedAt ?? alone + expiryMs;
  return Math.max(1, Math.ceil(end - lastActivityAt)) + Math.max(expiryMs, TOMBSTONE_MS);
}

/** The record of a reply to LOAD. Its fields need no check: only fxfer writes to these keys. */
function parse(reply: unknown): SessionRecord | undefined {
  const [json, replies] = reply as [string | null | undefined, string[]];
  if (json === null || json === undefined) return undefined;
  try {
    const ring = replies.map((entry) => JSON.parse(entry));
    return { ...JSON.parse(json), ring };
  } catch (cause) {
    throw new FxferError("store_unavailable", "Cannot load session: its record is damaged", {
      cause,
    });
  }
}
