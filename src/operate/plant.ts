/** What the door needs of the process that it belongs to. @module */
import type { Readiness } from "../admin/mod.ts";
import type { Config } from "../config/mod.ts";
import type { Events } from "../events.ts";
import type { HookStats } from "../hooks/mod.ts";
import type { Logger } from "../log.ts";
import type { FileStorage } from "../storage/mod.ts";
import type { SessionStore } from "../store/mod.ts";
import type { Sample } from "./tally.ts";

/** The settings of a running server. */
export interface LiveSettings {
  /** The configuration that holds at this moment. */
  readonly current: Config;
  /**
   * Changes settings by their paths, all or none.
   *
   * @returns The paths whose values are other ones now.
   * @throws {FxferError} `config_invalid` with every fault.
   */
  patch(changes: Readonly<Record<string, unknown>>): Promise<readonly string[]>;
}

/** A user, without the secret of the key. */
export interface KeyView {
  readonly name: string;
  readonly can: readonly string[];
  /** Bytes the user may store in all; null for no limit. */
  readonly quota_bytes: number | null;
  /** Files the user may store in all; null for no limit. */
  readonly quota_files: number | null;
  /** When the key ends; null for never. */
  readonly until: string | null;
  /** Bytes and files that count now; null where this process does not count them. */
  readonly used_bytes: number | null;
  readonly used_files: number | null;
}

/** The users' keys of a running server. */
export interface LiveKeys {
  list(): Promise<readonly KeyView[]>;
  /** Takes a key away until the next start; false if there is no such user. */
  revoke(name: string): boolean;
}

/** One server, or several workers that are one server, as the door sees it. */
export interface Plant {
  /** The version of the program. */
  readonly version: string;
  readonly log: Logger;
  readonly events: Events;
  readonly readiness: Pick<Readiness, "check">;
  readonly settings: LiveSettings;
  /** Absent where the server keeps no sessions. */
  readonly store?: SessionStore | undefined;
  readonly storage: FileStorage;
  /** How many threads serve. */
  readonly workers: number;
  /** What each of them has counted. */
  samples(): Promise<readonly Sample[]>;
  /** Whether somebody listens to all events, so that workers tell all of theirs. */
  watch(on: boolean): void;
  /** Bytes of stored files in all; absent where nobody counts them. */
  readonly used?: (() => number) | undefined;
  /** Bytes free on the disk of the storage; absent where the process may not ask. */
  readonly free?: (() => number) | undefined;
  /** What becomes of hooks; absent where there are none. */
  readonly hooks?: { readonly stats: HookStats } | undefined;
  /** What users have stored, where it is counted: a file that is removed counts no more. */
  readonly quotas?: { giveBack(user: string, path: string): void | Promise<void> } | undefined;
  /** The key that sessions are sealed with when they move; absent where none is configured. */
  readonly moveKey?: CryptoKey | undefined;
  /** The users' keys; absent where there are none. */
  readonly keys?: LiveKeys | undefined;
  /** When the TLS certificate ends, in milliseconds since the epoch; absent without TLS. */
  readonly certificateUntil?: (() => number) | undefined;
  /** Begins a graceful stop (S-DRN-1). */
  drain(): void;
}
