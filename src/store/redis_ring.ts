/**
 * The kept replies of a session, in a list beside its record: a save sends only what is new of them.
 * Sixteen take ten times the room of the rest, and a small file is saved twice.
 *
 * @module
 */
import type { RingEntry, SessionRecord } from "../session/mod.ts";

type Ring = readonly RingEntry[];

/** How to make the stored list the ring of a record: keep its last `kept` entries, append `added`. */
export interface RingChange {
  readonly kept: number;
  readonly added: Ring;
}

/**
 * What the lists hold, as far as this process has written or read it. It is right for the version it
 * is noted with and for no other; the save compares versions, so a change reckoned from a list that
 * another process has changed since is refused together with its record.
 */
export class StoredRings {
  /** By a ring's last entry: entries are made once and handed from record to record. */
  readonly #byLast = new WeakMap<RingEntry, { version: number; ring: Ring }>();

  /** This is what is stored: it was read, or its save has succeeded. */
  note({ version, ring }: SessionRecord): void {
    const last = ring.at(-1);
    if (last !== undefined) this.#byLast.set(last, { version, ring });
    const before = ring.at(-2);
    if (before !== undefined) this.#byLast.delete(before);
  }

  /** What a save of this record has to do to its list. */
  change({ version, ring }: SessionRecord): RingChange {
    // The last entry is the stored one, or was added by the change that is being saved.
    for (const entry of [ring.at(-1), ring.at(-2)]) {
      const stored = entry && this.#byLast.get(entry);
      if (stored?.version === version - 1) return difference(stored.ring, ring);
    }
    return { kept: 0, added: ring };
  }
}

/** Rings lose entries at their front and get new ones at their end. */
function difference(stored: Ring, ring: Ring): RingChange {
  const from = stored.indexOf(ring[0]!);
  const kept = stored.length - from;
  const isEnd = from >= 0 && kept <= ring.length &&
    ring.slice(0, kept).every((entry, i) => entry === stored[from + i]);
  return isEnd ? { kept, added: ring.slice(kept) } : { kept: 0, added: ring };
}
