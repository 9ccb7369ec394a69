/**
 * The connection to Redis: made here and handed to the store, so that the library imports no client.
 *
 * @module
 */
import { FxferError } from "../errors.ts";
import type { Logger } from "../log.ts";
import type { RedisClient, RedisSubscriber } from "../store/mod.ts";

/** A command that waits longer says that the connection is dead, although nobody closed it. */
const DEAD_MS = 10_000;

/** How long a start waits for Redis before it goes on without. */
const START_MS = 2000;

/** Between two tries to connect, at most. */
const MAX_RETRY_MS = 2000;

/** Commands that wait at most; beyond it they fail at once. */
const MAX_WAITING = 10_000;

/** Two connections, one to ask and one to listen. */
export interface RedisLink extends AsyncDisposable {
  readonly client: RedisClient;
  readonly subscriber: RedisSubscriber;
}

/** What is used of `npm:redis`. */
type Client = Awaited<ReturnType<typeof load>> extends { createClient: infer Create }
  ? Create extends (options: never) => infer Made ? Made : never
  : never;

/** Only a server that keeps its sessions in Redis loads it. */
function load() {
  return import("npm:redis@6.3.1");
}

/**
 * Connects to Redis, and goes on trying for as long as the link lives; a server starts without it,
 * and until it is there every command fails at once.
 *
 * @param url `redis://` or `rediss://`, with user and password if there are any; never logged.
 * @throws {FxferError} `config_invalid` if the URL cannot be used.
 */
export async function connectRedis(url: string, log: Logger): Promise<RedisLink> {
  const { createClient } = await load();
  const make = (name: string): Client => {
    try {
      const client = createClient({
        url,
        // Replies in the older form: the store works with either, and so with every server.
        RESP: 2,
        disableOfflineQueue: true,
        commandsQueueMaxLength: MAX_WAITING,
        // Its other values ask for variables of the environment, which takes a permission.
        maintNotifications: "disabled",
        disableClientInfo: true,
        socket: {
          connectTimeout: START_MS,
          // Doubled from 50 ms, and spread: many servers may have lost the same Redis.
          reconnectStrategy: (retries) =>
            Math.min(50 * 2 ** Math.min(retries, 10), MAX_RETRY_MS) * (0.5 + Math.random() / 2),
        },
      }) as Client;
      watchOver(client, log.child({ connection: name }));
      return client;
    } catch {
      // The cause is not kept: it may repeat the URL, and with it the password.
      throw new FxferError("config_invalid", "Cannot use stateful.redis_url: it is no Redis URL");
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

/** What happened, without addresses or credentials that an error's own text may hold. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return "unknown";
  const { code } = error as { code?: unknown };
  // A refusal of Redis starts with its kind: NOAUTH, WRONGPASS, LOADING …
  return typeof code === "string" ? code : /^[A-Z]{3,}\b/.exec(error.message)?.[0] ?? error.name;
}

/** Settles when the client is connected, or when it has had its time: it goes on trying. */
async function started(client: Client): Promise<void> {
  const connected = client.connect().then(() => {}, () => {});
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<void>((resolve) => timer = setTimeout(resolve, START_MS));
  await Promise.race([connected, late]);
  clearTimeout(timer);
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
