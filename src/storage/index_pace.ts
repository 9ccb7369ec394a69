/**
 * When the lines that wait come into the index. A row takes as long as half a small file, so nobody is kept
 * waiting for it while files come in.
 *
 * @module
 */

/** So many lines wait at most: after a crash a start reads them in a second or so. */
const MAX_WAITING = 100_000;

/** How often a process looks whether it is time, in milliseconds. */
const LOOK_MS = 200;

/** After so many looks without a new line, that is in 2 s, nobody is kept waiting. */
const QUIET_LOOKS = 10;

/** So long after a list was asked for, in milliseconds, lines come into the index at each look. */
const LISTED_MS = 30_000;

/** The lines that wait for the index of one process. */
export class IndexPace {
  /** How many lines wait. */
  waiting = 0;
  readonly #look: (isTime: boolean) => void;
  readonly #lookMs: number;
  #waitingBefore = 0;
  #quietLooks = 0;
  #listedAt = -Infinity;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #stopped = false;

  /** @param look Is told at each look whether it is time. @param lookMs Overrides the time between looks, for tests. */
  constructor(look: (isTime: boolean) => void, lookMs: number = LOOK_MS) {
    this.#look = look;
    this.#lookMs = lookMs;
  }

  /** So many more lines wait; none where there is only to be a look. */
  add(lines: number): void {
    this.waiting += lines;
    if (!this.#stopped) this.#timer ??= setTimeout(() => this.#looks(), this.#lookMs);
  }

  /** Somebody asks for a list. */
  listed(): void {
    this.#listedAt = performance.now();
  }

  /** So many lines have come into the index. */
  written(lines: number): void {
    this.waiting = this.#waitingBefore = Math.max(0, this.waiting - lines);
  }

  /** Ends the looks. */
  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  #looks(): void {
    this.#timer = undefined;
    this.#quietLooks = this.waiting === this.#waitingBefore ? this.#quietLooks + 1 : 0;
    this.#waitingBefore = this.waiting;
    const listed = performance.now() - this.#listedAt < LISTED_MS;
    const isTime = this.waiting > 0 &&
      (listed || this.#quietLooks >= QUIET_LOOKS || this.waiting > MAX_WAITING);
    if (isTime || this.waiting === 0) this.#quietLooks = 0;
    else this.add(0);
    this.#look(isTime);
  }
}
