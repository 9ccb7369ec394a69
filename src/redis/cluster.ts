/** Redis Cluster: each key's master is asked. @module */
import type { RedisUrl } from "../config/mod.ts";
import { CONNECTION, loadRedis, nodeOptions } from "./client.ts";
import type { Generation, MakeGeneration } from "./renewing_link.ts";

/**
 * Prepares clients of a Cluster. Replicas are never asked: what they say may be out of date. A
 * channel of PUBLISH is heard at every node, whichever it is sent to.
 */
export async function clusterOf(url: RedisUrl): Promise<MakeGeneration> {
  const { createCluster } = await loadRedis();
  return (suspect) => {
    const cluster = createCluster({
      rootNodes: url.nodes.map(({ host, port }) => ({ socket: { host, port } })),
      defaults: nodeOptions(url),
      commandOptions: CONNECTION.commandOptions,
      RESP: 2,
      // Nodes are connected when a key of theirs is asked for: one that is down keeps no other back.
      minimizeConnections: true,
    });
    let fit = true;
    const lost = (error: unknown) => {
      fit = false;
      suspect(error);
    };
    cluster.on("node-error", lost);
    // A root that does not answer; another may.
    cluster.on("error", suspect);
    return {
      connect: () => cluster.connect(),
      fit: () => fit,
      sendCommand: async (args) => {
        return await cluster.sendCommand(keyOf(args), false, args);
      },
      subscribe: (channel, listener) => cluster.subscribe(channel, listener),
      unsubscribe: (channel, listener) => cluster.unsubscribe(channel, listener as never),
      // deno-lint-ignore require-await -- as the contract asks
      destroy: async () => {
        fit = false;
        cluster.destroy();
      },
    } satisfies Generation;
  };
}

/** The key by which a command finds its node; see the contract of RedisClient. */
function keyOf(args: readonly string[]): string | undefined {
  return /^EVAL/i.test(args[0] ?? "") ? args[3] : args[1];
}
