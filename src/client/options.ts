/** The options of a client that several of its parts need, checked and with their defaults. @module */
import { silentLogger } from "../log.ts";
import type { ClientEvent } from "./events.ts";
import { backoffOf, DEFAULT_RETRIES, retryDelay } from "./retry.ts";
import type { ConnectOptions } from "./types.ts";

/** Made once for a client by {@linkcode resolveOptions}. */
export interface ResolvedOptions {
  /** Tries in a row without progress after which the client gives up. */
  readonly retries: number;
  /** The pause before the next try, in milliseconds; see {@linkcode retryDelay}. */
  readonly retryDelayMs: (failures: number, retryAfterMs: number | undefined) => number;
  /** Milliseconds. */
  readonly now: () => number;
  /** Tells the program of an event, and logs it. */
  readonly emit: (event: ClientEvent) => void;
}

/** @throws {RangeError} If a number among the options cannot be used. */
export function resolveOptions(options: ConnectOptions): ResolvedOptions {
  const { retries = DEFAULT_RETRIES, random = Math.random, log = silentLogger } = options;
  const backoff = backoffOf(options.backoff);
  if (!Number.isInteger(retries) || retries < 0) {
    throw new RangeError("Cannot connect: retries must be an integer of 0 or more");
  }
  return {
    retries,
    retryDelayMs: (failures, retryAfterMs) => retryDelay(failures, backoff, random(), retryAfterMs),
    now: options.now ?? Date.now,
    emit: (event) => {
      if (log.enabled("debug")) {
        const { type, ...fields } = event;
        // Who knows a session's id has half of what it takes to steal the session: 8 characters of it
        // are enough for a log.
        const short = "sessionId" in event ? { sessionId: event.sessionId?.slice(0, 8) } : {};
        log.debug(`client.${type}`, { ...fields, ...short });
      }
      options.onEvent?.(event);
    },
  };
}
