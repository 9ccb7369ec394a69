/** Sleeps until it is woken: a call of `wake` before the sleep counts too. @module */
import { within } from "../within.ts";

export class Sleeper {
  /** Whether {@linkcode wake} was called since the last sleep. */
  #woken = false;
  #endSleep: (() => void) | undefined;

  /** Ends the {@linkcode sleep} under way or else the next one; may be passed on as a callback. */
  readonly wake = (): void => {
    this.#woken = true;
    this.#endSleep?.();
  };

  /** Sleeps until there may be work, or at most `ms` milliseconds. */
  async sleep(ms: number = Infinity): Promise<void> {
    if (!this.#woken) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#endSleep = resolve;
      await (ms === Infinity ? promise : within(ms, promise));
    }
    this.#woken = false;
  }
}
