/** How many requests a client has unanswered at a time: as many as the way to the server takes. Pure. @module */

/** How many requests are unanswered at most before anything is measured. */
const FIRST_WINDOW = 32;

/** A server answers about so many small requests in a millisecond. */
const REPLIES_PER_MS = 10;

/** The window grows while a larger one brings at least so many times the replies a second. */
const WORTHWHILE = 1.25;

/** Replies that came in at least so many times the time from the first to the last one left the way empty. */
const UNEVEN = 1.5;

/** With so many times what the way holds at the rate of the replies, the server always has work. */
const ENOUGH = 2;

/** The window grows to at least, and to at most, so many times its size. */
const SMALLEST_STEP = 2;
const LARGEST_STEP = 8;

/**
 * The window of a client. It begins with what a server answers in the time that its reply to the connect took,
 * and with 32 requests at least. When it is full, the requests in it are timed. If their replies came at a better
 * rate than with the window before, the window grows: where the replies came close together after a long
 * wait, the way to the server is empty for most of the time, and as many times more requests fit on it. So
 * the window grows with the distance to the server, and stays small where the server is the limit: more
 * requests in flight would only take memory there. A better rate alone does not tell where the limit is: both
 * ends get quicker with the first files. So a window whose replies came evenly is large enough if it is more
 * than the way holds.
 */
export class Window {
  #size = FIRST_WINDOW;
  /** What is timed: how many requests, since when, how many replies have come, and when the first one came. */
  #timed:
    | { readonly requests: number; readonly at: number; replies: number; first: number }
    | undefined;
  /** Replies in a millisecond, with the window that was the best until now. */
  #rate = 0;
  /** How long the shortest reply to a connect took; infinite while there was none. */
  #roundTripMs = Infinity;

  /**
   * Whether no more requests may be given out.
   *
   * @param unanswered How many have no reply; they are timed from now on if they fill the window.
   * @param most The server's limit.
   */
  isFull(unanswered: number, most: number, now: number): boolean {
    if (unanswered < Math.min(this.#size, most)) return false;
    if (this.#size < most) {
      this.#timed ??= { requests: unanswered, at: now, replies: 0, first: now };
    }
    return true;
  }

  /** The reply to a connect took so long: the way to the server holds what the server answers in that time. */
  connected(roundTripMs: number): void {
    this.#roundTripMs = Math.min(this.#roundTripMs, roundTripMs);
    this.#size = Math.max(this.#size, Math.ceil(REPLIES_PER_MS * roundTripMs));
  }

  /** How many requests may be unanswered, if the server takes as many. */
  get size(): number {
    return this.#size;
  }

  /** A request was answered. */
  answered(now: number): void {
    const timed = this.#timed;
    if (timed === undefined) return;
    if (timed.replies === 0) timed.first = now;
    if (++timed.replies < timed.requests) return;
    this.#timed = undefined;
    const whole = Math.max(now - timed.at, 0.001);
    const rate = timed.replies / whole;
    if (rate < WORTHWHILE * this.#rate) return;
    this.#rate = rate;
    const times = whole / Math.max(now - timed.first, 0.001);
    if (times < UNEVEN && this.#size >= ENOUGH * rate * this.#roundTripMs) return;
    this.#size = Math.ceil(
      this.#size * Math.min(Math.max(times, SMALLEST_STEP), LARGEST_STEP),
    );
  }

  /** The connection is another one: what was under way is not timed any more. */
  restart(): void {
    this.#timed = undefined;
  }
}
