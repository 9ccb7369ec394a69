/** Clients of a Redis with Sentinels, which send commands to the server that is master now. @module */
import type { RedisUrl } from "../config/mod.ts";
import { CONNECTION, loadRedis, nodeOptions } from "./client.ts";
import type { MakeClient, ReplaceableClient } from "./renewing_link.ts";

/**
 * Returns a function that makes clients of the master that Sentinels name. User and password of the URL
 * are for the master; Sentinels are asked without them. When a master is lost, saves that it had not
 * copied to a replica are lost with it. Redis's setting `min-replicas-to-write` limits how many; a client
 * cannot.
 */
export async function sentinelOf(url: RedisUrl): Promise<MakeClient> {
  const { createSentinel } = await loadRedis();
  return (reportTrouble) => {
    let connected = false;
    let stale = false;
    const node = nodeOptions(url);
    const sentinel = createSentinel({
      name: url.master,
      commandOptions: CONNECTION.commandOptions,
      sentinelRootNodes: url.nodes.map(({ host, port }) => ({ host, port })),
      RESP: 2,
      // A command is never sent again: the first one may have been carried out.
      maxCommandRediscovers: 0,
      // Without this, commands that are sent together would wait for each other's replies.
      reserveClient: true,
      sentinelClientOptions: { ...CONNECTION, socket: node.socket },
      nodeClientOptions: node,
    });
    sentinel.on("error", (error: unknown) => {
      // An error during connect means that one Sentinel does not answer; another Sentinel may. A later
      // error may come from the connection that listens for messages. The package does not tell which
      // connection it was, so the client is replaced.
      stale ||= connected;
      reportTrouble(error);
    });
    sentinel.on("client-error", ({ error }: { error: unknown }) => reportTrouble(error));
    const usable = () => !stale && sentinel.isReady && sentinel.getMasterNode() !== undefined;
    return {
      connect: async () => {
        await sentinel.connect();
        connected = true;
      },
      usable,
      sendCommand: async (args) => {
        // Without this check the command would wait until the package has found a new master.
        if (!usable()) throw new Error("There is no master");
        return await sentinel.sendCommand(false, args);
      },
      subscribe: (channel, listener) => sentinel.subscribe(channel, listener),
      unsubscribe: (channel, listener) => sentinel.unsubscribe(channel, listener as never),
      destroy: async () => {
        stale = true;
        await sentinel.destroy();
      },
    } satisfies ReplaceableClient;
  };
}
