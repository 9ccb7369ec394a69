/**
 * What a server does without being asked: it finds out which sessions another instance has taken over
 * (S-TAKE-3), ends sessions that have expired, and forgets old tombstones. Clients depend on the first alone: a connect decides whether a session lives by its
 * record and the time (S-CLK-1).
 *
 * @module
 */
import { FxferError } from "../errors.ts";
import {
  expire,
  lifeOf,
  look,
  mayEnd,
  renewLease,
  type SessionRecord,
  type Sight,
} from "../session/mod.ts";
import { chargeFinished, finishFile, tellFinished } from "./recovery.ts";
import type { Attachment, SessionServices } from "./attachments.ts";
import { isTaken, type KeptSession } from "./kept_session.ts";
import { tell } from "./tell.ts";

/** How often the epochs of the sessions held here are compared with the store, in milliseconds (S-TAKE-3). */
const LOOK_MS = 1000;

/** How many records such a look asks for at once. */
const LOADS = 32;

/** Between two sweeps of the sessions, in milliseconds. */
const SWEEP_MS = 5000;

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
 * Watches for takeovers by other instances until disposed: by their announcements while these arrive, else
 * by a look into the store once a second. A session's next save would find a takeover too, but a
 * connection may save nothing for a while. No other instance can use a store that is not persistent, so
 * such a store is not looked into.
 */
export function watchTakeovers(services: SessionServices): AsyncDisposable {
  const { attachments: { holders, parked }, store, log } = services;
  const watching = new AsyncDisposableStack();
  const watch = store.watch?.(async (id, epoch) => {
    try {
      if (!holders.has(id) && !parked.has(id)) return;
      // An announcement says that a session is elsewhere; the record says where.
      const kept = await store.load(id).catch(() => undefined);
      await fence(services, kept !== undefined && kept.epoch >= epoch ? kept : { id, epoch });
    } catch (cause) {
      log.warn("fence.failed", { cause });
    }
  });
  if (watch !== undefined) watching.use(watch);
  if (!store.persistent) return watching;
  watching.use(repeatEvery(LOOK_MS, async () => {
    if (watch !== undefined && watch.hearing?.() !== false) return;
    const held = [...holders.values()];
    for (let at = 0; at < held.length; at += LOADS) {
      const some = held.slice(at, at + LOADS).map((holder) => lookAt(services, holder));
      const settled = await Promise.allSettled(some);
      // The store is away: the next request that needs it is refused.
      if (settled.every(({ status }) => status === "rejected")) return;
    }
  }));
  return watching;
}

/** Compares a session that is held here with its record. A store that knows less than before has lost data. */
async function lookAt(services: SessionServices, holder: Attachment): Promise<void> {
  const { record: { id, epoch } } = holder;
  const kept = await services.store.load(id);
  if (services.attachments.holders.get(id) !== holder || holder.displaced) return;
  if (kept === undefined || kept.epoch < epoch) holder.displace(kept);
  else await fence(services, kept);
}

/**
 * Lets go of a session that has a newer epoch in the store: its connection is told and saves nothing
 * more, its open file is closed. The bytes of the file stay, because they belong to the new holder.
 */
async function fence({ attachments }: SessionServices, kept: KeptSession): Promise<void> {
  const { id, epoch } = kept;
  const holder = attachments.holders.get(id);
  if (holder !== undefined && !holder.displaced && isTaken(holder.record, kept)) {
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
      await services.clock?.follow(services.store);
      await sweep(services);
      await health.read().catch(() => {});
    } catch (cause) {
      health.failed(cause);
      log.warn("sweep.failed", { cause });
    }
  });
}

/**
 * One pass over the store. A session that cannot be dealt with is told of, and stops no other.
 *
 * @throws {FxferError} What the store throws at the list, or at two sessions in a row: then it is away.
 */
export async function sweep(services: SessionServices): Promise<void> {
  const { attachments, store, log } = services;
  const parked = new Set(attachments.parked.keys());
  const sights = new Map<string, Sight>();
  let failed = false;
  const attempt = async (id: string, work: Promise<void>) => {
    try {
      await work;
      failed = false;
    } catch (cause) {
      if (failed && cause instanceof FxferError && cause.code === "store_unavailable") throw cause;
      failed = true;
      log.warn("session.unswept", { session: id.slice(0, 8), cause });
    }
  };
  for await (const record of store.list(store.forgetsEnded ? "live" : "all")) {
    parked.delete(record.id);
    await attempt(record.id, sweepSession(services, record, sights));
  }
  for (const id of parked) await attempt(id, sweepParked(services, id, sights));
  services.sights = sights;
}

/** @param sights Gets what this pass has seen of a session whose time may be over. */
async function sweepSession(
  services: SessionServices,
  record: SessionRecord,
  sights: Map<string, Sight>,
): Promise<void> {
  const { attachments, store, options, events, clock } = services;
  // Finds the takeovers whose announcement was lost.
  if (record.instance !== options.instance) await fence(services, record);
  const now = options.now();
  const life = lifeOf(record, now);
  if (life === "attached" || life === "detached") {
    // A connection in a payload that stands still saves nothing, and others see the lease run out.
    if (life === "detached" && record.detachedAt === null) await renewHeld(services, record);
    return;
  }
  if (record.endedAt === null) {
    const sight = look(record, services.sights.get(record.id), now);
    sights.set(record.id, sight);
    const witness = { instance: options.instance, sharedClock: clock?.shared ?? true, now };
    if (mayEnd(record, sight, witness)) await expireUnlessHeld(services, record);
    return;
  }
  // Another process may have ended the session: then the file parked here is of no use any more.
  // A session that has moved keeps its bytes: its hand-over may have to be written down again.
  if (record.moved === undefined && attachments.parked.has(record.id)) {
    await removePartial(services, record, record);
  }
  if (life !== "forgotten") return;
  // S-CLK-3: an ended record is never written again, so it cannot have come back to life.
  await store.delete(record.id);
  tell(events, "session.forgotten", "S-CON-4", record, { ...record, state: "forgotten" }, {});
}

/** Looks at a session that has a file open here, and was not in the list. */
async function sweepParked(
  services: SessionServices,
  id: string,
  sights: Map<string, Sight>,
): Promise<void> {
  const { attachments, store } = services;
  const record = await store.load(id);
  if (record !== undefined) return await sweepSession(services, record, sights);
  // The store has lost the record. The file is closed, and the sweep of partial files removes it.
  if (!attachments.isConnecting(id)) await attachments.unpark(id)?.release();
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
  const { store, options, events } = services;
  if (await renewHeld(services, record)) return true;
  const expired = expire(record, options.now());
  if (await store.save(expired)) {
    tell(events, "session.expired", "S-CLK-1", record, expired, {});
    await removePartial(services, record, expired);
  }
  return false;
}

/** Renews the lease of a session that a connection of this process holds; false where none does. */
async function renewHeld(
  { attachments }: SessionServices,
  { id }: SessionRecord,
): Promise<boolean> {
  const holder = attachments.holders.get(id);
  if (holder === undefined || holder.displaced) return false;
  const before = await holder.save(renewLease, false);
  holder.tell("session.renewed", "S-CLK-4", before, {});
  return true;
}

/**
 * Removes the partial file of a session that has ended. A file that had got its final name before a
 * crash keeps it, and gets its line in the manifest.
 *
 * @param record The record before the end; it names no open file if another instance ended the session.
 * @param ended The record now.
 */
export async function removePartial(
  services: Pick<SessionServices, "attachments" | "storage" | "events" | "onStored"> & {
    readonly options: Pick<SessionServices["options"], "quotas">;
  },
  record: SessionRecord,
  ended: SessionRecord,
): Promise<void> {
  const { attachments, storage, events, options } = services;
  const { id, upload, intent } = record;
  const parked = attachments.unpark(id);
  if (parked !== undefined) await parked.discard();
  else if (upload !== null) await storage.partials?.remove(upload);
  if (intent !== null) {
    const stored = await finishFile(storage, record);
    await chargeFinished(options.quotas, record, stored);
    tellFinished(services, record, ended, stored);
  } else if (upload !== null) {
    await chargeFinished(options.quotas, record, undefined);
    tell(events, "transfer.dropped", "S-TRF-4", ended, ended, { reason: "ended" });
  }
}
