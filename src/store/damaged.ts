/**
 * Damaged records: a bit flipped on a disk, a hand edited one, another program wrote under a key of fxfer.
 * Such a record costs its own session and no other: a store sets it aside when its list meets it.
 *
 * @module
 */
import { FxferError } from "../errors.ts";
import type { Logger } from "../log.ts";
import { faultOf, type SessionRecord } from "../session/mod.ts";

/** A kept record that cannot be used, and why. The reason repeats nothing of the record. */
export class DamagedRecord extends FxferError {
  constructor(reason: string) {
    const cause = new TypeError(reason);
    super("store_unavailable", "Cannot load session: its record is damaged", { cause });
  }
}

/**
 * The record that a store has kept as text.
 *
 * @param kept What is known of the record from elsewhere: its id, its version, its replies.
 * @throws {DamagedRecord} If the text is none, or the record of another session or version.
 */
export function parseRecord(json: string, kept: Partial<SessionRecord>): SessionRecord {
  let record: SessionRecord;
  try {
    record = JSON.parse(json);
  } catch {
    // The error is not kept as the cause, because its text repeats a part of the record.
    throw new DamagedRecord("it is no JSON");
  }
  if (kept.ring !== undefined) record = { ...record, ring: kept.ring };
  const { id, version = record.version } = kept;
  const field = faultOf(record) ??
    (record.id !== id ? "id" : record.version !== version ? "version" : undefined);
  if (field !== undefined) throw new DamagedRecord(`its ${field} cannot be right`);
  return record;
}

/** Whether reading a record shows that it is damaged. @throws What else reading it throws. */
export function isDamaged(read: () => unknown): boolean {
  try {
    read();
    return false;
  } catch (error) {
    if (error instanceof DamagedRecord) return true;
    throw error;
  }
}

/** Tells of what a store sets aside: of each record once, and how many there were. */
export class DamageReport {
  readonly #log: Logger;
  readonly #ids = new Set<string>();

  constructor(log: Logger) {
    this.#log = log;
  }

  /** @param place Where the record is now; undefined if it cannot be moved. */
  tell(id: string, place: string | undefined, cause: unknown): void {
    if (this.#ids.has(id)) return;
    this.#ids.add(id);
    const facts = { session: id.slice(0, 8), place: place ?? "as before", count: this.#ids.size };
    this.#log.warn("store.damaged", { ...facts, cause });
  }
}
