/**
 * Sessions in Redis: they outlive the process, and servers on any machine share them.
 *
 * A record is one JSON text under `<prefix>{session:<id>}`. Its kept replies are a list of their own under
 * `<prefix>{session:<id>}:ring` (see stored_rings.ts). The braces are a hash tag: they put both keys into
 * one slot of a Cluster, so that a script can write and read them together. Two sorted sets say which
 * sessions there are (see redis_index.ts). Redis itself forgets a record when its tombstone is over.
 *
 * @module
 */
import { type Logger, silentLogger } from "../log.ts";
import {
  expiryOf,
  isAttached,
  type RingEntry,
  type SessionRecord,
  TOMBSTONE_MS,
} from "../session/mod.ts";
import { DamagedRecord, DamageReport, parseRecord } from "./damaged.ts";
import { type RedisClient, RedisCommands, type RedisSubscriber } from "./redis_client.ts";
import { RedisIndex } from "./redis_index.ts";
import { StoredRings } from "./stored_rings.ts";
import { LOAD, PROBE, SAVE, SET_ASIDE, TIME } from "./redis_scripts.ts";
import { RedisTakeovers } from "./redis_takeovers.ts";
import type { SessionStore, StoreStats, TakeoverListener, TakeoverWatch } from "./types.ts";

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
  /**
   * Where damaged records are told of, and that this user of Redis may not send messages.
   * @default nowhere
   */
  readonly log?: Logger;
}

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
  /** True: Redis does. */
  readonly forgetsEnded = true;
  /** Calls a listener when a server takes a session over; present with a subscriber. */
  readonly watch?: (listener: TakeoverListener) => TakeoverWatch;
  readonly #prefix: string;
  readonly #commands: RedisCommands;
  readonly #index: RedisIndex;
  readonly #rings = new StoredRings();
  readonly #takeovers: RedisTakeovers;
  readonly #damage: DamageReport;
  #disposed = false;

  /**
   * Makes a store; nothing is sent yet.
   *
   * @param client Sends the commands; the caller closes it after the store.
   * @throws {RangeError} If `commandTimeoutMs` is below 1 or no integer.
   */
  constructor(client: RedisClient, options: RedisSessionStoreOptions = {}) {
    const { prefix = "fxfer:", commandTimeoutMs = 2000, subscriber, log = silentLogger } = options;
    if (!Number.isSafeInteger(commandTimeoutMs) || commandTimeoutMs < 1) {
      throw new RangeError("Cannot create store: commandTimeoutMs must be an integer of 1 or more");
    }
    this.#prefix = prefix;
    this.#commands = new RedisCommands(client, commandTimeoutMs);
    this.#index = new RedisIndex(this.#commands, prefix);
    this.#takeovers = new RedisTakeovers(this.#commands, prefix, log);
    this.#damage = new DamageReport(log);
    if (subscriber === undefined) return;
    this.watch = (listener) => {
      this.#requireOpen();
      return this.#takeovers.watch(subscriber, listener);
    };
  }

  /** The record with this id, of a live session or a tombstone. */
  async load(id: string): Promise<SessionRecord | undefined> {
    const reply = await this.#read(id);
    const record = reply && recordOf(id, reply);
    if (record !== undefined) this.#rings.note(record);
    return record;
  }

  /**
   * Compares the version and stores in one script, which Redis runs as one step. A new record is counted in
   * a step before, in which it must find room: the sets of ids are in another slot of a Cluster.
   */
  async save(record: SessionRecord, maxLive?: number): Promise<boolean> {
    this.#requireOpen();
    const { version, ring: _, ...rest } = record;
    const { id } = rest;
    const ttl = ttlOf(record);
    if (version === 1 && !(await this.#index.admit(id, maxLive))) return false;
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
    this.#requireOpen();
    await this.#commands.send("delete session", ["DEL", ...this.#keys(id)]);
    await this.#index.forget(id);
  }

  /** Yields every record, live ones first; one that is added meanwhile may show or not. */
  async *list(scope: "all" | "live" = "all"): AsyncIterable<SessionRecord> {
    this.#requireOpen();
    for await (const entries of this.#index.walk(scope)) {
      for (let at = 0; at < entries.length; at += PAGE) {
        const page = entries.slice(at, at + PAGE);
        const records = await Promise.all(page.map(({ id }) => this.#loadOrSetAside(id)));
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
    this.#requireOpen();
    return await this.#index.count();
  }

  /** Writes as a save does. In a Cluster that proves it of one node only. */
  async check(): Promise<void> {
    this.#requireOpen();
    await this.#commands.script("check store", PROBE, ["1", `${this.#keys("check")[0]}`]);
  }

  /** Tells the servers that watch the store that a session has a new holder. */
  async announce(id: string, epoch: number): Promise<void> {
    this.#requireOpen();
    await this.#takeovers.announce(id, epoch);
  }

  /** Ends the store. The client stays open: its maker closes it. */
  // deno-lint-ignore require-await -- the contract is asynchronous
  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed = true;
    this.#commands.close();
  }

  async #read(id: string): Promise<Reply | undefined> {
    this.#requireOpen();
    const reply = await this.#commands.script("load session", LOAD, ["2", ...this.#keys(id)]);
    const [json, ring] = reply as [string | null | undefined, string[]];
    return json === null || json === undefined ? undefined : { json, ring };
  }

  /** The time of the Redis server; in a Cluster that of one node, the same for all who share the prefix. */
  async now(): Promise<number> {
    this.#requireOpen();
    const [seconds, micros] = await this.#commands.script("read clock", TIME, [
      "1",
      `${this.#prefix}{clock}`,
    ]) as string[];
    return Number(seconds) * 1000 + Number(micros) / 1000;
  }

  async #loadOrSetAside(id: string): Promise<SessionRecord | undefined> {
    const reply = await this.#read(id);
    try {
      const record = reply && recordOf(id, reply);
      if (record !== undefined) this.#rings.note(record);
      return record;
    } catch (error) {
      const keys = this.#keys(id);
      const place = `${keys[0]}:damaged`;
      const version = /^{"version":(\d+)[,}]/.exec(reply!.json)?.[1] ?? "";
      const args = ["4", ...keys, place, `${place}:ring`, version];
      const moved = await this.#commands.script("set record aside", SET_ASIDE, args);
      if (Number(moved) !== 1) return undefined;
      await this.#index.forget(id);
      this.#damage.tell(id, place, error);
    }
  }

  #keys(id: string): [record: string, ring: string] {
    const key = `${this.#prefix}{session:${id}}`;
    return [key, `${key}:ring`];
  }

  #requireOpen(): void {
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
  const end = endedAt ?? alone + expiryOf(record);
  return Math.max(1, Math.ceil(end - lastActivityAt)) + Math.max(expiryMs, TOMBSTONE_MS);
}

/** What LOAD found of a session. */
interface Reply {
  readonly json: string;
  readonly ring: readonly string[];
}

function recordOf(id: string, { json, ring }: Reply): SessionRecord {
  let replies: RingEntry[];
  try {
    replies = ring.map((entry) => JSON.parse(entry));
  } catch {
    throw new DamagedRecord("one of its replies is no JSON");
  }
  const record = parseRecord(json, { id, ring: replies });
  if (!json.startsWith(`{"version":${record.version},`)) {
    throw new DamagedRecord("its version is not its first field");
  }
  return record;
}
