/**
 * Decides whether the server is too busy for new sessions: then a client gets stateless service instead,
 * which costs less and remembers nothing (S-DEG-1). Sessions that exist go on.
 *
 * Two numbers are compared with their limits: how many sessions are alive, and how late the event loop is.
 * A number that has been over its limit counts as over until it is well below the limit, so that the server
 * does not change its mind all the time.
 *
 * @module
 */
import { FxferError } from "../errors.ts";
import type { Events } from "../events.ts";

/** Above these a server is busy; 0 for never.
 * @category Server */
export interface DegradeAbove {
  /** Sessions alive, in all instances that share the store. */
  readonly sessions: number;
  /** Lateness of the event loop in milliseconds, averaged over about a second. */
  readonly eventLoopDelayMs: number;
}

/** How often lateness is measured: ten wake-ups a second cost nothing that could be noticed. */
const INTERVAL_MS = 100;

/** Lateness is averaged over about this long: one slow turn is not yet a load. */
const WINDOW_MS = 1000;

/** The fractions of its limit to which each number must fall before it no longer counts as over. */
const SESSIONS_BACK = 0.9;
const DELAY_BACK = 0.5;

/** A client that can wait comes back after this long. */
const RETRY_MS = 1000;

/** Watches the load of one server. Dispose of it to stop its timer. */
export class Overload implements Disposable {
  #limits: DegradeAbove;
  readonly #events: Events;
  #timer: ReturnType<typeof setInterval> | undefined;
  #measuredAt: number;
  /** How late the event loop is, in milliseconds. */
  delayMs = 0;
  #late = false;
  #crowded = false;

  /** @param now Where {@linkcode Overload.measure} begins: milliseconds of a monotonic clock. */
  constructor(limits: DegradeAbove, events: Events, now: number = performance.now()) {
    this.#limits = limits;
    this.#events = events;
    this.#measuredAt = now;
    this.change(limits, now);
  }

  /** Compares with these limits from now on. */
  change(limits: DegradeAbove, now: number = performance.now()): void {
    this.#limits = limits;
    if (limits.eventLoopDelayMs > 0) {
      if (this.#timer !== undefined) return;
      this.#measuredAt = now;
      this.#timer = setInterval(() => this.measure(performance.now()), INTERVAL_MS);
      return;
    }
    clearInterval(this.#timer);
    this.#timer = undefined;
    if (this.#late) this.#tell(false, "event_loop_delay_ms", 0, 0);
    this.#late = false;
  }

  /** Called every 100 ms: all other work of the thread is as late as this call. */
  measure(now: number): void {
    const elapsed = Math.max(0, now - this.#measuredAt);
    this.#measuredAt = now;
    const late = Math.max(0, elapsed - INTERVAL_MS);
    this.delayMs += (late - this.delayMs) * (1 - Math.exp(-elapsed / WINDOW_MS));
    const { eventLoopDelayMs: limit } = this.#limits;
    const over = limit > 0 && this.delayMs > limit * (this.#late ? DELAY_BACK : 1);
    if (over !== this.#late) this.#tell(over, "event_loop_delay_ms", this.delayMs, limit);
    this.#late = over;
  }

  /** Admits a new session beside `live` others, or throws `busy` with `retry_after_ms`. */
  admit(live: number): void {
    const { sessions: limit } = this.#limits;
    const over = limit > 0 && (this.#crowded ? live > limit * SESSIONS_BACK : live >= limit);
    if (over !== this.#crowded) this.#tell(over, "sessions", live, limit);
    this.#crowded = over;
    if (!this.#crowded && !this.#late) return;
    throw new FxferError("busy", "Cannot create session: the server is above degrade_above", {
      fields: { retry_after_ms: RETRY_MS },
      limit: "degrade_above",
    });
  }

  #tell(over: boolean, what: string, exact: number, limit: number): void {
    const facts = { rule: "S-DEG-1", value: Math.round(exact), limit } as const;
    if (over) this.#events.emit({ type: "server.degraded", above: what, ...facts });
    else this.#events.emit({ type: "server.recovered", below: what, ...facts });
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}
