/** Group commit: many uploads that flush at once share one flush. @module */

/**
 * Runs `flush` for a set of keys. A caller's flush always *starts* after its call, so everything
 * the caller did before is covered; callers that come while one runs share the next one.
 */
export class GroupSync {
  readonly #flush: (keys: ReadonlySet<string>) => Promise<void>;
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
    const done = this.#start(keys);
    if (this.#running !== undefined) this.#next = { keys, done };
    return done;
  }

  async #start(keys: Set<string>): Promise<void> {
    const before = this.#running;
    if (before !== undefined) {
      await before.catch(() => {});
      this.#next = undefined;
    }
    const run = this.#flush(keys);
    this.#running = run;
    try {
      await run;
    } finally {
      if (this.#running === run) this.#running = undefined;
    }
  }
}
