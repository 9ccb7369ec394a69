/** Waiting that can always be ended: no timer outlives its reason. @module */

/** A pause; an abort ends it early, without an error. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted || ms <= 0) return Promise.resolve();
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  const end = () => resolve();
  signal.addEventListener("abort", end);
  return promise.finally(() => {
    clearTimeout(timer);
    signal.removeEventListener("abort", end);
  });
}

/** A place for one to wait until someone says that there is news; news before the wait count. */
export class Gate {
  #news = false;
  #resolve: (() => void) | undefined;

  /** There is news. */
  open(): void {
    this.#news = true;
    this.#resolve?.();
  }

  /** Waits for news, at most `ms` milliseconds when given. */
  async wait(ms?: number): Promise<void> {
    if (!this.#news) {
      let timer: ReturnType<typeof setTimeout> | undefined;
      await new Promise<void>((resolve) => {
        this.#resolve = resolve;
        if (ms !== undefined) timer = setTimeout(resolve, ms);
      });
      this.#resolve = undefined;
      if (timer !== undefined) clearTimeout(timer);
    }
    this.#news = false;
  }
}
