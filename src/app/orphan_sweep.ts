/**
 * What a starting server puts right of what an earlier one left.
 *
 * - A torn last line of the manifest was cut when storage was opened.
 * - Partial files no session speaks of are removed. Those a session speaks of, and young ones that
 *   another server on the folder may be receiving at this moment, are left alone.
 * - Intents (S-SEQ-5) are left to whoever holds the session next: its next connect, or its expiry.
 *   Only a holder may settle one: a start cannot tell a crashed server's intent from one that another
 *   server is carrying out just now, and settling that as well would list the file twice.
 *
 * @module
 */
import type { Logger } from "../log.ts";
import type { FileStorage } from "../storage/mod.ts";
import type { SessionStore } from "../store/mod.ts";

/** After this a sweep is tried again that could not ask the store, in milliseconds. */
const RETRY_MS = 5000;

/** After this the next sweep finds old what the last one found young. */
const AGAIN_MS = 660_000;

/**
 * Sweeps at the start, and now and then. While the store is away nobody knows which files are live,
 * so nothing is removed: the server serves what it can, and the sweep is tried again.
 *
 * @returns Ends it.
 */
export async function recover(
  storage: FileStorage,
  store: SessionStore | undefined,
  log: Logger,
): Promise<AsyncDisposable> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let running = Promise.resolve();
  let over = false;
  const attempt = async () => {
    let wait = AGAIN_MS;
    try {
      const removed = await sweepPartials(storage, store);
      if (removed > 0) log.info("storage.swept", { removed });
    } catch (cause) {
      wait = RETRY_MS;
      log.warn("sweep.postponed", { retry_ms: wait, cause });
    }
    if (!over) timer = setTimeout(() => running = attempt(), wait);
  };
  await attempt();
  return {
    async [Symbol.asyncDispose]() {
      over = true;
      clearTimeout(timer);
      await running;
    },
  };
}

async function sweepPartials(
  storage: FileStorage,
  store: SessionStore | undefined,
): Promise<number> {
  if (storage.sweep === undefined) return 0;
  const live = new Set<string>();
  if (store !== undefined) {
    for await (const { upload, intent } of store.list()) {
      if (upload !== null) live.add(upload.temporaryPath);
      if (intent !== null) live.add(intent.temporaryPath);
    }
  }
  return await storage.sweep((temporaryPath) => live.has(temporaryPath));
}
