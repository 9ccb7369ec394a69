/**
 * Stores that outlive the process have the kept replies of a session (its ring) as a list beside its record,
 * and a save sends only the new ones. That is worth the effort: sixteen replies take ten times the room of the
 * rest of the record.
 *
 * @module
 */
import type { Ring, RingEntry, SessionRecord } from "../session/mod.ts";

/** The change from the stored list to the ring of a record: keep the last `kept`, append `added`. */
export interface RingChange {
  readonly kept: number;
  readonly added: readonly RingEntry[];
  /** Whether the stored list may have more than that. */
  readonly forgets: boolean;
}

/**
 * What the stored lists hold, as far as this process has written or read them. Each is noted with the
 * version of its record. If another process has changed the list since, it has changed the version too,
 * and the store refuses the save together with a change that was computed from the older list.
 */
export class StoredRings {
  /** The key is the last entry of a ring: the same object stands in every later record of a session. */
  readonly #byLast = new WeakMap<RingEntry, { version: number; ring: Ring }>();

  /** Notes the ring that is stored now: the record was loaded, or its save has succeeded. */
  note({ version, ring }: SessionRecord): void {
    const last = ring.at(-1);
    if (last !== undefined) this.#byLast.set(last, { version, ring });
    for (let at = ring.length - 2; at >= 0 && !this.#byLast.delete(ring.at(at)!);) at--;
  }

  /** The change that a save of this record must make to the list. */
  change({ version, ring }: SessionRecord): RingChange {
    // A save adds as many entries as frames have run since the one before it. Before them is the last stored one.
    for (let at = ring.length - 1; at >= 0; at--) {
      const stored = this.#byLast.get(ring.at(at)!);
      if (stored?.version === version - 1) return difference(stored.ring, ring);
      if (stored !== undefined) break;
    }
    return whole(ring);
  }
}

const whole = (ring: Ring): RingChange => ({ kept: 0, added: ring.slice(), forgets: true });

/** A ring loses entries at its beginning and gets new ones at its end; any other ring is sent whole. */
function difference(stored: Ring, ring: Ring): RingChange {
  let from = 0;
  while (from < stored.length && stored.at(from) !== ring.at(0)) from++;
  const kept = stored.length - from;
  for (let at = 0; at < kept; at++) if (ring.at(at) !== stored.at(from + at)) return whole(ring);
  return { kept, added: ring.slice(kept), forgets: from > 0 };
}
