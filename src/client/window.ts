/** How many requests a client has unanswered at a time: as many as the way to the server takes. Pure. @module */

/** How many requests are unanswered at most before anything is measured. */
const FIRST_WINDOW = 16;

/** The window grows while twice as many requests bring at least so many times the replies a second. */
const WORTHWHILE = 1.25;

/**
 * No other frame is begun while more bytes of payload than this are unanswered (S-SEQ-6): after a lost
 * connection they may have to be sent again. Two frames of a large file are under way, so that the second
 * travels while the first is answered.
 */
export const MAX_UNANSWERED_BYTES: number = 8 * 1024 * 1024;

/**
 * The window of a client. When it is full, one request is timed: if the replies that came meanwhile are more
 * a second than with the window before, the window doubles. So it grows with the distance to the server, and
 * stays small where the server is the limit: more requests in flight would only take memory there.
 */
export class Window {
  #size = FIRST_WINDOW;
  /** The request that is being timed: how many replies come before its own, and when it was given out. */
  #timed: { before: number; at: number; replies: number } | undefined;
  /** Replies in a millisecond, with the window that was the best until now. */
  #rate = 0;

  /**
   * Whether no more requests may be given out.
   *
   * @param unanswered How many have no reply; one is timed from now on if these fill the window.
   * @param most The server's limit.
   */
  isFull(unanswered: number, most: number, now: number): boolean {
    if (unanswered < Math.min(this.#size, most)) return false;
    if (this.#size < most) this.#timed ??= { before: unanswered, at: now, replies: 0 };
    return true;
  }

  /** A request was answered. */
  answered(now: number): void {
    const timed = this.#timed;
    if (timed === undefined || ++timed.replies < timed.before) return;
    this.#timed = undefined;
    const rate = timed.replies / Math.max(now - timed.at, 0.001);
    if (rate < WORTHWHILE * this.#rate) return;
    this.#rate = rate;
    this.#size *= 2;
  }

  /** The connection is another one: what was under way is not timed any more. */
  restart(): void {
    this.#timed = undefined;
  }
}
