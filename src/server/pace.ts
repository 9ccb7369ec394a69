/**
 * The pace of frames that change nothing (S-FAIR-1): heartbeats, and frames that are refused. They cost their
 * sender next to nothing, and the server time and garbage. A connection may have a few of them at any time;
 * for more it waits in line with all others.
 *
 * @module
 */

/** A server answers so many frames a second that change nothing. */
const FRAMES_PER_MS = 5;

/** What was not used in the last moments may be made up for: so many frames of it. */
const BURST = 20_000;

/** A connection may have so many of them before it has to ask for more. */
export const FRAMES_AT_ONCE = 16;

/** The line moves on after so long, in milliseconds. */
const STEP_MS = 10;

/** The one account of a server. */
export class Pace {
  readonly #now: () => number;
  readonly #line = new Set<() => void>();
  /** How many frames may be answered now, and when that was. */
  #left = BURST;
  #at: number;
  /** The next look at the line, while somebody is in it. */
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** All frames so far that changed nothing. */
  frames = 0;

  /** @param now Milliseconds of a monotonic clock. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
    this.#at = now();
  }

  /** Asks for {@linkcode FRAMES_AT_ONCE} more frames: false if there are none now. */
  take(): boolean {
    return this.#line.size === 0 && this.#take();
  }

  #take(): boolean {
    const now = this.#now();
    this.#left = Math.min(BURST, this.#left + (now - this.#at) * FRAMES_PER_MS);
    this.#at = now;
    if (this.#left < FRAMES_AT_ONCE) return false;
    this.#left -= FRAMES_AT_ONCE;
    return true;
  }

  /** Puts `go` at the end of the line: it is called once, with the next frames that are left. */
  wait(go: () => void): void {
    this.#line.add(go);
    this.#timer ??= setTimeout(() => this.#move(), STEP_MS);
  }

  /** Takes it out of the line. */
  leave(go: () => void): void {
    this.#line.delete(go);
    if (this.#line.size > 0) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #move(): void {
    this.#timer = undefined;
    for (const go of this.#line) {
      if (!this.#take()) break;
      this.#line.delete(go);
      go();
    }
    if (this.#line.size > 0) this.#timer ??= setTimeout(() => this.#move(), STEP_MS);
  }
}
