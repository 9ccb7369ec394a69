/**
 * The clocks of a connection (S-CLK) as one pure function. The server calls it for every connection at each
 * tick of one timer, so that no read has to set and clear a timer of its own.
 *
 * @module
 */
import type { Code } from "../errors.ts";

/** How long each clock runs, in milliseconds; 0 switches one off.
 * @category Server */
export interface ClockLimits {
  /** From accept to the first whole header. */
  readonly handshakeMs: number;
  /** From a header's first byte to its LF. */
  readonly headerMs: number;
  /** Since the last payload byte. */
  readonly stallMs: number;
  /** Bytes a second that a payload must bring, over {@linkcode RATE_WINDOW_MS}. */
  readonly minRate: number;
}

/** For so long a displaced connection still reads what its peer has sent; its notice is due within 250 ms. */
export const TAKEOVER_GRACE_MS = 100;

/** While the server stops, a client between two frames of a file may be silent for this long. */
export const BETWEEN_FRAMES_MS = 1000;

/** A write that takes longer than this is stuck, in milliseconds: its peer does not read. */
export const STUCK_MS = 1000;

/** How long the last write after an interruption may take: the peer may not read. */
export const GOODBYE_MS = 250;

/** The minimum rate does not count a payload's first 10 s: TCP starts slowly, and so may the sender's disk. */
export const RATE_GRACE_MS = 10_000;

/** The rate is measured over this time. */
export const RATE_WINDOW_MS = 30_000;

/** What a connection waits for. `handshake`: for its first header. `busy`: for no bytes, so no clock runs. */
export type Waiting = "handshake" | "idle" | "header" | "payload" | "busy";

/** What decides whether a clock has run out; times by one monotonic clock, in milliseconds. */
export interface ClockView {
  readonly waiting: Waiting;
  readonly acceptedAt: number;
  /** When the wait for the rest of a header began; 0 while no header has begun. */
  readonly headerSince: number;
  /** When the read under way began: no byte has come since. */
  readonly quietSince: number;
  /** When the rate window began, and how many bytes it brought. */
  readonly windowAt: number;
  readonly received: number;
  readonly keepaliveMs: number;
}

/** The code of the clock that has run out, or undefined. No clock limits a whole payload (S-CLK-2). */
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

/** The time between two ticks in milliseconds, 20 to 250: a tenth of the shortest clock. */
export function tickMs({ handshakeMs, headerMs, stallMs }: ClockLimits): number {
  const running = [handshakeMs, headerMs, stallMs].filter((ms) => ms > 0);
  return Math.max(20, Math.min(250, ...running.map((ms) => ms / 10)));
}
