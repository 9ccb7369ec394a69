/**
 * Makes the storage, the session store and the options of `serve` that a configuration asks for. No
 * other file picks a session store.
 *
 * @module
 */
import type { Config } from "../config/mod.ts";
import { FxferError } from "../errors.ts";
import type { Events } from "../events.ts";
import type { Keyring, UserLedger } from "../keys/mod.ts";
import type { Logger } from "../log.ts";
import { omitUndefined } from "../omit_undefined.ts";
import type { ServeOptions } from "../server/mod.ts";
import { serveOptions } from "./serve_options.ts";
import type { KeyPair } from "../tls/mod.ts";
import { type BudgetLedger, DiskStorage, type DiskStorageOptions } from "../storage/mod.ts";
import type { RedisLink } from "../redis/mod.ts";
import type { RedisClient, SessionStore } from "../store/mod.ts";
import { keepFiles, keepPolicy } from "./keeping.ts";
import { hasSharedLedger, openLedger } from "./ledger.ts";
import { databaseOf, settle, type SettledConfig, stateFolder } from "./persistence.ts";

/** The store and the storage of a server with sessions, for a command that works beside the server. */
export interface Sessions extends AsyncDisposable {
  readonly store: SessionStore;
  readonly storage: DiskStorage;
}

/** What the servers of one process have together. */
export interface Together {
  /** Counts the bytes of the folder. */
  readonly budgetLedger: BudgetLedger;
  /** The sessions, where they are kept in memory. The caller disposes of it. */
  readonly store?: SessionStore | undefined;
  /** What counts for users, where that is kept in memory. */
  readonly ledger?: UserLedger | undefined;
}

/**
 * Opens storage and store, and translates the configuration into the options of `serve`; dispose of
 * the result after the server has stopped.
 *
 * @param events Where the server and its program tell what happens.
 * @param keys The users, where there are any.
 * @param together Given where other servers of this process serve together with this one.
 * @param tls The certificate, where there is TLS.
 * @param isFirst Whether this server does what one of several on the folder does for all.
 */
export async function openParts(
  asked: Config,
  log: Logger,
  events: Events,
  keys?: Keyring,
  together?: Together,
  tls?: KeyPair,
  isFirst = true,
): Promise<AsyncDisposable & { readonly options: ServeOptions }> {
  const config = await settle(asked);
  const { budget } = config.storage;
  await using opened = new AsyncDisposableStack();
  const { budgetLedger, store: inMemory } = together ?? {};
  const settings = omitUndefined({ budget, budgetLedger, inMemory });
  const { storage, store, redis } = opened.use(await openStorageAndStore(config, log, settings));
  const security = keys === undefined ? undefined : {
    keys,
    ledger: opened.use(
      await openLedger(config, redis ?? await redisOf(config, opened, log), together?.ledger),
    ),
    mac: config.security.mac,
  };
  if (security !== undefined) {
    const { countAgain, countLost, countStored } = await import("./counting.ts");
    const { ledger, keys } = security;
    const count = () => countStored(ledger, keys, storage.catalogue);
    const known = await count();
    const failed = (cause: unknown) => log.warn("quotas.not_counted", { cause });
    const { catalogue } = storage;
    if (isFirst && known.length > 0) opened.use(countAgain(ledger, known, catalogue, failed));
    opened.use(keys.onChange(() => void count().catch(failed)));
    opened.use(countLost(ledger, catalogue, failed));
  }
  const policy = keepPolicy(config);
  if (policy !== undefined && isFirst) {
    opened.use(keepFiles(storage, policy, events, log, security?.ledger));
  }
  const secure = tls && { tls: { ...tls, port: config.server.tls.port, reloadable: true } };
  const options = {
    ...serveOptions(config),
    ...omitUndefined({ store, security }),
    ...{ ...secure, storage, log, events },
  };
  return Object.assign(opened.move(), { options });
}

/**
 * Opens the storage of a server that may be running, and its store if others than the server may see it. With
 * persistence `auto` that is one in SQLite which is there already.
 *
 * @returns `orphans` is false where only the server knows which partial files are in use. `openLedger` opens
 * what counts for the users, where others than the server may see it.
 */
export async function openBeside(
  config: Config,
  log: Logger,
): Promise<
  & AsyncDisposable
  & {
    storage: DiskStorage;
    store: SessionStore | undefined;
    orphans: boolean;
    openLedger(): Promise<UserLedger | undefined>;
  }
> {
  const settled = await settle(config, true);
  const { server, stateful } = settled;
  const hidden = server.mode !== "stateless" && stateful.persistence === "memory";
  const asked = hidden
    ? { ...settled, server: { ...server, mode: "stateless" as const } }
    : settled;
  await using opened = new AsyncDisposableStack();
  const { storage, store, redis } = opened.use(await openStorageAndStore(asked, log));
  const all = opened.move();
  return Object.assign(all, {
    ...{ storage, store, orphans: !hidden },
    openLedger: async () => {
      const counted = await settle(config);
      if (!await hasSharedLedger(counted)) return undefined;
      return all.use(await openLedger(counted, redis ?? await redisOf(counted, all, log)));
    },
  });
}

/** The Redis of a server that has no session store in it: its users are counted there all the same. */
async function redisOf(
  { stateful }: Config,
  opened: AsyncDisposableStack,
  log: Logger,
): Promise<RedisClient | undefined> {
  if (stateful.persistence !== "redis") return undefined;
  return (await openRedis(stateful.redis_url, opened, log)).client;
}

async function openRedis(
  url: string,
  opened: AsyncDisposableStack,
  log: Logger,
): Promise<RedisLink> {
  const { connectRedis } = await import("../redis/mod.ts");
  return opened.use(await connectRedis(url, log));
}

/**
 * Opens the store and the storage of a server that may be running: nothing in them is recovered or swept.
 *
 * @throws {FxferError} `config_invalid` if the server has no sessions, or keeps them in its own memory.
 */
export async function openSessions(asked: Config, log: Logger): Promise<Sessions> {
  const config = await settle(asked);
  if (config.server.mode === "stateless" || config.stateful.persistence === "memory") {
    throw new FxferError(
      "config_invalid",
      "Cannot open sessions: a server keeps them where nobody else sees them, unless " +
        "stateful.persistence is sqlite or redis",
    );
  }
  return await openStorageAndStore(config, log) as Sessions;
}

/**
 * Opens storage, store and users' ledger for the main thread of a server whose workers serve. What is removed
 * there is given back to the budget and the quotas that the workers share.
 *
 * @param hasKeys Whether there are users, whose files are counted.
 */
export async function openForOperators(
  asked: Config,
  log: Logger,
  together: Together,
  hasKeys: boolean,
): Promise<
  & AsyncDisposable
  & Pick<Opened, "storage" | "store">
  & { readonly ledger: UserLedger | undefined }
> {
  const config = await settle(asked);
  await using opened = new AsyncDisposableStack();
  const { budget } = config.storage;
  const { budgetLedger, store: inMemory } = together;
  const { storage, store, redis } = opened.use(
    await openStorageAndStore(config, log, omitUndefined({ budget, budgetLedger, inMemory })),
  );
  const client = redis ?? (hasKeys ? await redisOf(config, opened, log) : undefined);
  const ledger = hasKeys
    ? opened.use(await openLedger(config, client, together.ledger))
    : undefined;
  return Object.assign(opened.move(), { storage, store, ledger });
}

/**
 * Opens the storage, and the session store unless the mode is `stateless`.
 *
 * @param inMemory The store to use where sessions are kept in memory. @default one of its own
 */
export async function openStorageAndStore(
  asked: Config,
  log: Logger,
  { inMemory, ...options }:
    & Pick<DiskStorageOptions, "budget" | "budgetLedger">
    & { readonly inMemory?: SessionStore } = {},
): Promise<AsyncDisposable & Opened> {
  const config = await settle(asked);
  await using opened = new AsyncDisposableStack();
  const { path, naming, durability } = config.storage;
  const state = stateFolder(config);
  const storage = opened.use(
    await DiskStorage.open(path, { naming, durability, state, log, ...options }),
  );
  const sessions = config.server.mode !== "stateless";
  const { store, redis } = sessions ? await openStore(config, opened, log, inMemory) : {};
  return Object.assign(opened.move(), { storage, store, redis });
}

/** What was opened; `redis` is the client of a store in Redis. */
interface Opened {
  readonly storage: DiskStorage;
  readonly store: SessionStore | undefined;
  readonly redis: RedisClient | undefined;
}

/** Names of the storage, in whose folder the database is: its list and its files. */
const RESERVED =
  /^(commits\.jsonl.*|files|users\.db.*|hooks\.json.*|(received|file)_.*|session_[0-9a-f-]{36})$/i;

async function openStore(
  config: SettledConfig,
  opened: AsyncDisposableStack,
  log: Logger,
  inMemory: SessionStore | undefined,
): Promise<{ readonly store: SessionStore; readonly redis?: RedisClient }> {
  const { stateful, storage } = config;
  switch (stateful.persistence) {
    case "memory": {
      if (inMemory !== undefined) return { store: inMemory };
      const { MemorySessionStore } = await import("../store/memory.ts");
      return { store: opened.use(new MemorySessionStore()) };
    }
    case "sqlite": {
      if (RESERVED.test(stateful.sqlite_file)) {
        throw new FxferError(
          "config_invalid",
          `Cannot use configuration: stateful.sqlite_file is ${stateful.sqlite_file}, a name that ` +
            "the storage itself uses in its folder",
        );
      }
      const { SqliteSessionStore } = await import("../store/sqlite.ts");
      return {
        store: opened.use(
          await SqliteSessionStore.open(databaseOf(config), {
            flush: storage.durability === "durable",
            log,
          }),
        ),
      };
    }
    case "redis": {
      const { RedisSessionStore } = await import("../store/redis.ts");
      const { client, subscriber } = await openRedis(stateful.redis_url, opened, log);
      return {
        store: opened.use(new RedisSessionStore(client, { subscriber, log })),
        redis: client,
      };
    }
  }
}
