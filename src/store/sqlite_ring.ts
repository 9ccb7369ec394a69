/**
 * The kept replies of a session in SQLite: rows of a table of their own, so that a save writes the new replies
 * only. With a window of 256 requests the replies are a hundred times the rest of the record. A few replies
 * stay in the text of the record, because one statement takes less time than four.
 *
 * A row has all replies that one save has added, and the number of the last of them: a row for each reply
 * takes twice the time. So the first row may begin with replies that are not kept any more, and the text says
 * with which one the kept ones begin.
 *
 * @module
 */
import type { StatementSync } from "node:sqlite";
import type { RingEntry, SessionRecord } from "../session/mod.ts";
import { DamagedRecord } from "./damaged.ts";
import type { RingChange } from "./stored_rings.ts";

/** The replies of a session, without brackets, as one column of its row, so that both are read in one step. */
export const RING: string = "(SELECT group_concat(reply, ',') FROM" +
  " (SELECT reply FROM kept WHERE kept.session = session.id ORDER BY sequence))";

/** The queries of the table. */
export const RING_QUERIES = {
  keep: "INSERT INTO kept (session, sequence, reply) VALUES (?, ?, ?)",
  forget: "DELETE FROM kept WHERE session = ? AND sequence < ?",
  begin: "BEGIN IMMEDIATE",
  commit: "COMMIT",
} as const;

/** What a save runs. */
type RingQueries = Readonly<Record<keyof typeof RING_QUERIES, StatementSync>>;

/** A row of a session. */
type Row = Readonly<Record<string, unknown>>;

/** So many replies stay in the text of the record. */
const FEW = 3;

/** Whether the replies of a record stay in its text. */
export const keepsText = ({ ring }: SessionRecord): boolean =>
  ring.length > 0 && ring.length <= FEW;

/** The text of a record whose replies are in the table. */
export const textWithout = (record: SessionRecord): string =>
  JSON.stringify({ ...record, ring: [], keptFrom: record.ring.at(0)?.sequence ?? 0 });

/** What the text of a record ends with if its replies are in the table. */
const KEPT_FROM = /,"keptFrom":(\d+)\}$/;

/** Whether the replies of a row are in the table; what that has of a row whose text has some is old. */
export const isApart = ({ record }: Row): boolean => String(record).includes('"ring":[]');

/**
 * The text and the replies of a row whose replies are in the table.
 *
 * @throws {DamagedRecord} If one cannot be read.
 */
export function partsOf({ record, ring }: Row): { text: string; ring: RingEntry[] } {
  const text = String(record).replace(KEPT_FROM, "}");
  const from = Number(KEPT_FROM.exec(String(record))?.[1] ?? 0);
  try {
    const replies: RingEntry[] = JSON.parse(`[${ring ?? ""}]`);
    return { text, ring: replies.filter(({ sequence }) => sequence >= from) };
  } catch {
    throw new DamagedRecord("one of its replies is no JSON");
  }
}

/** Whether the table has to change with a record: of an intent or a lease it has not. */
export function changesRing(
  { lastSequence }: SessionRecord,
  { added, forgets }: RingChange,
): boolean {
  return added.length > 0 || (forgets && lastSequence > 0);
}

/** Changes the replies of a record that is saved in the same transaction. */
export function saveRing(
  { keep, forget }: RingQueries,
  { id, ring }: SessionRecord,
  { kept, added, forgets }: RingChange,
): void {
  if (forgets) forget.run(id, kept === 0 ? Number.MAX_SAFE_INTEGER : ring.at(0)!.sequence);
  const last = added.at(-1);
  if (last !== undefined) keep.run(id, last.sequence, JSON.stringify(added).slice(1, -1));
}
