/** Connects to Redis as the URL says: one server, a Cluster, or Sentinels. @module */
import { parseRedisUrl } from "../config/mod.ts";
import { FxferError } from "../errors.ts";
import type { Logger } from "../log.ts";
import type { RedisSubscriber } from "../store/mod.ts";
import { within } from "../within.ts";
import {
  CONNECTION,
  DEAD_MS,
  loadRedis,
  reasonOf,
  type RedisLink,
  retryDelay,
  START_MS,
} from "./client.ts";
import { clusterOf } from "./cluster.ts";
import { RenewingLink } from "./renewing_link.ts";
import { sentinelOf } from "./sentinel.ts";

/** The client type of `npm:redis`. */
type Client = ReturnType<Awaited<ReturnType<typeof loadRedis>>["createClient"]>;

/**
 * Connects to Redis. If that takes longer than 2 s, the link is returned nevertheless: it goes on trying
 * until it is disposed of, and every command fails at once until it has a connection.
 *
 * @param url As `parseRedisUrl` reads it, with user and password if there are any. It is never logged.
 * @throws {FxferError} `config_invalid` if the URL cannot be used.
 */
export async function connectRedis(url: string, log: Logger): Promise<RedisLink> {
  const parts = parseRedisUrl(url);
  if (parts === undefined) throw unusable();
  if (parts.kind === "server") return await connectServer(url, log);
  const make = await (parts.kind === "cluster" ? clusterOf(parts) : sentinelOf(parts));
  return await RenewingLink.start(make, log.child({ connection: parts.kind }));
}

function unusable(): FxferError {
  return new FxferError("config_invalid", "Cannot use stateful.redis_url: it is no Redis URL");
}

async function connectServer(url: string, log: Logger): Promise<RedisLink> {
  const { createClient } = await loadRedis();
  const make = (name: string): Client => {
    try {
      const client = createClient({
        url,
        // The older form of replies, which every Redis server speaks.
        RESP: 2,
        ...CONNECTION,
        socket: { connectTimeout: START_MS, reconnectStrategy: retryDelay },
      }) as Client;
      logOutages(client, log.child({ connection: name }));
      return client;
    } catch {
      // The error is not kept as the cause: its text may repeat the URL, and with it the password.
      throw unusable();
    }
  };
  const commands = make("commands");
  const listening = make("takeovers");
  // The package itself goes on trying if this takes longer than a start may take.
  const connected = [commands, listening].map((client) => client.connect().catch(() => {}));
  await within(START_MS, Promise.all(connected));
  return {
    client: { sendCommand: (args) => sendOrReconnect(commands, args) },
    subscriber: new Subscriber(listening),
    // deno-lint-ignore require-await -- as the contract asks
    async [Symbol.asyncDispose]() {
      commands.destroy();
      listening.destroy();
    },
  };
}

/**
 * Logs when the connection is lost and when it is back. An outage causes an error at each try to
 * reconnect; one line is logged for each reason. Without a listener such an error would end the process.
 */
function logOutages(client: Client, log: Logger): void {
  let lost: string | undefined;
  client.on("error", (error: unknown) => {
    const reason = reasonOf(error);
    if (reason !== lost) log.warn("redis.lost", { reason });
    lost = reason;
  });
  client.on("ready", () => {
    log.info("redis.ready");
    lost = undefined;
  });
}

/**
 * Sends a command. If no reply has come after {@linkcode DEAD_MS}, makes a new connection: when a machine
 * vanishes without closing its connections, TCP notices that a quarter of an hour later.
 */
async function sendOrReconnect(client: Client, args: string[]): Promise<unknown> {
  const timer = setTimeout(() => {
    client.destroy();
    client.connect().catch(() => {});
  }, DEAD_MS);
  try {
    return await client.sendCommand(args);
  } finally {
    clearTimeout(timer);
  }
}

/** Subscribes at once where there is a connection, and otherwise as soon as there is one. */
class Subscriber implements RedisSubscriber {
  readonly #client: Client;
  readonly #waiting = new Map<(message: string) => void, () => void>();

  constructor(client: Client) {
    this.#client = client;
  }

  async subscribe(channel: string, listener: (message: string) => void): Promise<void> {
    if (this.#client.isReady) return await this.#client.subscribe(channel, listener);
    const later = () => {
      this.#waiting.delete(listener);
      this.#client.subscribe(channel, listener).catch(() => this.#wait(listener, later));
    };
    this.#wait(listener, later);
  }

  #wait(listener: (message: string) => void, later: () => void): void {
    this.#waiting.set(listener, later);
    this.#client.once("ready", later);
  }

  async unsubscribe(channel: string, listener: (message: string) => void): Promise<void> {
    const later = this.#waiting.get(listener);
    this.#waiting.delete(listener);
    if (later !== undefined) this.#client.off("ready", later);
    else if (this.#client.isReady) await this.#client.unsubscribe(channel, listener);
  }
}
