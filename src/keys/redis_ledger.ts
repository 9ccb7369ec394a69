/**
 * The ledger of servers on many machines, in Redis.
 *
 * A nonce is a key of its own that Redis forgets at its end. What a user has stored is a hash from path to
 * bytes, with a hash of reservations and one of sums beside it; their keys have one hash tag, so that a
 * script may change them together in a Cluster. Redis must not evict keys (`maxmemory-policy noeviction`,
 * its default), or it would forget early. One that was started anew without its data is found out: two keys
 * are missing then, of which one says when the register of nonces began, and the other that all files of a user
 * are counted.
 *
 * @module
 */
import { FxferError } from "../errors.ts";
import { LATE, within } from "../within.ts";
import { CLOCK_TOLERANCE_MS } from "./keyring.ts";
import {
  mayBeForgotten,
  registerFull,
  RESERVED_MS,
  type Usage,
  type UserLedger,
} from "./ledger.ts";
import type { UserLimits } from "./rights.ts";

/** Sends commands to Redis, as the client of the session store does.
 * @category Keys */
export interface CommandSender {
  /** Sends one command with its arguments; in a Cluster by its first key. Returns Redis's reply. */
  sendCommand(args: string[]): Promise<unknown>;
}

/** Reservations that are over are dropped first; KEYS are files, claims, sums. */
const RESERVE = `
local bytes = tonumber(redis.call('HGET', KEYS[3], 'bytes') or '0')
local files = tonumber(redis.call('HGET', KEYS[3], 'files') or '0')
local claims = redis.call('HGETALL', KEYS[2])
for i = 1, #claims, 2 do
  local size, till = string.match(claims[i + 1], '^(%d+) (%d+)$')
  if tonumber(till) <= tonumber(ARGV[2]) then redis.call('HDEL', KEYS[2], claims[i])
  elseif claims[i] ~= ARGV[1] then
    bytes = bytes + tonumber(size)
    files = files + 1
  end
end
if ARGV[1] == '' then return {bytes, files} end
if ARGV[7] == '1' and redis.call('HEXISTS', KEYS[3], 'counted') == 0 then return -1 end
if bytes + tonumber(ARGV[3]) > tonumber(ARGV[4]) or files + 1 > tonumber(ARGV[5]) then return 0 end
redis.call('HSET', KEYS[2], ARGV[1], ARGV[3] .. ' ' .. ARGV[6])
return 1
`;

const CHARGE = `
if redis.call('HSETNX', KEYS[1], ARGV[1], ARGV[2]) == 1 then
  redis.call('HINCRBY', KEYS[3], 'bytes', ARGV[2])
  redis.call('HINCRBY', KEYS[3], 'files', 1)
end
redis.call('HDEL', KEYS[2], ARGV[3])
return 1
`;

const GIVE_BACK = `
local bytes = redis.call('HGET', KEYS[1], ARGV[1])
if bytes then
  redis.call('HDEL', KEYS[1], ARGV[1])
  redis.call('HINCRBY', KEYS[3], 'bytes', '-' .. bytes)
  redis.call('HINCRBY', KEYS[3], 'files', -1)
end
return 1
`;

/** A limit that is none. */
const NO_LIMIT = String(2 ** 53);

/** Keeps nonces and stored files in a Redis server, version 6 or newer.
 * @category Keys */
export class RedisLedger implements UserLedger {
  /** Redis may have lost its data, if it was started anew without a copy. */
  lost?: (user: string) => void;
  /** Redis outlives the process; when its register began stands in it. */
  readonly since: number = -Infinity;
  readonly #client: CommandSender;
  readonly #prefix: string;
  readonly #timeoutMs: number;

  /**
   * Counts in this Redis.
   *
   * @param prefix What every key starts with, as that of the session store.
   * @param timeoutMs How long to wait for a reply, in milliseconds; then it is `store_unavailable`.
   */
  constructor(client: CommandSender, prefix = "fxfer:", timeoutMs = 2000) {
    this.#client = client;
    this.#prefix = prefix;
    this.#timeoutMs = timeoutMs;
  }

  async takeNonce(user: string, nonce: string, until: number, now: number): Promise<boolean> {
    const key = `${this.#prefix}nonce:${user}:${nonce}`;
    const ms = String(Math.max(1, Math.ceil(until - now)));
    const taking = this.#send(["SET", key, "", "NX", "PX", ms]).catch((error) => {
      const { cause } = error as FxferError;
      if (cause instanceof Error && cause.message.startsWith("OOM")) throw registerFull(cause);
      throw error;
    });
    const [taken, begun] = await Promise.all([taking, this.begin(now)]);
    // A connect that is older than the register may have been seen by the one that Redis has lost.
    const time = until - CLOCK_TOLERANCE_MS;
    if (taken !== null && time < begun) throw mayBeForgotten(begun - time);
    return taken !== null;
  }

  /**
   * Begins the register of nonces, unless Redis has one.
   *
   * @returns When it was begun, in milliseconds since the epoch by the clock of whoever did.
   */
  async begin(now: number): Promise<number> {
    const key = `${this.#prefix}nonces`;
    const begun = await this.#send(["GET", key]) ??
      (await this.#send(["SET", key, String(now), "NX"]), await this.#send(["GET", key]));
    return Number(begun ?? now);
  }

  async reserve(
    user: string,
    claim: string,
    bytes: number,
    limits: UserLimits,
    now: number,
  ): Promise<boolean> {
    const reply = await this.#script(user, RESERVE, [
      claim,
      String(now),
      String(bytes),
      String(limits.bytes ?? NO_LIMIT),
      String(limits.files ?? NO_LIMIT),
      String(now + RESERVED_MS),
      this.lost === undefined ? "" : "1",
    ]);
    if (reply !== -1) return reply === 1;
    this.lost?.(user);
    throw new FxferError("busy", "Cannot count for user: what Redis has lost is counted anew", {
      fields: { retry_after_ms: 1000 },
    });
  }

  async counted(user: string): Promise<void> {
    await this.#send(["HSET", this.#keysOf(user)[2]!, "counted", "1"]);
  }

  async charge(user: string, path: string, bytes: number, claim = ""): Promise<void> {
    await this.#script(user, CHARGE, [path, String(bytes), claim]);
  }

  async release(user: string, claim: string): Promise<void> {
    await this.#send(["HDEL", this.#keysOf(user)[1]!, claim]);
  }

  async giveBack(user: string, path: string): Promise<void> {
    await this.#script(user, GIVE_BACK, [path]);
  }

  async usage(user: string, now: number): Promise<Usage> {
    const reply = await this.#script(user, RESERVE, ["", String(now)]);
    const [bytes = 0, files = 0] = reply as number[];
    return { bytes, files };
  }

  #keysOf(user: string): string[] {
    return ["files", "claims", "sums"].map((part) => `${this.#prefix}{user:${user}}:${part}`);
  }

  #script(user: string, text: string, args: string[]): Promise<unknown> {
    return this.#send(["EVAL", text, "3", ...this.#keysOf(user), ...args]);
  }

  async #send(args: string[]): Promise<unknown> {
    try {
      const reply = await within(this.#timeoutMs, this.#client.sendCommand(args));
      if (reply === LATE) throw new Error(`No reply within ${this.#timeoutMs} ms`);
      return reply;
    } catch (cause) {
      throw new FxferError("store_unavailable", "Cannot count for user: Redis failed", { cause });
    }
  }

  /** Does nothing: the client is the caller's. */
  async [Symbol.asyncDispose](): Promise<void> {}
}
