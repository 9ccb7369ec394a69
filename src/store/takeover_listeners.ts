/** Who watches takeovers in this process, for the stores that live in it. @module */
import type { TakeoverListener, TakeoverWatch } from "./types.ts";

/** The listeners of one store. */
export class TakeoverListeners {
  readonly #listeners = new Set<TakeoverListener>();

  /** Tells all of them, at once. */
  tell(id: string, epoch: number): void {
    for (const listener of this.#listeners) listener(id, epoch);
  }

  /** Adds one, until its watch is disposed of. */
  add(listener: TakeoverListener): TakeoverWatch {
    this.#listeners.add(listener);
    return {
      [Symbol.asyncDispose]: () => {
        this.#listeners.delete(listener);
        return Promise.resolve();
      },
    };
  }
}
