/** The time of a server: it never jumps, and where the store has a clock it is that of all servers. @module */
import type { SessionStore } from "../store/mod.ts";

/** A later look at the store's clock moves the time by no more than this, in milliseconds. */
const SLEW_MS = 1000;

/**
 * Milliseconds since the epoch, by the monotonic clock of the process. A wall clock that is set forward
 * or back while the process runs changes nothing.
 */
export class Clock {
  #base = Date.now() - performance.now();
  /** Whether the time is that of the store. */
  shared = false;

  /** The time, in whole milliseconds. */
  readonly now = (): number => Math.round(this.#base + performance.now());

  /**
   * Compares the time with the store's. At the first answer the store's is taken over; afterwards the
   * time follows it in small steps, so that also a store's clock that jumps ends no session. Never
   * rejects: without an answer the time goes on as it was.
   */
  async follow(store: SessionStore): Promise<void> {
    if (store.now === undefined) return;
    const asked = performance.now();
    try {
      const theirs = await store.now() - (asked + performance.now()) / 2;
      const off = theirs - this.#base;
      this.#base += this.shared ? Math.max(-SLEW_MS, Math.min(SLEW_MS, off)) : off;
      this.shared = true;
    } catch {
      // Redis may forbid it, or is away.
    }
  }
}
