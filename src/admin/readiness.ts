/** Whether a server should get new connections, or why not. @module */
import { type Logger, silentLogger } from "../log.ts";
import type { Server } from "../server/mod.ts";
import type { FileStorage } from "../storage/mod.ts";
import type { SessionStore } from "../store/mod.ts";
import { LATE, within } from "../within.ts";

/** What a server needs to be ready.
 * @category Server */
export interface ReadinessParts {
  /** The server, or whatever knows whether it stops. */
  readonly server: Pick<Server, "stopping">;
  /** Where files go. */
  readonly storage: Pick<FileStorage, "check">;
  /** When the certificate ends, in milliseconds since 1970; absent where there is no TLS. */
  readonly certificateUntil?: (() => number) | undefined;
  /** Absent where there are no sessions. */
  readonly store?: Pick<SessionStore, "stats" | "check"> | undefined;
}

/**
 * Why a server is not ready: it was told to stop; sessions cannot be remembered; files cannot be kept;
 * clients refuse the certificate, which has ended; a part of the server does not answer.
 * @category Server
 */
export type UnreadyReason = "stopping" | "store" | "storage" | "certificate" | "workers";

/** Whether a server should get new connections.
 * @category Server */
export type ReadyState =
  | { readonly ready: true }
  | { readonly ready: false; readonly reason: UnreadyReason };

/** An answer holds for this long: frequent probes must not make the server write to its disk all day. */
const KEEP_MS = 1000;

/** A part that takes longer to answer counts as not ready. */
const PATIENCE_MS = 1500;

const READY: ReadyState = { ready: true };

/** Looks at the parts of a server when asked, at most once a second.
 * @category Server */
export class Readiness {
  readonly #parts: ReadinessParts;
  readonly #log: Logger;
  #last: { readonly at: number; readonly state: Promise<ReadyState> } | undefined;
  #told: UnreadyReason | undefined;

  /** Looks at these parts when asked. @param log Has a line when the server is no longer ready, or is again. */
  constructor(parts: ReadinessParts, log: Logger = silentLogger) {
    this.#parts = parts;
    this.#log = log;
  }

  /** Whether the server is ready, or why not. Never rejects. */
  check(): Promise<ReadyState> {
    // A stop counts at once, although an earlier answer may still hold (S-DRN-1).
    if (this.#parts.server.stopping) return Promise.resolve({ ready: false, reason: "stopping" });
    const now = performance.now();
    if (this.#last === undefined || now - this.#last.at > KEEP_MS) {
      this.#last = { at: now, state: this.#look() };
    }
    return this.#last.state;
  }

  async #look(): Promise<ReadyState> {
    const { storage, store, certificateUntil } = this.#parts;
    const state = await this.#probe("storage", () => storage.check()) ??
      await this.#probe("store", () => store?.check?.() ?? store?.stats()) ??
      await this.#probe("certificate", () => mustBeValid(certificateUntil?.())) ?? READY;
    if (state.ready && this.#told !== undefined) this.#log.info("health.ready");
    this.#told = state.ready ? undefined : state.reason;
    return state;
  }

  async #probe(
    reason: UnreadyReason,
    work: () => Promise<unknown> | undefined,
  ): Promise<ReadyState | undefined> {
    try {
      if (await within(PATIENCE_MS, Promise.resolve(work())) !== LATE) return undefined;
      throw new Error(`Cannot see ${reason}: it did not answer in ${PATIENCE_MS} ms`);
    } catch (cause) {
      if (this.#told !== reason) this.#log.warn("health.unready", { reason, cause });
      return { ready: false, reason };
    }
  }
}

/** Rejects if the certificate has ended. @param until Its end; undefined where there is none. */
function mustBeValid(until = Infinity): Promise<void> {
  if (Date.now() <= until) return Promise.resolve();
  const end = new Date(until).toISOString();
  return Promise.reject(
    new Error(`Cannot be verified by clients: the certificate ended at ${end}`),
  );
}
