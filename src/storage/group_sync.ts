/** Group commit: uploads that want to flush at the same time share one flush. @module */

/**
 * Runs `flush` for a set of keys. A flush that serves a call always begins after the call, so it covers
 * everything that the caller wrote before. Calls that come while a flush runs share the next one.
 */
export class GroupSync {
  readonly #flush: (keys: ReadonlySet<string>) => Promise<void>;
  /** Settles when the flush under way has ended; never rejects. */
  #running: Promise<void> | undefined;
  #next: { readonly keys: Set<string>; readonly done: Promise<void> } | undefined;

  /** @param flush Makes what the keys name durable. If it fails, every call that shares it fails. */
  constructor(flush: (keys: ReadonlySet<string>) => Promise<void>) {
    this.#flush = flush;
  }

  /** Settles when a flush that began after this call has ended. */
  sync(key: string): Promise<void> {
    if (this.#next !== undefined) {
      this.#next.keys.add(key);
      return this.#next.done;
    }
    const keys = new Set([key]);
    if (this.#running === undefined) return this.#run(keys);
    const done = this.#running.then(() => {
      this.#next = undefined;
      return this.#run(keys);
    });
    this.#next = { keys, done };
    return done;
  }

  #run(keys: ReadonlySet<string>): Promise<void> {
    const run = this.#flush(keys);
    // This handler is registered first, so `#running` is undefined when the next flush begins.
    const settled: Promise<void> = run.catch(() => {}).then(() => {
      if (this.#running === settled) this.#running = undefined;
    });
    this.#running = settled;
    return run;
  }
}
