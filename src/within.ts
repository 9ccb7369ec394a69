/** Waiting, but not for ever. Open to all folders; imports nothing. @module */

/** What {@linkcode within} returns when the time was over first. */
export const LATE: unique symbol = Symbol("late");

/**
 * Waits for a promise for at most `ms` milliseconds, by the monotonic clock of timers.
 *
 * The work behind the promise is not stopped. A rejection that comes after the time is over is
 * swallowed here, so that it never ends the process.
 *
 * @returns The promise's value, or {@linkcode LATE} when the time was over first.
 * @throws What the promise was rejected with, if that came in time.
 *
 * @example
 * ```ts
 * import { LATE, within } from "./within.ts";
 *
 * console.assert(await within(1000, Promise.resolve(7)) === 7);
 * console.assert(await within(1, new Promise(() => {})) === LATE);
 * ```
 */
export async function within<T>(ms: number, promise: Promise<T>): Promise<T | typeof LATE> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<typeof LATE>((resolve) => timer = setTimeout(resolve, ms, LATE));
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
    promise.catch(() => {});
  }
}
