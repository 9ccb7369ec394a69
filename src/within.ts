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

/** Waits `ms` milliseconds, for ever if they are undefined; an abort ends the wait, without an error. */
export async function pause(ms: number | undefined, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const end = () => resolve();
  signal.addEventListener("abort", end);
  await (ms === undefined ? promise : within(ms, promise));
  signal.removeEventListener("abort", end);
}

/**
 * Waits for a promise, but not beyond an abort. The work behind the promise is not stopped, and a
 * rejection that comes after the abort is swallowed.
 *
 * @returns The promise's value.
 * @throws The signal's reason if the abort came first; else what the promise was rejected with.
 */
export async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  promise.catch(() => {});
  signal.throwIfAborted();
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = () => reject(signal.reason);
  signal.addEventListener("abort", abort);
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
