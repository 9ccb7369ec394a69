/** Whether the session store answers, as those find out who need it. @module */
import { FxferError } from "../errors.ts";
import type { Events } from "../events.ts";
import { describeError } from "../log.ts";
import type { SessionStore } from "../store/mod.ts";

/** Tells once that the store is lost, and once that it is back (S-DEG-2). */
export class StoreWatch {
  readonly #kind: string;
  readonly #events: Events;
  #lost = false;

  constructor({ kind }: SessionStore, events: Events) {
    this.#kind = kind;
    this.#events = events;
  }

  /** Something that needed the store has failed, possibly because of it. */
  failed(error: unknown): void {
    if (this.#lost || !(error instanceof FxferError) || error.code !== "store_unavailable") return;
    this.#lost = true;
    const cause = describeError(error);
    this.#events.emit({ type: "store.lost", rule: "S-DEG-2", store: this.#kind, cause });
  }

  /** The store has answered. */
  answered(): void {
    if (!this.#lost) return;
    this.#lost = false;
    this.#events.emit({ type: "store.back", rule: "S-DEG-2", store: this.#kind });
  }
}
