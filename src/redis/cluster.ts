/** Clients of a Redis Cluster, which send each command to the master of its key. @module */
import type { RedisUrl } from "../config/mod.ts";
import { CONNECTION, loadRedis, nodeOptions } from "./client.ts";
import type { MakeClient, ReplaceableClient } from "./renewing_link.ts";

/**
 * Returns a function that makes clients of a Cluster. They never ask replicas, whose answers may be out of
 * date. A message that is published at one node reaches the subscribers at every node.
 */
export async function clusterOf(url: RedisUrl): Promise<MakeClient> {
  const { createCluster } = await loadRedis();
  return (reportTrouble) => {
    const cluster = createCluster({
      rootNodes: url.nodes.map(({ host, port }) => ({ socket: { host, port } })),
      defaults: nodeOptions(url),
      commandOptions: CONNECTION.commandOptions,
      RESP: 2,
      // Connects to a node when one of its keys is asked for, so a node that is down delays no other.
      minimizeConnections: true,
    });
    let usable = true;
    const lost = (error: unknown) => {
      usable = false;
      reportTrouble(error);
    };
    cluster.on("node-error", lost);
    // One of the nodes in the URL does not answer. Another node may, so the client stays usable.
    cluster.on("error", reportTrouble);
    return {
      connect: () => cluster.connect(),
      usable: () => usable,
      sendCommand: (args) => cluster.sendCommand(keyOf(args), false, args),
      subscribe: (channel, listener) => cluster.subscribe(channel, listener),
      unsubscribe: (channel, listener) => cluster.unsubscribe(channel, listener as never),
      // deno-lint-ignore require-await -- as the contract asks
      destroy: async () => {
        usable = false;
        cluster.destroy();
      },
    } satisfies ReplaceableClient;
  };
}

/** The key of a command, by which the package finds the node. RedisClient tells where the key stands. */
function keyOf(args: readonly string[]): string | undefined {
  return /^EVAL/i.test(args[0] ?? "") ? args[3] : args[1];
}
