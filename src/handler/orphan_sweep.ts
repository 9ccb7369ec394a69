/**
 * What a starting server puts right of what an earlier one left, and looks for again now and then.
 *
 * - A torn last line of the manifest was cut when storage was opened.
 * - Partial files that no session speaks of are removed. Those that a session speaks of stay, and so do
 *   young ones, which another server on the folder may be receiving at this moment.
 * - Intents (S-SEQ-5) are left to the session's next holder: its next connect, or its expiry. A start
 *   cannot tell a crashed server's intent from one that another server is carrying out just now, and
 *   settling that one as well would list the file twice.
 *
 * @module
 */
import type { Events } from "../events.ts";
import type { Logger } from "../log.ts";
import type { FileStorage } from "../storage/mod.ts";
import type { SessionStore } from "../store/mod.ts";

/** The pause before a sweep that could not ask the store is tried again, in milliseconds. */
const RETRY_MS = 5000;

/** The pause between two sweeps, in milliseconds: a file that was too young for one is old for the next. */
const AGAIN_MS = 660_000;

/**
 * Sweeps at once and then every 11 minutes, in the background. While the store is away nobody knows
 * which files are live, so nothing is removed, and the sweep is tried again.
 *
 * @param store The sessions that may speak of files in this storage; absent: there are none.
 * @returns Ends it, after a sweep that is under way.
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
    let wait = AGAIN_MS;
    try {
      const removed = await sweepOnce(storage, store);
      if (removed > 0) events.emit({ type: "storage.swept", removed });
    } catch (cause) {
      wait = RETRY_MS;
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

async function sweepOnce(storage: FileStorage, store: SessionStore | undefined): Promise<number> {
  const live = new Set<string>();
  if (store !== undefined) {
    for await (const { upload, intent } of store.list()) {
      if (upload !== null) live.add(upload.temporaryPath);
      if (intent !== null) live.add(intent.temporaryPath);
    }
  }
  return await storage.sweep?.((temporaryPath) => live.has(temporaryPath)) ?? 0;
}
