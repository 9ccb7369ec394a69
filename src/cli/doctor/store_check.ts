/** Checks the session store. @module */
import { formatEndpoint } from "../../address.ts";
import { type Config, parseRedisUrl, type RedisAddress } from "../../config/mod.ts";
import { reasonOf } from "../../errors.ts";
import { reachable, readable } from "../local.ts";
import { type Finding, Findings } from "./finding.ts";

/** How long a Redis may take to connect and answer. */
const TIMEOUT_MS = 2000;

/** Whether the store of this configuration can be used. */
export async function checkStore({ server, stateful, storage }: Config): Promise<Finding[]> {
  const found = new Findings("sessions");
  if (server.mode === "stateless") return found.ok("none: server.mode is stateless").list;
  switch (stateful.persistence) {
    case "memory":
      return found.note("in memory: they are forgotten when the server stops").list;
    case "sqlite":
      if (await readable(storage.path)) {
        return found.ok(`in ${storage.path}/${stateful.sqlite_file}`).list;
      }
      return found.problem(
        `sqlite needs to read ${storage.path}`,
        `add --allow-read=${storage.path}, or persistence memory or redis`,
      ).list;
    case "redis":
      return await checkRedis(stateful.redis_url, found);
  }
}

/** Checks each server, Cluster node or Sentinel that the URL names. */
async function checkRedis(redisUrl: string, found: Findings): Promise<Finding[]> {
  const url = parseRedisUrl(redisUrl);
  if (url === undefined) return found.problem("stateful.redis_url is no Redis URL").list;
  for (const node of url.nodes) await checkNode(node, url.tls, found);
  return found.list;
}

/** Sends PING without a password: a Redis answers, if only that it wants one. */
async function checkNode(
  { host: hostname, port }: RedisAddress,
  tls: boolean,
  found: Findings,
): Promise<Finding[]> {
  const where = `redis at ${formatEndpoint({ hostname, port })}`;
  if (!await reachable(hostname, port)) {
    return found.problem(`${where}: connecting is not permitted`, "add --allow-net").list;
  }
  const timeout = AbortSignal.timeout(TIMEOUT_MS);
  try {
    using conn = await Deno.connect({ hostname, port, signal: timeout });
    // A server that expects TLS would take a plain PING for a broken handshake.
    if (tls) return found.ok(`${where} accepts connections`).list;
    timeout.addEventListener("abort", () => conn.close());
    await conn.write(new TextEncoder().encode("PING\r\n"));
    const buffer = new Uint8Array(64);
    const count = await conn.read(buffer) ?? 0;
    const answer = new TextDecoder().decode(buffer.subarray(0, count));
    if (/^(\+PONG|-NOAUTH)/.test(answer)) return found.ok(`${where} answers`).list;
    return found.problem(`${where} is no Redis server`).list;
  } catch (error) {
    const reason = timeout.aborted ? "no answer" : reasonOf(error);
    return found.problem(
      `${where} cannot be reached: ${reason}`,
      "until it is there, only stateless requests and clients with a fallback are served",
    ).list;
  }
}
