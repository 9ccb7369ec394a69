/** Checks the session store. @module */
import { formatEndpoint } from "../../address.ts";
import { type Config, parseRedisUrl, type RedisAddress } from "../../config/mod.ts";
import { reasonOf } from "../../errors.ts";
import { reachable, readable } from "../local.ts";
import { type Finding, note, ok, problem } from "./finding.ts";

/** How long a Redis may take to connect and answer. */
const TIMEOUT_MS = 2000;

/** Whether the store of this configuration can be used. */
export async function checkStore({ server, stateful, storage }: Config): Promise<Finding[]> {
  if (server.mode === "stateless") return [ok("none: server.mode is stateless")];
  switch (stateful.persistence) {
    case "memory":
      return [note("in memory: they are forgotten when the server stops")];
    case "sqlite":
      if (await readable(storage.path)) return [ok(`in ${storage.path}/${stateful.sqlite_file}`)];
      return [problem(
        `sqlite needs to read ${storage.path}`,
        `add --allow-read=${storage.path}, or persistence memory or redis`,
      )];
    case "redis": {
      // The URL was checked together with the rest of the configuration.
      const { nodes, tls } = parseRedisUrl(stateful.redis_url)!;
      const found: Finding[] = [];
      for (const node of nodes) found.push(await checkNode(node, tls));
      return found;
    }
  }
}

/** Sends PING to a server, Cluster node or Sentinel; without the password, which none needs to answer. */
async function checkNode({ host: hostname, port }: RedisAddress, tls: boolean): Promise<Finding> {
  const where = `redis at ${formatEndpoint({ hostname, port })}`;
  if (!await reachable(hostname, port)) {
    return problem(`${where}: connecting is not permitted`, "add --allow-net");
  }
  const timeout = AbortSignal.timeout(TIMEOUT_MS);
  try {
    using conn = await Deno.connect({ hostname, port, signal: timeout });
    // A server that expects TLS would take a plain PING for a broken handshake.
    if (tls) return ok(`${where} accepts connections`);
    timeout.addEventListener("abort", () => conn.close());
    await conn.write(new TextEncoder().encode("PING\r\n"));
    const buffer = new Uint8Array(64);
    const count = await conn.read(buffer) ?? 0;
    const answer = new TextDecoder().decode(buffer.subarray(0, count));
    return /^(\+PONG|-NOAUTH)/.test(answer)
      ? ok(`${where} answers`)
      : problem(`${where} is no Redis server`);
  } catch (error) {
    return problem(
      `${where} cannot be reached: ${timeout.aborted ? "no answer" : reasonOf(error)}`,
      "until it is there, only stateless requests and clients with a fallback are served",
    );
  }
}
