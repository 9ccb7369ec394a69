/** Timers that run out sooner than they say, for what the code waits for in seconds. @module */

type SetTimer = (run: (...args: unknown[]) => void, ms?: number, ...args: unknown[]) => number;

/**
 * Makes the timers of `ms` milliseconds that this thread sets from now on run out in `instead`
 * milliseconds, until disposed. All other timers keep their time.
 */
export function hasten(ms: number, instead: number): Disposable {
  const timers = globalThis as unknown as Record<"setTimeout" | "setInterval", SetTimer>;
  const { setTimeout, setInterval } = timers;
  const sooner = (set: SetTimer): SetTimer => (run, asked, ...args) =>
    set(run, asked === ms ? instead : asked, ...args);
  timers.setTimeout = sooner(setTimeout);
  timers.setInterval = sooner(setInterval);
  return {
    [Symbol.dispose]() {
      Object.assign(timers, { setTimeout, setInterval });
    },
  };
}
