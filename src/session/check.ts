/**
 * What a value must be to count as a session record. A store may give back a record that was damaged, and
 * another server may hand over one that another version of fxfer has written. Pure.
 *
 * @module
 */
import type { RingEntry } from "./ring.ts";
import type { Intent, Moved, Removal, SessionRecord, UploadRecord } from "./session.ts";
import { STATE_NAMES } from "./state.ts";

/** Whether the value of a field can be used. */
export type Check = (value: unknown) => boolean;

/** A whole number of 0 or more. */
export const count: Check = (value) => Number.isSafeInteger(value) && (value as number) >= 0;
/** A text of this form. */
export const matches = (pattern: RegExp): Check => (value) =>
  typeof value === "string" && pattern.test(value);
/** A text that is not empty and has no NUL, as a path. */
export const filled: Check = matches(/^[^\0]+$/);
const text: Check = (value) => typeof value === "string";
const orAbsent = (check: Check): Check => (value) => value === undefined || check(value);
const orNull = (check: Check): Check => (value) => value === null || check(value);
const each = (check: Check): Check => (value) => Array.isArray(value) && value.every(check);
const all = (checks: Readonly<Record<string, Check>>): Check => (value) =>
  faultIn(value, checks) === undefined;

/** The first field that fails its check, or `record` if the value is no object; undefined if all pass. */
export function faultIn(
  value: unknown,
  checks: Readonly<Record<string, Check>>,
): string | undefined {
  if (typeof value !== "object" || value === null) return "record";
  const fields = value as Readonly<Record<string, unknown>>;
  for (const name in checks) if (!checks[name]!(fields[name])) return name;
  return undefined;
}

/** The fields of a kept reply. */
export const RING_ENTRY: Readonly<Record<keyof RingEntry, Check>> = {
  sequence: count,
  fingerprint: text,
  reply: all({ code: text }),
};

/** The fields of an open file, without its place in storage, which differs from server to server. */
export const UPLOAD: Readonly<
  Record<Exclude<keyof UploadRecord, "temporaryPath" | "finalPath">, Check>
> = {
  openedBy: count,
  sequence: count,
  uploadId: orAbsent(filled),
  offset: count,
  length: orAbsent(count),
  mimeType: filled,
  name: orAbsent(text),
  mtimeMs: orAbsent(count),
  executable: orAbsent((value) => typeof value === "boolean"),
  onClash: orAbsent(matches(/^refuse$/)),
  user: orAbsent(filled),
};

const INTENT: Readonly<Record<keyof Intent, Check>> = {
  sequence: count,
  fingerprint: text,
  temporaryPath: filled,
  finalPath: filled,
  size: count,
  sha256: filled,
  mimeType: filled,
};

const REMOVAL: Readonly<Record<keyof Removal, Check>> = {
  sequence: count,
  fingerprint: text,
  file: all({ path: filled }),
};

const MOVED: Readonly<Record<keyof Moved, Check>> = { address: filled, ticket: filled };

const time: Check = Number.isFinite;

const RECORD: Readonly<Record<keyof SessionRecord, Check>> = {
  id: filled,
  version: count,
  state: (value) => Object.hasOwn(STATE_NAMES, value as string),
  epoch: count,
  instance: orNull(text),
  leaseUntil: time,
  takeovers: each(time),
  tokenHash: orNull(filled),
  clientAddress: filled,
  createdAt: time,
  lastActivityAt: time,
  detachedAt: orNull(time),
  endedAt: orNull(time),
  keepaliveMs: time,
  expiryMs: time,
  partialExpiryMs: orAbsent(time),
  lastSequence: count,
  ring: each(all(RING_ENTRY)),
  upload: orNull(all({ ...UPLOAD, temporaryPath: filled, finalPath: filled })),
  intent: orNull(all(INTENT)),
  removal: orAbsent(orNull(all(REMOVAL))),
  messageCount: count,
  totalBytes: count,
  filesTransferred: count,
  clock: orAbsent(text),
  user: orAbsent(filled),
  moved: orAbsent(all(MOVED)),
  revoked: orAbsent((value) => value === true),
  principal: orAbsent(matches(/^(token|address)$/)),
};

/** The first field of a value from JSON that no session record can have; undefined if it is a record. */
export function faultOf(value: unknown): string | undefined {
  return faultIn(value, RECORD);
}
