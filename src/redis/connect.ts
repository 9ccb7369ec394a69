/** Connects to Redis as the URL says: one server, a Cluster, or Sentinels. @module */
import { parseRedisUrl } from "../config/mod.ts";
import { Deadlines } from "../deadlines.ts";
import { FxferError } from "../errors.ts";
import type { Logger } from "../log.ts";
import type { RedisSubscriber } from "../store/mod.ts";
import { within } from "../within.ts";
import {
  CONNECTION,
  DEAD_MS,
  isForbidden,
  isReplica,
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
  const make = (name: string): Connection => {
    try {
      const client = createClient({
        url,
        // The older form of replies, which every Redis server speaks.
        RESP: 2,
        ...CONNECTION,
        socket: { connectTimeout: START_MS, reconnectStrategy: retryDelay },
      }) as Client;
      return new Connection(client, log.child({ connection: name }));
    } catch {
      // The error is not kept as the cause: its text may repeat the URL, and with it the password.
      throw unusable();
    }
  };
  const commands = make("commands");
  const listening = make("takeovers");
  // The package itself goes on trying if this takes longer than a start may take.
  const both = [commands, listening];
  const connected = both.map(({ client }) => client.connect().catch(() => {}));
  await within(START_MS, Promise.all(connected));
  // When a machine vanishes without closing its connections, TCP notices that a quarter of an hour later.
  const deadlines = new Deadlines(DEAD_MS);
  const dead = () => both.forEach((each) => each.renew());
  return {
    client: {
      sendCommand: async (args) => {
        try {
          return await deadlines.keep(commands.client.sendCommand(args), dead);
        } catch (error) {
          if (isReplica(error)) both.forEach((each) => each.renew(error));
          throw error;
        }
      },
    },
    subscriber: new Subscriber(listening.client),
    // deno-lint-ignore require-await -- as the contract asks
    async [Symbol.asyncDispose]() {
      deadlines.close();
      for (const { client } of both) client.destroy();
    },
  };
}

/** A connection made anew is left alone for this long, in milliseconds, however it answers. */
const RENEW_MS = 500;

/**
 * A connection to one server. The package makes a lost one anew; one that is open and of no use is made
 * anew by {@linkcode Connection.renew}.
 */
class Connection {
  readonly client: Client;
  readonly #log: Logger;
  /** The reason for the loss that was logged last. */
  #lost: string | undefined;
  #readyAt = 0;

  /** Listens to errors: without a listener an error would end the process. */
  constructor(client: Client, log: Logger) {
    this.client = client;
    this.#log = log;
    client.on("error", (error: unknown) => this.#tellLoss(error));
    client.on("ready", () => {
      log.info("redis.ready");
      this.#lost = undefined;
      this.#readyAt = performance.now();
    });
  }

  /** An outage causes an error at each try to connect; one line is logged for each reason. */
  #tellLoss(error: unknown): void {
    const reason = reasonOf(error);
    if (reason !== this.#lost) this.#log.warn("redis.lost", { reason });
    this.#lost = reason;
  }

  /** Makes the connection anew, by name, unless that is under way or was a moment ago. */
  renew(error?: unknown): void {
    const { client } = this;
    if (!client.isReady || performance.now() - this.#readyAt < RENEW_MS) return;
    if (error !== undefined) this.#tellLoss(error);
    client.destroy();
    client.connect().catch(() => {});
  }
}

/** Subscribes at once where there is a connection, and otherwise as soon as there is one. */
class Subscriber implements RedisSubscriber {
  readonly #client: Client;
  readonly #waiting = new Map<(message: string) => void, () => void>();

  constructor(client: Client) {
    this.#client = client;
  }

  subscribe(channel: string, listener: (message: string) => void): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const subscribe = () => {
      this.#waiting.delete(listener);
      this.#client.subscribe(channel, listener).then(resolve, (error) => {
        if (isForbidden(error)) reject(error);
        else this.#wait(listener, subscribe);
      });
    };
    if (this.#client.isReady) subscribe();
    else this.#wait(listener, subscribe);
    return promise;
  }

  #wait(listener: (message: string) => void, subscribe: () => void): void {
    this.#waiting.set(listener, subscribe);
    this.#client.once("ready", subscribe);
  }

  async unsubscribe(channel: string, listener: (message: string) => void): Promise<void> {
    const waiting = this.#waiting.get(listener);
    this.#waiting.delete(listener);
    if (waiting !== undefined) this.#client.off("ready", waiting);
    else if (this.#client.isReady) await this.#client.unsubscribe(channel, listener);
  }

  listening(): boolean {
    return this.#client.isReady;
  }
}
