/**
 * Whether the server has more to do than it should: then new sessions give way to stateless service,
 * which costs less and needs nothing to be remembered (S-DEG-1). Sessions that exist go on.
 *
 * Two things are looked at: how many sessions are alive, and how late the event loop is. Both let
 * go below where they took hold, so that the server does not go to and fro.
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

/** How often lateness is measured: ten wake-ups a second are nothing. */
const INTERVAL_MS = 100;

/** Lateness is averaged over about this long: one slow turn is not yet a load. */
const WINDOW_MS = 1000;

/** Over its limit a number counts as over until it has fallen to this part of the limit. */
const SESSIONS_BACK = 0.9;
const DELAY_BACK = 0.5;

/** A client that can wait comes back after this long. */
const RETRY_MS = 1000;

/** See the module's text. Dispose of it to stop its timer. */
export class Overload implements Disposable {
  readonly #limits: DegradeAbove;
  readonly #events: Events;
  readonly #timer: ReturnType<typeof setInterval> | undefined;
  #measuredAt: number;
  #delayMs = 0;
  #late = false;
  #crowded = false;

  /** @param now Where {@linkcode Overload.measure} begins: milliseconds of a monotonic clock. */
  constructor(limits: DegradeAbove, events: Events, now: number = performance.now()) {
    this.#limits = limits;
    this.#events = events;
    this.#measuredAt = now;
    this.#timer = limits.eventLoopDelayMs > 0
      ? setInterval(() => this.measure(performance.now()), INTERVAL_MS)
      : undefined;
  }

  /** How late the event loop is, in milliseconds. */
  get delayMs(): number {
    return this.#delayMs;
  }

  /** Called every 100 ms; what it is late by is what all other work is late by. */
  measure(now: number): void {
    const elapsed = Math.max(0, now - this.#measuredAt);
    this.#measuredAt = now;
    const late = Math.max(0, elapsed - INTERVAL_MS);
    this.#delayMs += (late - this.#delayMs) * (1 - Math.exp(-elapsed / WINDOW_MS));
    const { eventLoopDelayMs: limit } = this.#limits;
    if (limit === 0 || this.#late === this.#delayMs > limit * (this.#late ? DELAY_BACK : 1)) return;
    this.#late = !this.#late;
    this.#tell(this.#late, "event_loop_delay_ms", Math.round(this.#delayMs), limit);
  }

  /**
   * Admits a new session.
   *
   * @param live Sessions alive without it.
   * @throws {FxferError} `busy` with `retry_after_ms`.
   */
  admit(live: number): void {
    const { sessions: limit } = this.#limits;
    if (
      limit > 0 && this.#crowded !== (this.#crowded ? live > limit * SESSIONS_BACK : live >= limit)
    ) {
      this.#crowded = !this.#crowded;
      this.#tell(this.#crowded, "sessions", live, limit);
    }
    if (!this.#crowded && !this.#late) return;
    throw new FxferError("busy", "Cannot create session: the server is above degrade_above", {
      fields: { retry_after_ms: RETRY_MS },
      limit: "degrade_above",
    });
  }

  #tell(over: boolean, what: string, value: number, limit: number): void {
    this.#events.emit(
      over
        ? { type: "server.degraded", rule: "S-DEG-1", above: what, value, limit }
        : { type: "server.recovered", rule: "S-DEG-1", below: what, value, limit },
    );
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}
