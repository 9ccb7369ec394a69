/**
 * Deadlines of many promises, with one timer: a timer for each costs as much as a small command to Redis. Open to
 * all folders; imports nothing.
 *
 * @module
 */

/** A promise that is waited for. */
interface Wait {
  readonly until: number;
  tooLate(): void;
}

/** Waits for promises, for the same time each. */
export class Deadlines {
  readonly #ms: number;
  /** In the order of their deadlines, because all have the same time. */
  readonly #waits = new Set<Wait>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isClosed = false;

  /** @param ms How long each is waited for, in milliseconds. */
  constructor(ms: number) {
    this.#ms = ms;
  }

  /**
   * The promise, or a rejection when its time was over first. A rejection that comes after that is swallowed.
   *
   * @param late Called when the time is over, before the rejection.
   */
  keep<T>(promise: Promise<T>, late?: () => void): Promise<T> {
    return new Promise((resolve, reject) => {
      const wait = {
        until: performance.now() + this.#ms,
        tooLate: () => {
          late?.();
          reject(new Error(`No reply within ${this.#ms} ms`));
        },
      };
      this.#waits.add(wait);
      this.#timer ??= setTimeout(this.#look, this.#ms);
      promise.then((value) => {
        this.#end(wait);
        resolve(value);
      }, (error) => {
        this.#end(wait);
        reject(error);
      });
    });
  }

  /** The timer is not kept for further promises. */
  close(): void {
    this.#isClosed = true;
    if (this.#waits.size === 0) this.#stop();
  }

  #end(wait: Wait): void {
    this.#waits.delete(wait);
    if (this.#isClosed && this.#waits.size === 0) this.#stop();
  }

  #stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** The timer may have been begun for a promise that has settled since. */
  readonly #look = (): void => {
    this.#timer = undefined;
    const now = performance.now();
    for (const wait of this.#waits) {
      if (wait.until > now) {
        this.#timer = setTimeout(this.#look, wait.until - now);
        return;
      }
      this.#waits.delete(wait);
      wait.tooLate();
    }
  };
}
