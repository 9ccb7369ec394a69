/**
 * A list of events that tests can wait on: what has already happened counts, so there is no race
 * between the deed and the wait.
 *
 * @module
 */

interface Waiter<T> {
  readonly matches: (event: T) => boolean;
  readonly resolve: (event: T) => void;
  readonly reject: (reason: Error) => void;
}

/** Remembers events in order and wakes those who wait for one. */
export class EventLog<T> {
  /** Everything that happened, oldest first. */
  readonly all: T[] = [];
  readonly #waiters = new Set<Waiter<T>>();
  #ended: Error | undefined;

  /** Adds an event and wakes whoever waits for it. */
  push(event: T): void {
    this.all.push(event);
    for (const waiter of this.#waiters) {
      if (!waiter.matches(event)) continue;
      this.#waiters.delete(waiter);
      waiter.resolve(event);
    }
  }

  /** No more events will come: those who wait get `reason` at once. */
  end(reason: Error): void {
    this.#ended ??= reason;
    for (const waiter of this.#waiters) waiter.reject(reason);
    this.#waiters.clear();
  }

  /** The first event that matches, past or future. */
  wait(matches: (event: T) => boolean, what = "an event", timeoutMs = 10_000): Promise<T> {
    const past = this.all.find(matches);
    if (past !== undefined) return Promise.resolve(past);
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const waiter: Waiter<T> = { matches, resolve, reject };
    this.#waiters.add(waiter);
    const timer = setTimeout(() => {
      this.#waiters.delete(waiter);
      reject(new Error(`Cannot wait longer for ${what}: ${timeoutMs} ms are over`));
    }, timeoutMs);
    return promise.finally(() => clearTimeout(timer));
  }
}
