/** What the store suite needs of a Redis, whatever kind of Redis it is. @module */
import { createLogger, type LogEvent, silentLogger } from "../../src/log.ts";
import { connectRedis, type RedisLink } from "../../src/redis/mod.ts";
import { RedisSessionStore } from "../../src/store/mod.ts";
import { RedisServer } from "../helpers/redis_server.ts";
import type { StoreFixture } from "../store_suite.ts";

/** A store with keys of its own in a Redis that many tests share. */
export async function redisFixture(url: string, prefix: string): Promise<StoreFixture> {
  const opened = new AsyncDisposableStack();
  const told: LogEvent[] = [];
  const log = createLogger((event) => told.push(event));
  const { client } = opened.use(await connectRedis(url, silentLogger));
  const open = async () => {
    const other = opened.use(await connectRedis(url, silentLogger));
    return new RedisSessionStore(other.client, { prefix, log });
  };
  return {
    store: new RedisSessionStore(client, { prefix, log }),
    open,
    told,
    damage: async (id, change) => {
      const key = `${prefix}{session:${id}}`;
      const json = String(await client.sendCommand(["GET", key]));
      await client.sendCommand(["SET", key, change(json), "KEEPTTL"]);
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

/** What {@linkcode storeOn} starts. */
export interface StoreOn extends AsyncDisposable {
  readonly redis: RedisServer;
  readonly link: RedisLink;
  readonly store: RedisSessionStore;
}

/** A Redis server for one test, with a store on it. */
export async function storeOn(path: string, commandTimeoutMs = 2000): Promise<StoreOn> {
  await using opened = new AsyncDisposableStack();
  const redis = opened.use(await RedisServer.start(path));
  const link = opened.use(await connectRedis(redis.url, silentLogger));
  const store = opened.use(
    new RedisSessionStore(link.client, { commandTimeoutMs, subscriber: link.subscriber }),
  );
  const owned = opened.move();
  return { redis, link, store, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}
