/**
 * The clocks of a connection (S-CLK) as one pure rule. The server asks it for all connections in one
 * interval: no timer is set and cleared for each read.
 *
 * @module
 */
import type { Code } from "../errors.ts";

/** How long each clock runs, in milliseconds; 0 switches one off.
 * @category Server */
export interface ClockLimits {
  /** Accept to the first whole header. */
  readonly handshakeMs: number;
  /** First byte of a header to its LF. */
  readonly headerMs: number;
  /** Since the last payload byte. */
  readonly stallMs: number;
  /** Bytes a second that a payload must bring, over {@linkcode RATE_WINDOW_MS}. */
  readonly minRate: number;
}

/** A payload's first seconds are free: slow start, a cold disk at the sender. */
export const RATE_GRACE_MS = 10_000;

/** The minimum rate is an average over this long. */
export const RATE_WINDOW_MS = 30_000;

/** What a connection waits for. `handshake`: its first header. `busy`: not for bytes, so no clock runs. */
export type Waiting = "handshake" | "idle" | "header" | "payload" | "busy";

/** What the clocks look at; times by one monotonic clock, in milliseconds. */
export interface ClockView {
  readonly waiting: Waiting;
  readonly acceptedAt: number;
  /** Since when the rest of a header is waited for; 0 while none has begun. */
  readonly headerSince: number;
  /** Since when bytes are waited for and none has come. */
  readonly quietSince: number;
  /** When the rate window began, and how many bytes it brought. */
  readonly windowAt: number;
  readonly received: number;
  readonly keepaliveMs: number;
}

/** The code of the clock that has run out, or undefined. There is no clock for a payload's whole length (S-CLK-2). */
export function expiredClock(view: ClockView, limits: ClockLimits, now: number): Code | undefined {
  const over = (since: number, ms: number) => ms > 0 && now - since > ms;
  switch (view.waiting) {
    case "handshake":
      if (over(view.acceptedAt, limits.handshakeMs)) return "handshake_timeout";
      // falls through
    case "header":
      if (view.headerSince === 0) return undefined;
      return over(view.headerSince, limits.headerMs) ? "header_timeout" : undefined;
    case "idle":
      return over(view.quietSince, 1.5 * view.keepaliveMs) ? "keepalive_timeout" : undefined;
    case "payload": {
      if (over(view.quietSince, limits.stallMs)) return "stalled";
      const window = now - view.windowAt;
      if (limits.minRate === 0 || window < RATE_WINDOW_MS) return undefined;
      return view.received < limits.minRate * (window / 1000) ? "too_slow" : undefined;
    }
    case "busy":
      return undefined;
  }
}

/** How often the clocks are looked at, in milliseconds: the shortest one decides, from 20 to 250. */
export function tickMs({ handshakeMs, headerMs, stallMs }: ClockLimits): number {
  const running = [handshakeMs, headerMs, stallMs].filter((ms) => ms > 0);
  return Math.max(20, Math.min(250, ...running.map((ms) => ms / 10)));
}
