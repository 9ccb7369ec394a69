/** What the three ways to reach Redis have in common: the package, its options, how long to wait. @module */
import type { RedisUrl } from "../config/mod.ts";
import { omitUndefined } from "../omit_undefined.ts";
import type { RedisClient, RedisSubscriber } from "../store/mod.ts";

/**
 * A command without a reply for this long, in milliseconds, shows that its connection is dead: longer than
 * a slow Redis takes to answer, and short enough for a failover to take 5 s in all.
 */
export const DEAD_MS = 4000;

/** How long a start waits for Redis before it goes on without, in milliseconds. */
export const START_MS = 2000;

/** The longest pause between two tries to connect, in milliseconds. */
const MAX_RETRY_MS = 2000;

/** How many commands may wait for a reply. Further commands fail at once. */
export const MAX_WAITING = 10_000;

/** A client for commands, and a subscriber for messages. Disposing closes their connections. */
export interface RedisLink extends AsyncDisposable {
  readonly client: RedisClient;
  readonly subscriber: RedisSubscriber;
}

/** Loads the package. It is called only where sessions are kept in Redis. */
export function loadRedis(): Promise<typeof import("npm:redis@6.3.1")> {
  return import("npm:redis@6.3.1");
}

/**
 * The pause before a try to connect, in milliseconds: doubled from 50 on, and between half and all of
 * that at random, because many servers may have lost the same Redis at the same time.
 */
export function retryDelay(tries: number): number {
  return Math.min(50 * 2 ** Math.min(tries, 10), MAX_RETRY_MS) * (0.5 + Math.random() / 2);
}

/** Options of every connection. A literal, because the package's types look at the values. */
export const CONNECTION = {
  disableOfflineQueue: true,
  commandsQueueMaxLength: MAX_WAITING as number,
  // The package's limit for commands that are not sent yet is switched off: it would leave a timer of 5 s
  // behind each command, and the store waits for a shorter time anyway.
  commandOptions: { timeout: 0 as number },
  // Any other value reads a variable of the environment, which takes a permission.
  maintNotifications: "disabled",
  disableClientInfo: true,
} as const;

/** Options of a connection that is not repaired: RenewingLink replaces the client that has lost one. */
export type NodeOptions = typeof CONNECTION & {
  readonly username?: string;
  readonly password?: string;
  readonly socket: {
    readonly connectTimeout: number;
    readonly reconnectStrategy: false;
    readonly tls?: true;
  };
};

/** The options for each server of a Cluster, or behind Sentinels. */
export function nodeOptions({ tls, username, password }: RedisUrl): NodeOptions {
  return {
    ...CONNECTION,
    ...omitUndefined({ username, password }),
    socket: { connectTimeout: START_MS, reconnectStrategy: false, ...(tls && { tls }) },
  };
}

/**
 * Whether an error says that the server which answers is a replica: it was the master once, or the name now
 * leads elsewhere. Nothing was written, and nothing will be before there is a new connection. Inside a script
 * Redis 6 puts the word into the middle of its text.
 */
export function isReplica(error: unknown): boolean {
  return error instanceof Error && /(^|-)(READONLY|MASTERDOWN) /.test(error.message);
}

/** Whether Redis refuses something to this user: trying again does not help, nor does a new connection. */
export function isForbidden(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith("NOPERM");
}

/** A word for what went wrong. The text of an error is not logged: it may hold addresses or a password. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return "unknown";
  const { code } = error as { code?: unknown };
  // Where Redis itself refused, the text begins with the kind of error: NOAUTH, WRONGPASS, LOADING …
  return typeof code === "string" ? code : /^[A-Z]{3,}\b/.exec(error.message)?.[0] ?? error.name;
}
