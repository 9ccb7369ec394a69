/**
 * The connection to Redis: made here and handed to the store, so that the library imports no client.
 *
 * @module
 */
import { parseRedisUrl } from "../config/mod.ts";
import { FxferError } from "../errors.ts";
import type { Logger } from "../log.ts";
import type { RedisSubscriber } from "../store/mod.ts";
import {
  atMost,
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

/** What is used of `npm:redis`. */
type Client = Awaited<ReturnType<typeof loadRedis>> extends { createClient: infer Create }
  ? Create extends (options: never) => infer Made ? Made : never
  : never;

/**
 * Connects to Redis, and goes on trying for as long as the link lives; a server starts without it,
 * and until it is there every command fails at once.
 *
 * @param url As `parseRedisUrl` reads it, with user and password if there are any; never logged.
 * @throws {FxferError} `config_invalid` if the URL cannot be used.
 */
export async function connectRedis(url: string, log: Logger): Promise<RedisLink> {
  const parts = parseRedisUrl(url);
  switch (parts?.kind) {
    case "server":
      return await connectServer(url, log);
    case "cluster":
      return await RenewingLink.start(
        await clusterOf(parts),
        log.child({ connection: "cluster" }),
      );
    case "sentinel":
      return await RenewingLink.start(
        await sentinelOf(parts),
        log.child({ connection: "sentinel" }),
      );
    default:
      throw unusable();
  }
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
        // Replies in the older form: the store works with either, and so with every server.
        RESP: 2,
        ...CONNECTION,
        socket: { connectTimeout: START_MS, reconnectStrategy: retryDelay },
      }) as Client;
      watchOver(client, log.child({ connection: name }));
      return client;
    } catch {
      // The cause is not kept: it may repeat the URL, and with it the password.
      throw unusable();
    }
  };
  const commands = make("commands");
  const listening = make("takeovers");
  await Promise.all([started(commands), started(listening)]);
  return {
    client: { sendCommand: (args) => sendWatched(commands, args) },
    subscriber: new PatientSubscriber(listening),
    // deno-lint-ignore require-await -- as the contract asks
    async [Symbol.asyncDispose]() {
      commands.destroy();
      listening.destroy();
    },
  };
}

/** Without a listener an 'error' event would end the process; an outage is logged once a reason. */
function watchOver(client: Client, log: Logger): void {
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

/** Settles when the client is connected, or when it has had its time: it goes on trying. */
async function started(client: Client): Promise<void> {
  await atMost(client.connect().catch(() => {}), START_MS);
}

/**
 * Sends a command, and starts the connection anew if nothing has come for long: a peer that vanished
 * without a word would else hold every command until TCP gives up, a quarter of an hour later.
 */
async function sendWatched(client: Client, args: string[]): Promise<unknown> {
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

/** Subscribes when Redis is there: now, or once it is. */
class PatientSubscriber implements RedisSubscriber {
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
