/** Removes partial files that no session names: what a server does at its start, and now and then. @module */
import type { Events } from "../events.ts";
import type { Logger } from "../log.ts";
import type { FileStorage } from "../storage/mod.ts";
import type { SessionStore } from "../store/mod.ts";

/** Between two sweeps of partial files, in milliseconds: longer than the 10 minutes for which a young file stays. */
const ORPHANS_MS = 660_000;

/** The pause after a sweep of partial files that could not ask the store, in milliseconds. */
const ORPHANS_RETRY_MS = 5000;

/**
 * Removes the partial files that no session names, at once and then every 11 minutes, in the background.
 *
 * Young files stay, because another server on the folder may be receiving them. Intents (S-SEQ-5) are
 * left to the session's next connect or its expiry: this sweep cannot tell a crashed server's intent from
 * one that another server is carrying out now, and if both carried it out, the file would be listed twice.
 * While the store is away nothing is removed, and the sweep is tried again.
 *
 * @param store Has the sessions that may name files in this storage; absent where there are no sessions.
 * @returns To be disposed of: ends the sweeps, and waits for one that is under way.
 */
export function sweepOrphans(
  storage: FileStorage,
  store: SessionStore | undefined,
  events: Events,
  log: Logger,
): AsyncDisposable {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let over = false;
  const attempt = async () => {
    let wait = ORPHANS_MS;
    try {
      const live = new Set<string>();
      for await (const { id, upload, intent } of store?.list() ?? []) {
        live.add(id);
        if (upload !== null) live.add(upload.temporaryPath);
        if (intent !== null) live.add(intent.temporaryPath);
      }
      const removed = await storage.sweep?.((named) => live.has(named)) ?? 0;
      if (removed > 0) events.emit({ type: "storage.swept", removed });
    } catch (cause) {
      wait = ORPHANS_RETRY_MS;
      log.warn("sweep.postponed", { retry_ms: wait, cause });
    }
    if (!over) timer = setTimeout(() => running = attempt(), wait);
  };
  let running = storage.sweep === undefined ? Promise.resolve() : attempt();
  return {
    async [Symbol.asyncDispose]() {
      over = true;
      clearTimeout(timer);
      await running;
    },
  };
}
