/**
 * What the three ways to reach Redis have in common: the package, its options, how long to wait.
 *
 * @module
 */
import type { RedisUrl } from "../config/mod.ts";
import type { RedisClient, RedisSubscriber } from "../store/mod.ts";

/** A command that waits longer says that the connection is dead, although nobody closed it. */
export const DEAD_MS = 10_000;

/** How long a start waits for Redis before it goes on without. */
export const START_MS = 2000;

/** Between two tries to connect, at most. */
const MAX_RETRY_MS = 2000;

/** Commands that wait at most; beyond it they fail at once. */
export const MAX_WAITING = 10_000;

/** A way to ask Redis and one to listen. */
export interface RedisLink extends AsyncDisposable {
  readonly client: RedisClient;
  readonly subscriber: RedisSubscriber;
}

/** Only a server that keeps its sessions in Redis loads it. */
export function loadRedis(): Promise<typeof import("npm:redis@6.3.1")> {
  return import("npm:redis@6.3.1");
}

/** Doubled from 50 ms, and spread: many servers may have lost the same Redis. */
export function retryDelay(tries: number): number {
  return Math.min(50 * 2 ** Math.min(tries, 10), MAX_RETRY_MS) * (0.5 + Math.random() / 2);
}

/** Options of every connection; a literal, so that the package's types see its values. */
export const CONNECTION = {
  disableOfflineQueue: true,
  commandsQueueMaxLength: MAX_WAITING as number,
  // The package's own limit for commands that it has not written yet: off, because the store waits
  // no longer than its own, and each command would leave a timer behind for 5 s.
  commandOptions: { timeout: 0 as number },
  // Its other values ask for variables of the environment, which takes a permission.
  maintNotifications: "disabled",
  disableClientInfo: true,
} as const;

/** Options of a connection that is never repaired: whoever loses it makes another. */
export type NodeOptions = typeof CONNECTION & {
  readonly username?: string;
  readonly password?: string;
  readonly socket: {
    readonly connectTimeout: number;
    readonly reconnectStrategy: false;
    readonly tls?: true;
  };
};

/** {@linkcode NodeOptions} of each server that a URL leads to. */
export function nodeOptions({ tls, username, password }: RedisUrl): NodeOptions {
  return {
    ...CONNECTION,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    socket: {
      connectTimeout: START_MS,
      reconnectStrategy: false,
      ...(tls ? { tls } : {}),
    },
  };
}

/** What happened, without addresses or credentials that an error's own text may hold. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return "unknown";
  const { code } = error as { code?: unknown };
  // A refusal of Redis starts with its kind: NOAUTH, WRONGPASS, LOADING …
  return typeof code === "string" ? code : /^[A-Z]{3,}\b/.exec(error.message)?.[0] ?? error.name;
}

/** Settles with the promise, or when it has had its time. */
export async function atMost(promise: Promise<unknown>, ms: number): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<void>((resolve) => timer = setTimeout(resolve, ms));
  await Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
