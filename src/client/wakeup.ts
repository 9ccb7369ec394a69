/** Lets a loop of the client sleep until another part of the client has work for the loop. @module */
import { within } from "../within.ts";

/** A place where one loop sleeps. A wake-up while the loop is awake ends its next sleep at once. */
export class Wakeup {
  #pending = false;
  #endSleep: (() => void) | undefined;

  /** Wakes the loop; may be passed on as a callback. */
  readonly wake = (): void => {
    this.#pending = true;
    this.#endSleep?.();
  };

  /** Sleeps until the next wake-up, or at most `ms` milliseconds. */
  async sleep(ms: number = Infinity): Promise<void> {
    if (!this.#pending) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#endSleep = resolve;
      await (ms === Infinity ? promise : within(ms, promise));
    }
    this.#pending = false;
  }
}
