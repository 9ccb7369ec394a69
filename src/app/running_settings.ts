/** The settings of a server that runs, and how they change. @module */
import { changeConfig, changesTo, type Config } from "../config/mod.ts";
import { FxferError, reasonOf } from "../errors.ts";
import type { Events } from "../events.ts";

/** What {@linkcode RunningSettings} works with. */
export interface RunningSettingsOptions {
  /** The configuration that the server was started with. */
  readonly config: Config;
  /** Whether the server keeps sessions: without a store, no mode with sessions can be switched on. */
  readonly sessions: boolean;
  /** Reads file and flags again. */
  readonly load: () => Promise<Config>;
  /** Hands the server a configuration that was checked. Must not fail. */
  readonly apply: (config: Config) => void;
  readonly events: Events;
}

/** Changes settings as a whole or not at all (S-ADM-3). */
export class RunningSettings {
  readonly #options: RunningSettingsOptions;
  #current: Config;

  constructor(options: RunningSettingsOptions) {
    this.#options = options;
    this.#current = options.config;
  }

  /** The configuration that holds at this moment. */
  get current(): Config {
    return this.#current;
  }

  /**
   * Changes settings by their paths, until the next reload or restart.
   *
   * @returns The paths that have another value now.
   * @throws {FxferError} `config_invalid` with every fault.
   */
  // deno-lint-ignore require-await -- a throw must become a rejection
  async patch(changes: Readonly<Record<string, unknown>>): Promise<readonly string[]> {
    return this.#change(changes, []);
  }

  /** Reads file and flags again. What takes a restart stays as it is, and is told. Never rejects. */
  async reload(): Promise<void> {
    const { load, events } = this.#options;
    try {
      const { live, fixed } = changesTo(this.#current, await load());
      this.#change(live, fixed);
    } catch (error) {
      events.emit({ type: "settings.refused", rule: "S-ADM-3", reason: reasonOf(error) });
    }
  }

  #change(
    changes: Readonly<Record<string, unknown>>,
    restart: readonly string[],
  ): readonly string[] {
    const { sessions, apply, events } = this.#options;
    const next = changeConfig(this.#current, changes);
    if (!sessions && next.server.mode !== "stateless") {
      throw new FxferError(
        "config_invalid",
        "Cannot use configuration: server.mode: the server was started without sessions, so this " +
          "takes a restart",
      );
    }
    const changed = Object.keys(changesTo(this.#current, next).live);
    this.#current = next;
    if (changed.length > 0) apply(next);
    if (changed.length + restart.length > 0) {
      const facts = { changed, ...(restart.length > 0 && { restart }) };
      events.emit({ type: "settings.changed", rule: "S-ADM-3", ...facts });
    }
    return changed;
  }
}
