/**
 * The key file: one user a line, as a person can read and edit it.
 *
 * ```text
 * # comment
 * fxfer_alice_<secret> can=put,get,list quota=10GiB files=1000 rate=5MiB until=2027-01-31
 * fxfer_bob_<secret> old=fxfer_bob_<secret> old_until=2026-12-01T12:00:00.000Z
 * ```
 *
 * @module
 */
import { FxferError } from "../errors.ts";
import { omitUndefined } from "../omit_undefined.ts";
import { readBytes, shorten, suggest } from "../text.ts";
import { formatKey, type Key, parseKey } from "./key_text.ts";
import { type Grant, GRANTS, OWN_FILES, type UserLimits } from "./rights.ts";

/** One line of a key file: a user.
 * @category Keys */
export interface KeyLine {
  /** The user's name and secret. */
  readonly key: Key;
  /** What the user may do. */
  readonly can: readonly Grant[];
  /** What the user may use up. */
  readonly limits: UserLimits;
  /** When the key ends, in milliseconds since 1970; absent means never. */
  readonly until?: number;
  /** The key before it was rotated, and until when it is valid as well. */
  readonly old?: { readonly secret: Uint8Array; readonly until: number };
}

const FIELDS = [
  "can",
  "quota",
  "files",
  "rate",
  "connections",
  "sessions",
  "until",
  "old",
  "old_until",
];

/**
 * Reads a key file.
 *
 * @param source Its name, for errors, which never repeat what stands in the file.
 * @throws {FxferError} `config_invalid` with the first line that is wrong, and what is wrong with it.
 * @category Keys
 */
export function parseKeyFile(text: string, source: string): KeyLine[] {
  const lines: KeyLine[] = [];
  const places = new Map<string, number>();
  text.split("\n").forEach((raw, index) => {
    const line = raw.trim();
    if (line === "" || line.startsWith("#")) return;
    const fault = (words: string) =>
      new FxferError(
        "config_invalid",
        `Cannot use ${shorten(source, 80)}: line ${index + 1}: ${words}`,
      );
    const parsed = parseLine(line, fault);
    const before = places.get(parsed.key.name);
    if (before !== undefined) {
      throw fault(`${parsed.key.name} has a key in line ${before} already: remove one of them`);
    }
    places.set(parsed.key.name, index + 1);
    lines.push(parsed);
  });
  return lines;
}

type Fault = (words: string) => FxferError;

function parseLine(line: string, fault: Fault): KeyLine {
  const [first = "", ...rest] = line.split(/\s+/);
  const key = keyOf(first, fault);
  const fields = new Map<string, string>();
  for (const word of rest) {
    const [, name, value] = /^([a-z_]+)=(.+)$/.exec(word) ?? [];
    if (name === undefined || value === undefined || !FIELDS.includes(name)) {
      const near = suggest(/^[a-z_]{0,20}/.exec(word)![0], FIELDS);
      const hint = near === undefined ? `known are ${FIELDS.join(", ")}` : `did you mean ${near}?`;
      throw fault(`after the key come fields such as can=put,get; ${hint}`);
    }
    if (fields.has(name)) throw fault(`${name} stands there twice`);
    fields.set(name, value);
  }
  const amount = (name: string, read: (text: string) => number | undefined, wanted: string) => {
    const text = fields.get(name);
    if (text === undefined) return undefined;
    const value = read(text);
    if (value === undefined) throw fault(`${name} must be ${wanted}`);
    return value;
  };
  const size = (text: string) => positive(readBytes(text));
  const whole = (text: string) => /^[0-9]+$/.test(text) ? positive(Number(text)) : undefined;
  const limits: UserLimits = omitUndefined({
    bytes: amount("quota", size, "a size such as 10GiB"),
    files: amount("files", whole, "a number of files"),
    rate: amount("rate", size, "a size such as 5MiB"),
    connections: amount("connections", whole, "a number of connections"),
    sessions: amount("sessions", whole, "a number of sessions"),
  });
  const until = amount("until", parseDate, "a date such as 2027-01-31");
  const oldUntil = amount("old_until", parseDate, "a date such as 2027-01-31");
  const old = fields.get("old");
  if ((old === undefined) !== (oldUntil === undefined)) {
    throw fault("old and old_until go together");
  }
  const before = old === undefined ? undefined : keyOf(old, fault);
  if (before !== undefined && before.name !== key.name) throw fault("old is another user's key");
  const can = fields.has("can") ? parseRights(fields.get("can")!) : OWN_FILES;
  if (can === undefined) {
    throw fault(`can must be some of ${GRANTS.join(", ")}, with commas between`);
  }
  return {
    key,
    can,
    limits,
    ...omitUndefined({ until }),
    ...(before === undefined ? {} : { old: { secret: before.secret, until: oldUntil! } }),
  };
}

function keyOf(text: string, fault: Fault): Key {
  try {
    return parseKey(text);
  } catch {
    throw fault("it must begin with a whole key, fxfer_<name>_<43 characters>");
  }
}

const positive = (value: number | undefined): number | undefined =>
  value !== undefined && value > 0 && Number.isSafeInteger(value) ? value : undefined;

/** Rights from a list with commas; undefined if one of them is none, or there is none. */
export function parseRights(text: string): Grant[] | undefined {
  const rights = new Set(text.split(",").map((word) => word.trim()));
  const known = GRANTS.filter((right) => rights.has(right));
  if (known.length !== rights.size) return undefined;
  return known.join() === "all" ? [...GRANTS] : known;
}

/** Milliseconds since 1970 of a date, with a time or without, which is UTC unless it says otherwise. */
export function parseDate(text: string): number | undefined {
  const date = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:\d\d)?)?$/;
  if (!date.test(text)) return undefined;
  const zoned = text.length === 10 || /(Z|[+-]\d\d:\d\d)$/.test(text) ? text : `${text}Z`;
  const ms = Date.parse(zoned);
  return Number.isNaN(ms) ? undefined : ms;
}

/** A user as a line of the key file.
 * @category Keys */
export function formatKeyLine({ key, can, limits, until, old }: KeyLine): string {
  const date = (ms: number) => new Date(ms).toISOString();
  const fields = omitUndefined({
    can: can.join(),
    quota: limits.bytes,
    files: limits.files,
    rate: limits.rate,
    connections: limits.connections,
    sessions: limits.sessions,
    until: until === undefined ? undefined : date(until),
    old: old === undefined ? undefined : formatKey({ name: key.name, secret: old.secret }),
    old_until: old === undefined ? undefined : date(old.until),
  });
  return [formatKey(key), ...Object.entries(fields).map(([name, value]) => `${name}=${value}`)]
    .join(" ");
}

/**
 * Refuses a file with secrets that other users of the machine may read. Where the system has no such
 * permissions, nothing is refused.
 *
 * @param mode Of the file; null where the system has none.
 * @throws {FxferError} `config_invalid` with the command that helps.
 */
export function mustBePrivate(mode: number | null, path: string): void {
  if (mode === null || (mode & 0o077) === 0) return;
  const name = shorten(path, 80);
  throw new FxferError(
    "config_invalid",
    `Cannot use ${name}: others may read it, and it holds secrets (chmod 600 ${name})`,
  );
}
