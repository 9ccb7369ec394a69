/**
 * What a server does without being asked: it finds out which sessions another instance has taken over
 * (S-TAKE-3), ends sessions that have expired, forgets old tombstones, and removes partial files that no
 * session names. Clients depend on the first alone: a connect decides whether a session lives by its
 * record and the time (S-CLK-1).
 *
 * @module
 */
import type { Events } from "../events.ts";
import type { Logger } from "../log.ts";
import { expire, lifeOf, renewLease, type SessionRecord } from "../session/mod.ts";
import type { FileStorage } from "../storage/mod.ts";
import type { SessionStore } from "../store/mod.ts";
import { tellFinished } from "./recovery.ts";
import type { SessionServices } from "./attachments.ts";
import { tell } from "./tell.ts";

/** How often the epochs of the sessions held here are compared with the store, in milliseconds (S-TAKE-3). */
const LOOK_MS = 1000;

/** Between two sweeps of the sessions, in milliseconds. */
const SWEEP_MS = 5000;

/** Between two sweeps of partial files, in milliseconds: longer than the 10 minutes for which a young file stays. */
const ORPHANS_MS = 660_000;

/** The pause after a sweep of partial files that could not ask the store, in milliseconds. */
const ORPHANS_RETRY_MS = 5000;

/** Runs `work`, which must not fail, again and again, one run after the other, until disposed. */
function repeatEvery(ms: number, work: () => Promise<void>): AsyncDisposable {
  let running: Promise<void> | undefined;
  const timer = setInterval(() => running ??= work().finally(() => running = undefined), ms);
  return {
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      await running;
    },
  };
}

/**
 * Watches for takeovers by other instances until disposed: by their announcements where the store
 * carries them, else by a look into the store once a second. A session's next save would find a takeover
 * too, but a connection may save nothing for a while. No other instance can use a store that is not
 * persistent, so such a store is not watched.
 */
export function watchTakeovers(services: SessionServices): AsyncDisposable {
  const { attachments: { holders, parked }, store, log } = services;
  if (store.watch !== undefined) {
    return store.watch(async (id, epoch) => {
      try {
        if (!holders.has(id) && !parked.has(id)) return;
        // An announcement says that a session is elsewhere; the record says where.
        const kept = await store.load(id).catch(() => undefined);
        await fence(services, kept !== undefined && kept.epoch >= epoch ? kept : { id, epoch });
      } catch (cause) {
        log.warn("fence.failed", { cause });
      }
    });
  }
  if (!store.persistent) return { [Symbol.asyncDispose]: () => Promise.resolve() };
  return repeatEvery(LOOK_MS, async () => {
    try {
      for (const id of [...holders.keys()]) {
        const kept = await store.load(id);
        if (kept !== undefined) await fence(services, kept);
      }
    } catch {
      // The store is away: the next request that needs it is refused.
    }
  });
}

/**
 * Lets go of a session that has a newer epoch in the store: its connection is told and saves nothing
 * more, its open file is closed. The bytes of the file stay, because they belong to the new holder.
 *
 * @param kept The session as the store has it.
 */
async function fence(
  { attachments }: SessionServices,
  kept: Pick<SessionRecord, "id" | "epoch" | "moved">,
): Promise<void> {
  const { id, epoch } = kept;
  const holder = attachments.holders.get(id);
  if (holder !== undefined && holder.record.epoch < epoch && !holder.displaced) {
    holder.displace(kept);
  }
  const parked = attachments.parked.get(id);
  if (parked === undefined || parked.epoch >= epoch || attachments.isConnecting(id)) return;
  await attachments.unpark(id)?.release();
}

/** Sweeps every 5 s until disposed. */
export function sweepRegularly(services: SessionServices): AsyncDisposable {
  const { health, log } = services;
  return repeatEvery(SWEEP_MS, async () => {
    try {
      await sweep(services);
      health.answered();
    } catch (cause) {
      health.failed(cause);
      log.warn("sweep.failed", { cause });
    }
  });
}

/** One pass over the store. Throws what the store throws. */
export async function sweep(services: SessionServices): Promise<void> {
  const { attachments, store, options, events } = services;
  for await (const record of store.list()) {
    // Finds the takeovers whose announcement was lost.
    if (record.instance !== options.instance) await fence(services, record);
    const life = lifeOf(record, options.now());
    if (life === "attached" || life === "detached") continue;
    if (record.endedAt === null) {
      await expireUnlessHeld(services, record);
      continue;
    }
    // Another process may have ended the session: then the file parked here is of no use any more.
    // A session that has moved keeps its bytes: its hand-over may have to be written down again.
    if (record.moved === undefined && attachments.parked.has(record.id)) {
      await removePartial(services, record, record);
    }
    if (life !== "forgotten") continue;
    // S-CLK-3: an ended record is never written again, so it cannot have come back to life.
    await store.delete(record.id);
    tell(events, "session.forgotten", "S-CON-4", record, { ...record, state: "forgotten" }, {});
  }
}

/**
 * Ends a session whose time is over and removes its partial file; if another process writes the
 * record in between, that write wins (S-CLK-3). Where a connection of this process holds the session,
 * the lease is renewed instead: a quiet connection, in a payload that stands still, may outlive its
 * lease, but expiry runs from detach only.
 *
 * @returns Whether the session lives on.
 */
export async function expireUnlessHeld(
  services: SessionServices,
  record: SessionRecord,
): Promise<boolean> {
  const { attachments, store, options, events } = services;
  const holder = attachments.holders.get(record.id);
  if (holder !== undefined && !holder.displaced) {
    const before = await holder.save(renewLease);
    holder.tell("session.renewed", "S-CLK-4", before, {});
    return true;
  }
  const expired = expire(record, options.now());
  if (await store.save(expired)) {
    tell(events, "session.expired", "S-CLK-1", record, expired, {});
    await removePartial(services, record, expired);
  }
  return false;
}

/**
 * Removes the partial file of a session that has ended. A file that had got its final name before a
 * crash keeps it, and gets its line in the manifest.
 *
 * @param record The record before the end; it names no open file if another instance ended the session.
 * @param ended The record now.
 */
export async function removePartial(
  services: SessionServices,
  record: SessionRecord,
  ended: SessionRecord,
): Promise<void> {
  const { attachments, storage, events } = services;
  const { id, upload, intent } = record;
  const parked = attachments.unpark(id);
  if (parked !== undefined) await parked.discard();
  else if (upload !== null) await storage.partials?.remove(upload);
  if (intent !== null) {
    tellFinished(services, record, ended, await storage.recover?.(intent));
  } else if (upload !== null) {
    tell(events, "transfer.dropped", "S-TRF-4", ended, ended, { reason: "ended" });
  }
}

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
      for await (const { upload, intent } of store?.list() ?? []) {
        if (upload !== null) live.add(upload.temporaryPath);
        if (intent !== null) live.add(intent.temporaryPath);
      }
      const removed = await storage.sweep?.((temporaryPath) => live.has(temporaryPath)) ?? 0;
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
