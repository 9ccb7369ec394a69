/** Ends what has expired and forgets old tombstones: housekeeping that no rule depends on (S-CLK-1). @module */
import { lifeOf, renewLease } from "../session/mod.ts";
import { fence } from "./fencing.ts";
import { endExpired, removePartial } from "./recovery.ts";
import type { SessionServices } from "./services.ts";
import { tell } from "./tell.ts";

/** Between two sweeps, in milliseconds. */
export const SWEEP_MS = 5000;

/** One pass over the store. Throws what the store throws. */
export async function sweep(services: SessionServices): Promise<void> {
  const { attachments, store, options, events } = services;
  for await (const record of store.list()) {
    // An announcement that was lost is found here.
    if (record.instance !== options.instance) await fence(services, record);
    const life = lifeOf(record, options.now());
    if (life === "attached" || life === "detached") continue;
    if (record.endedAt === null) {
      if (!(await renewHeld(services, record.id))) await endExpired(services, record);
      continue;
    }
    // Another process may have ended the session: then the file parked here is of no use any more.
    // A session that has moved keeps its bytes: its hand-over may have to be written down again.
    if (record.moved === undefined && attachments.parked(record.id) !== undefined) {
      await removePartial(services, record, record);
    }
    if (life !== "forgotten") continue;
    // S-CLK-3: an ended record is never written again, so it cannot have come back to life.
    await store.delete(record.id);
    tell(events, "session.forgotten", "S-CON-4", record, { ...record, state: "forgotten" }, {});
  }
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
  const before = await writer.save(holder, (record) => renewLease(record, options.now()));
  holder.tell("session.renewed", "S-CLK-4", before, {});
  return true;
}
