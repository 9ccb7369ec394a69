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

  /** To be called with each error of work that needs the store: `store_unavailable` means that it is lost. */
  failed(error: unknown): void {
    if (this.#lost || !(error instanceof FxferError) || error.code !== "store_unavailable") return;
    this.#lost = true;
    const facts = { store: this.#store.kind, cause: describeError(error) };
    this.#events.emit({ type: "store.lost", rule: "S-DEG-2", ...facts });
  }

  /** To be called when the store has stored something. */
  answered(): void {
    if (!this.#lost) return;
    this.#lost = false;
    this.#events.emit({ type: "store.back", rule: "S-DEG-2", store: this.#store.kind });
  }

  /** To be called when the store has let itself be read: a store that was lost must take writes, too. */
  async read(): Promise<void> {
    if (!this.#lost) return;
    await this.#store.check?.();
    this.answered();
  }
}
