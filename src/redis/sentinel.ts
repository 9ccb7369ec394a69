/** Redis with Sentinel: whoever is master now is asked. @module */
import type { RedisUrl } from "../config/mod.ts";
import { CONNECTION, loadRedis, nodeOptions } from "./client.ts";
import type { Generation, MakeGeneration } from "./renewing_link.ts";

/**
 * Prepares clients of the master that Sentinels name. User and password are those of the master;
 * Sentinels are asked without. What a master had not yet copied when it was lost is lost with it:
 * `min-replicas-to-write` bounds that, and nothing a client does.
 */
export async function sentinelOf(url: RedisUrl): Promise<MakeGeneration> {
  const { createSentinel } = await loadRedis();
  return (suspect) => {
    let connected = false;
    let stale = false;
    const node = nodeOptions(url);
    const sentinel = createSentinel({
      name: url.master,
      commandOptions: CONNECTION.commandOptions,
      sentinelRootNodes: url.nodes.map(({ host, port }) => ({ host, port })),
      RESP: 2,
      // A command is never sent twice: nobody knows what became of the first one.
      maxCommandRediscovers: 0,
      // Without, commands that begin together wait for each other's end.
      reserveClient: true,
      sentinelClientOptions: { ...CONNECTION, socket: node.socket },
      nodeClientOptions: node,
    });
    sentinel.on("error", (error: unknown) => {
      // While connecting it is a Sentinel that does not answer, and another may. Later it may be
      // the connection that listens, which is not told apart.
      stale ||= connected;
      suspect(error);
    });
    sentinel.on("client-error", ({ error }: { error: unknown }) => suspect(error));
    const fit = () => !stale && sentinel.isReady && sentinel.getMasterNode() !== undefined;
    return {
      connect: async () => {
        await sentinel.connect();
        connected = true;
      },
      fit,
      sendCommand: async (args) => {
        // The package would look for a new master, and the command would wait for it.
        if (!fit()) throw new Error("There is no master");
        try {
          return await sentinel.sendCommand(false, args);
        } catch (error) {
          // It was master once.
          if (error instanceof Error && error.message.startsWith("READONLY")) stale = true;
          throw error;
        }
      },
      subscribe: (channel, listener) => sentinel.subscribe(channel, listener),
      unsubscribe: (channel, listener) => sentinel.unsubscribe(channel, listener as never),
      destroy: async () => {
        stale = true;
        await sentinel.destroy();
      },
    } satisfies Generation;
  };
}
