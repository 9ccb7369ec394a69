/** Ends what has expired and forgets old tombstones: housekeeping that no rule depends on (S-CLK-1). @module */
import { FxferError } from "../errors.ts";
import { lifeOf, renewLease, type SessionRecord } from "../session/mod.ts";
import { fence } from "./fencing.ts";
import { endExpired, removePartial } from "./recovery.ts";
import type { SessionServices } from "./services.ts";
import { tell } from "./tell.ts";

/** Between two sweeps, in milliseconds. */
export const SWEEP_MS = 5000;

/**
 * One pass over the store. A record that cannot be dealt with is told of, and stops no other.
 *
 * @throws {FxferError} What the store throws at the list, or at two records in a row: then it is away.
 */
export async function sweep(services: SessionServices): Promise<void> {
  const { attachments, store } = services;
  const parked = new Set(attachments.parkedIds());
  let failed = false;
  const attempt = async (id: string, work: Promise<void>) => {
    try {
      await work;
      failed = false;
    } catch (cause) {
      if (failed && cause instanceof FxferError && cause.code === "store_unavailable") throw cause;
      failed = true;
      services.log.warn("session.unswept", { session: id.slice(0, 8), cause });
    }
  };
  for await (const record of store.list(store.forgetsEnded ? "live" : "all")) {
    parked.delete(record.id);
    await attempt(record.id, sweepRecord(services, record));
  }
  for (const id of parked) await attempt(id, sweepParked(services, id));
}

/** Looks at a session that has a file open here, and was not in the list. */
async function sweepParked(services: SessionServices, id: string): Promise<void> {
  const { attachments, store } = services;
  const record = await store.load(id);
  if (record !== undefined) return await sweepRecord(services, record);
  // The store has lost the record. The file is closed, and the orphan sweep removes it.
  if (!attachments.changing(id)) await attachments.unpark(id)?.release();
}

async function sweepRecord(services: SessionServices, record: SessionRecord): Promise<void> {
  const { attachments, store, options, events } = services;
  // An announcement that was lost is found here.
  if (record.instance !== options.instance) await fence(services, record);
  const life = lifeOf(record, options.now());
  if (life === "attached" || life === "detached") return;
  if (record.endedAt === null) {
    if (!(await renewHeld(services, record.id))) await endExpired(services, record);
    return;
  }
  // Another process may have ended the session: then the file parked here is of no use any more.
  // A session that has moved keeps its bytes: its hand-over may have to be written down again.
  if (record.moved === undefined && attachments.parked(record.id) !== undefined) {
    await removePartial(services, record, record);
  }
  if (life !== "forgotten") return;
  // S-CLK-3: an ended record is never written again, so it cannot have come back to life.
  await store.delete(record.id);
  tell(events, "session.forgotten", "S-CON-4", record, { ...record, state: "forgotten" }, {});
}

/**
 * Renews the lease of a session that a connection of this process holds; false when none does. A
 * quiet connection, in a payload that stands still, may outlive its lease: expiry runs from detach
 * only (S-CLK-3).
 */
export async function renewHeld(services: SessionServices, id: string): Promise<boolean> {
  const { attachments, writer, options } = services;
  const holder = attachments.holder(id);
  if (holder === undefined || holder.displaced) return false;
  const before = await writer.save(holder, (record) => renewLease(record, options.now()), false);
  holder.tell("session.renewed", "S-CLK-4", before, {});
  return true;
}
