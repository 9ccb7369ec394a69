/** The ledger that fits the session store: what counts for the users. No other file picks one. @module */
import { MemoryLedger, type UserLedger } from "../keys/mod.ts";
import type { RedisClient } from "../store/mod.ts";
import type { SettledConfig } from "./persistence.ts";

/**
 * Opens the ledger that fits the session store. Servers that share the store share the ledger.
 *
 * @param redis The client of the session store, where it has one.
 * @param inMemory Given where others count in memory together with this server.
 */
export async function openLedger(
  { stateful, storage }: SettledConfig,
  redis: RedisClient | undefined,
  inMemory?: UserLedger,
): Promise<UserLedger> {
  if (redis !== undefined) {
    const { RedisLedger } = await import("../keys/redis_ledger.ts");
    const ledger = new RedisLedger(redis);
    // One that is away now begins with the first connect.
    await ledger.begin(Date.now()).catch(() => {});
    return ledger;
  }
  if (stateful.persistence !== "sqlite") return inMemory ?? new MemoryLedger();
  const { SqliteLedger } = await import("../keys/sqlite_ledger.ts");
  return await SqliteLedger.open(`${storage.path}/${LEDGER_FILE}`);
}

/** Whether the servers of this configuration have a ledger that others may open; it is not made for this. */
export async function hasSharedLedger({ stateful, storage }: SettledConfig): Promise<boolean> {
  if (stateful.persistence !== "sqlite") return stateful.persistence === "redis";
  return await Deno.stat(`${storage.path}/${LEDGER_FILE}`).then(() => true, () => false);
}

/** The ledger of servers that share a SQLite file, in the storage folder. */
const LEDGER_FILE = "users.db";
