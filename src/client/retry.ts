/**
 * How long to wait before the next try. Pure.
 *
 * The pause is a random part, from none to all, of a step that doubles with each failure. So clients
 * that lost the same server at the same moment come back at different ones. If the server asks for a
 * pause, the random part is added to it.
 *
 * @module
 */

/** The pauses between tries, in milliseconds.
 * @category Client */
export interface Backoff {
  /** The longest first pause, above 0. @default {200} */
  readonly initialMs: number;
  /** The longest pause, at least `initialMs`. @default {10000} */
  readonly maxMs: number;
}

/** The pauses that are used when none are given.
 * @category Client */
export const DEFAULT_BACKOFF: Backoff = { initialMs: 200, maxMs: 10_000 };

/** Tries in a row without progress before a client gives up.
 * @category Client */
export const DEFAULT_RETRIES = 8;

/**
 * The pause before the next try, in whole milliseconds.
 *
 * @param failures Tries that failed in a row, 1 or more.
 * @param random A number from 0 to 1.
 * @param retryAfterMs The pause the server asked for; undefined if it did not.
 */
export function retryDelay(
  failures: number,
  backoff: Backoff,
  random: number,
  retryAfterMs?: number,
): number {
  // 2^31 ms is beyond any sensible maximum, and keeps the product finite.
  const step = Math.min(backoff.maxMs, backoff.initialMs * 2 ** Math.min(31, failures - 1));
  return Math.round((retryAfterMs ?? 0) + random * step);
}

/**
 * Checks and completes the pauses a caller gave.
 *
 * @throws {RangeError} If one is negative or not finite, or the longest is below the first.
 */
export function backoffOf(given: Partial<Backoff> = {}): Backoff {
  const initialMs = given.initialMs ?? Math.min(DEFAULT_BACKOFF.initialMs, given.maxMs ?? Infinity);
  const maxMs = given.maxMs ?? Math.max(DEFAULT_BACKOFF.maxMs, initialMs);
  if (!(initialMs >= 0 && maxMs >= initialMs && maxMs < Infinity)) {
    throw new RangeError("Cannot use backoff: 0 <= initialMs <= maxMs must hold");
  }
  return { initialMs, maxMs };
}
