/** Ends what has expired and forgets old tombstones: housekeeping that no rule depends on (S-CLK-1). @module */
import { lifeOf } from "../session/mod.ts";
import { endExpired } from "./recovery.ts";
import type { SessionServices } from "./services.ts";

/** Between two sweeps, in milliseconds. */
export const SWEEP_MS = 5000;

/** One pass over the store. Throws what the store throws. */
export async function sweep(services: SessionServices): Promise<void> {
  const { store, options } = services;
  for await (const record of store.list()) {
    const now = options.now();
    switch (lifeOf(record, now)) {
      case "expired":
        if (record.endedAt === null) await endExpired(services, record);
        break;
      case "forgotten":
        // S-CLK-3: an ended record is never written again, so it cannot have come back to life.
        if (record.endedAt === null) await endExpired(services, record);
        else await store.delete(record.id);
        break;
      case "attached":
      case "detached":
      case "closed":
        break;
    }
  }
}
