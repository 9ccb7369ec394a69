/** The options of a client that several of its parts need, checked and with their defaults. @module */
import type { Key } from "../keys/mod.ts";
import { silentLogger } from "../log.ts";
import type { TlsOptions, Verifier } from "../tls/mod.ts";
import { Pace } from "./pace.ts";
import type { Backoff, ClientEvent, ConnectOptions } from "./types.ts";

/** The pauses that are used when none are given.
 * @category Client */
export const DEFAULT_BACKOFF: Backoff = { initialMs: 200, maxMs: 10_000 };

/** Tries in a row without progress before a client gives up.
 * @category Client */
export const DEFAULT_RETRIES = 8;

/** Made once for a client by {@linkcode resolveOptions}. */
export interface ResolvedOptions {
  /** Tries in a row without progress after which the client gives up. */
  readonly retries: number;
  /** The pause before the next try, in milliseconds; see {@linkcode retryDelay}. */
  readonly retryDelayMs: (failures: number, retryAfterMs: number | undefined) => number;
  /** Milliseconds that only go up, whatever is done to the clock of the system. */
  readonly now: () => number;
  /** How fast payload may go out; undefined for no limit. */
  readonly pace: Pace | undefined;
  /** Makes TLS of each connection; undefined for plain ones. */
  readonly verifier?: Verifier | undefined;
  /** The user's key. */
  readonly key: Key | undefined;
  /** Tells the program of an event, and logs it. */
  readonly emit: (event: ClientEvent) => void;
}

/**
 * Checks the options. What keys and TLS need is loaded only for those who use them.
 *
 * @throws {RangeError | FxferError} If an option cannot be used.
 */
export async function resolveOptions(options: ConnectOptions): Promise<ResolvedOptions> {
  const { retries = DEFAULT_RETRIES, random = Math.random, log = silentLogger } = options;
  const { limitRate, now = () => performance.now() } = options;
  const backoff = backoffOf(options.backoff);
  if (!Number.isInteger(retries) || retries < 0) {
    throw new RangeError("Cannot connect: retries must be an integer of 0 or more");
  }
  if (limitRate !== undefined && !(limitRate > 0 && limitRate < Infinity)) {
    throw new RangeError("Cannot connect: limitRate must be a number above 0");
  }
  const { tls = false } = options;
  if (options.wantMac === true && options.key === undefined) {
    throw new RangeError("Cannot connect: wantMac needs a key");
  }
  return {
    retries,
    retryDelayMs: (failures, retryAfterMs) => retryDelay(failures, backoff, random(), retryAfterMs),
    now,
    verifier: tls === false ? undefined : await verifierOf(tls === true ? {} : tls),
    pace: limitRate === undefined ? undefined : new Pace(limitRate, now),
    key: options.key === undefined ? undefined : await keyOf(options.key),
    emit: (event) => {
      if (log.enabled("debug")) {
        const { type, ...fields } = event;
        // A log has only 8 characters of a session's id: the whole id is half of what a thief needs.
        const short = "sessionId" in event ? { sessionId: event.sessionId?.slice(0, 8) } : {};
        log.debug(`client.${type}`, { ...fields, ...short });
      }
      options.onEvent?.(event);
    },
  };
}

async function verifierOf(tls: TlsOptions): Promise<Verifier> {
  return new (await import("../tls/mod.ts")).Verifier(tls);
}

async function keyOf(text: string): Promise<Key> {
  return (await import("../keys/mod.ts")).parseKey(text);
}

/**
 * The pause before the next try, in whole milliseconds: a random part, from none to all, of a step that
 * doubles with each failure, added to the pause that the server asked for.
 *
 * @param failures Tries that failed in a row, 1 or more.
 * @param random A number from 0 to 1.
 * @param retryAfterMs The pause the server asked for; undefined if it did not.
 */
export function retryDelay(
  failures: number,
  backoff: Backoff,
  random: number,
  retryAfterMs = 0,
): number {
  // 2^31 ms is beyond any sensible maximum, and keeps the product finite.
  const step = Math.min(backoff.maxMs, backoff.initialMs * 2 ** Math.min(31, failures - 1));
  return Math.round(retryAfterMs + random * step);
}

/** Checks and completes the pauses a program gave. @throws {RangeError} If they cannot be used. */
export function backoffOf(given: Partial<Backoff> = {}): Backoff {
  const initialMs = given.initialMs ?? Math.min(DEFAULT_BACKOFF.initialMs, given.maxMs ?? Infinity);
  const maxMs = given.maxMs ?? Math.max(DEFAULT_BACKOFF.maxMs, initialMs);
  if (!(initialMs >= 0 && maxMs >= initialMs && maxMs < Infinity)) {
    throw new RangeError("Cannot use backoff: 0 <= initialMs <= maxMs must hold");
  }
  return { initialMs, maxMs };
}
