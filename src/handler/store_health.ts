/** Whether the store answers, as far as this server has seen. @module */
import { FxferError } from "../errors.ts";
import type { Events } from "../events.ts";
import { describeError } from "../log.ts";
import type { SessionStore } from "../store/mod.ts";

/** Tells once when the store is lost, and once when it is back (S-DEG-2). */
export class StoreHealth {
  readonly #store: SessionStore;
  readonly #events: Events;
  #lost = false;

  constructor(store: SessionStore, events: Events) {
    this.#store = store;
    this.#events = events;
  }

  /** To be called with the error of whatever needs the store: some of them mean that it is lost. */
  failed(error: unknown): void {
    if (this.#lost || !(error instanceof FxferError) || error.code !== "store_unavailable") return;
    this.#lost = true;
    const facts = { store: this.#store.kind, cause: describeError(error) };
    this.#events.emit({ type: "store.lost", rule: "S-DEG-2", ...facts });
  }

  /** To be called when the store has answered. */
  answered(): void {
    if (!this.#lost) return;
    this.#lost = false;
    this.#events.emit({ type: "store.back", rule: "S-DEG-2", store: this.#store.kind });
  }

  /** Tells that the store is back, if it was lost and takes writes again: a list may be read without. */
  async proveBack(): Promise<void> {
    if (!this.#lost) return;
    try {
      await this.#store.check?.();
      this.answered();
    } catch {
      // It is still lost.
    }
  }
}
