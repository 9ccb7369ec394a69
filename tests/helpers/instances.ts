/**
 * Several servers inside the test's process that share a store and a folder, each with handles of
 * its own, as servers on several machines have.
 *
 * @module
 */
import { connectRedis } from "../../src/redis/connect.ts";
import { createLogger, type LogEvent, silentLogger } from "../../src/log.ts";
import { serve, type ServeOptions, type Server } from "../../src/server/mod.ts";
import type { SessionRecord } from "../../src/session/mod.ts";
import { DiskStorage } from "../../src/storage/mod.ts";
import { RedisSessionStore, type SessionStore, SqliteSessionStore } from "../../src/store/mod.ts";
import { EventLog } from "./event_log.ts";
import { RawPeer } from "./raw_peer.ts";
import { until } from "./serving.ts";

/** Opens one more handle on the shared store; what it needs is disposed of with the stack. */
export type OpenStore = (opened: AsyncDisposableStack) => Promise<SessionStore>;

/** Sessions in a Redis. */
export function inRedis(url: string, commandTimeoutMs = 2000): OpenStore {
  return async (opened) => {
    const { client, subscriber } = opened.use(await connectRedis(url, silentLogger));
    return opened.use(new RedisSessionStore(client, { subscriber, commandTimeoutMs }));
  };
}

/** Sessions in a SQLite file. */
export function inSqlite(path: string): OpenStore {
  return async (opened) => opened.use(await SqliteSessionStore.open(path));
}

/** One server. */
export class Instance implements AsyncDisposable {
  readonly log: EventLog<LogEvent> = new EventLog<LogEvent>();
  readonly store: SessionStore;
  readonly server: Server;
  readonly #opened: AsyncDisposableStack;

  private constructor(
    name: string,
    store: SessionStore,
    storage: DiskStorage,
    opened: AsyncDisposableStack,
    options: Partial<ServeOptions>,
  ) {
    this.store = store;
    this.#opened = opened;
    this.server = serve({
      port: 0,
      rate: "off",
      drainTimeoutMs: 500,
      ...options,
      store,
      storage,
      stateful: { instance: name, maxSessions: 1000, ...options.stateful },
      log: createLogger((event) => this.log.push(event), "debug"),
    });
  }

  /** Starts one. */
  static async start(
    name: string,
    folder: string,
    open: OpenStore,
    options: Partial<ServeOptions> = {},
  ): Promise<Instance> {
    await using opened = new AsyncDisposableStack();
    const storage = opened.use(await DiskStorage.open(folder));
    const store = await open(opened);
    return new Instance(name, store, storage, opened.move(), options);
  }

  get port(): number {
    return this.server.addr.port;
  }

  /** A connection to it. */
  peer(): Promise<RawPeer> {
    return RawPeer.open(this);
  }

  /** The record of a session, as this server's store has it. */
  async record(id: string | null): Promise<SessionRecord> {
    const record = await this.store.load(id!);
    if (record === undefined) throw new Error("The store does not know the session");
    return record;
  }

  /** Waits until a session is detached: its connection is gone and its server has said so. */
  async detached(id: string | null): Promise<void> {
    await until(async () => (await this.record(id)).detachedAt !== null, "detached");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server.shutdown();
    await this.#opened.disposeAsync();
  }
}

/** The files below a folder that this process holds open (Linux), those already removed included. */
export async function openBelow(folder: string): Promise<string[]> {
  const paths: string[] = [];
  for await (const { name } of Deno.readDir("/proc/self/fd")) {
    const path = await Deno.readLink(`/proc/self/fd/${name}`).catch(() => "");
    if (path.startsWith(folder)) paths.push(path.slice(folder.length + 1));
  }
  return paths;
}
