/** Group commit: many uploads that flush at once share one flush. @module */

/**
 * Runs `flush` for a set of keys. A caller's flush always *starts* after its call, so everything
 * the caller did before is covered; callers that come while one runs share the next one.
 */
export class GroupSync {
  readonly #flush: (keys: ReadonlySet<string>) => Promise<void>;
  /** Settles with the flush under way and never fails. */
  #running: Promise<void> | undefined;
  #next: { readonly keys: Set<string>; readonly done: Promise<void> } | undefined;

  /** @param flush Makes what the keys name durable; its failure is the failure of all who share it. */
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
    // Registered before anything waits for it, so `#running` is clear when the next one begins.
    const settled: Promise<void> = run.catch(() => {}).then(() => {
      if (this.#running === settled) this.#running = undefined;
    });
    this.#running = settled;
    return run;
  }
}
