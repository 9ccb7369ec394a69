/** Whether the Redis of a configuration keeps what it was told to keep. @module */
import { reasonOf } from "../../errors.ts";
import { silentLogger } from "../../log.ts";
import { connectRedis } from "../../redis/mod.ts";
import { type Finding, note, ok } from "./finding.ts";

/**
 * Asks for `maxmemory-policy`. Any but `noeviction` lets a Redis that is full forget sessions, and nonces before
 * their time is over (S-KEY-3). INFO says it too, where CONFIG is forbidden.
 *
 * @param url With user and password, if there are any.
 */
export async function checkEviction(url: string): Promise<Finding> {
  let info: unknown;
  try {
    await using link = await connectRedis(url, silentLogger);
    info = await link.client.sendCommand(["INFO", "memory"]);
  } catch (error) {
    return unknownPolicy(reasonOf(error));
  }
  const policy = /^maxmemory_policy:(\S+)/m.exec(String(info))?.[1];
  if (policy === undefined) return unknownPolicy("it does not say");
  if (policy === "noeviction") return ok("redis forgets nothing when it is full (noeviction)");
  return note(
    `redis may forget sessions and connects it has seen when it is full (maxmemory-policy ${policy})`,
    "CONFIG SET maxmemory-policy noeviction, and in redis.conf",
  );
}

const unknownPolicy = (reason: string): Finding =>
  note(`whether redis forgets something when it is full is unknown: ${reason}`, "see INFO memory");
