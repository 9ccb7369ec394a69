/**
 * The hand-over of a session as one signed line: how it is written, and what is checked before it is used.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { FxferError } from "../errors.ts";
import {
  type Check,
  count,
  faultIn,
  matches,
  RING_ENTRY,
  type SessionRecord,
  UPLOAD,
} from "../session/mod.ts";

/** How long a hand-over can be used, in milliseconds; after it the session is exported again. */
export const HAND_OVER_MS = 600_000;

/** The longest time a hand-over can be used: well under the hour of a tombstone, which remembers the use. */
export const MAX_HAND_OVER_MS = 1_800_000;

/** By how much the clocks of two servers may differ, in milliseconds. */
const CLOCK_SKEW_MS = 300_000;

/** What one server tells another. */
export interface HandOver {
  /** The server it is for, as `host:port`. */
  readonly to: string;
  /** Milliseconds since the epoch, by the clock of the source. */
  readonly issuedAt: number;
  readonly expiresAt: number;
  /** The record as the session left, with the hash of the ticket in place of that of the token. */
  readonly session: SessionRecord;
  /** The bytes that follow the line; null when none do. */
  readonly partial: { readonly size: number; readonly sha256: string } | null;
}

/** Writes a hand-over down as one line. */
export function sealHandOver(handOver: HandOver, key: CryptoKey): Promise<string> {
  return seal(JSON.stringify(handOver), key);
}

/**
 * Reads a hand-over.
 *
 * @param address The server that reads, as clients reach it.
 * @throws {FxferError} `malformed_header`, `unauthorized` as `unseal`; `invalid_field` with `field` if
 * it is for another server, or a field of the session is wrong; `session_expired` if its time is over.
 */
export async function openHandOver(
  line: string,
  key: CryptoKey,
  { address, now }: { readonly address: string; readonly now: number },
): Promise<HandOver> {
  const handOver: HandOver = JSON.parse(await unseal(line, key));
  const { to, issuedAt, expiresAt, session, partial } = handOver;
  if (to !== address) {
    throw new FxferError("invalid_field", `Cannot import session: it is for ${to}`, {
      fields: { field: "to", to },
    });
  }
  const over = !(now < expiresAt && expiresAt - issuedAt <= MAX_HAND_OVER_MS);
  if (over || issuedAt > now + CLOCK_SKEW_MS) {
    const text = over
      ? "its time is over, export it again"
      : "it comes from the future, compare the clocks";
    throw new FxferError("session_expired", `Cannot import session: ${text}`);
  }
  const field = faultOf(session, partial);
  if (field !== undefined) {
    throw new FxferError("invalid_field", `Cannot import session: its ${field} is no good`, {
      fields: { field },
    });
  }
  return { to, issuedAt, expiresAt, session, partial };
}

const digest = matches(/^[0-9a-f]{64}$/);

/** The sealing server is trusted, but may run another version: the fields that are relied on are checked. */
const SESSION: Readonly<Partial<Record<keyof SessionRecord, Check>>> = {
  id: matches(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/),
  epoch: count,
  tokenHash: digest,
  clientAddress: matches(/^./),
  createdAt: count,
  keepaliveMs: count,
  expiryMs: count,
  partialExpiryMs: (value) => value === undefined || count(value),
  lastSequence: count,
  ring: (value) =>
    Array.isArray(value) && value.every((entry) => faultIn(entry, RING_ENTRY) === undefined),
  intent: (value) => value === null,
  messageCount: count,
  totalBytes: count,
  filesTransferred: count,
  // `moved` holds the ticket, which is for the client alone.
  moved: (value) => value === undefined,
  principal: matches(/^(token|address)$/),
};

/** The first field that is not as it should be; undefined when all are. */
function faultOf(session: unknown, partial: HandOver["partial"]): string | undefined {
  const fault = faultIn(session, SESSION);
  if (fault !== undefined) return fault;
  const { upload } = session as SessionRecord;
  if (partial === null) return upload === null ? undefined : "upload";
  const other = partial.size === upload?.offset ? undefined : "offset";
  return faultIn(upload, UPLOAD) ?? faultIn(partial, { size: count, sha256: digest }) ?? other;
}

/** Every sealed session begins with the name of its form. */
const PREFIX = "fxfer-session.1";

const LINE = /^fxfer-session\.1\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]{43})$/;

/** As many bytes as a SHA-256 has: a shorter secret would be easier to guess than a signature. */
export const MIN_SECRET_BYTES = 32;

/**
 * The key both servers share, for {@linkcode exportSession} and {@linkcode importSession}.
 *
 * @param secret At least 32 bytes, random ones.
 * @throws {RangeError} If it is shorter.
 *
 * @example
 * ```ts
 * import { importMigrationKey } from "../../mod.ts";
 *
 * const key = await importMigrationKey(crypto.getRandomValues(new Uint8Array(32)));
 * console.assert(key.extractable === false);
 * ```
 * @category Migration
 */
export async function importMigrationKey(secret: Uint8Array): Promise<CryptoKey> {
  if (secret.length < MIN_SECRET_BYTES) {
    throw new RangeError(`Cannot use key: it needs ${MIN_SECRET_BYTES} bytes or more`);
  }
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  return await crypto.subtle.importKey("raw", secret.slice(), algorithm, false, ["sign", "verify"]);
}

/** A text as one sealed line, without line feed. */
export async function seal(text: string, key: CryptoKey): Promise<string> {
  const signed = `${PREFIX}.${base64url(new TextEncoder().encode(text))}`;
  const mac = await crypto.subtle.sign("HMAC", key, new TextEncoder().encode(signed));
  return `${signed}.${base64url(new Uint8Array(mac))}`;
}

/**
 * The text of a sealed line.
 *
 * @throws {FxferError} `malformed_header` if it is none; `unauthorized` if it was changed, or sealed
 * with another key.
 */
export async function unseal(line: string, key: CryptoKey): Promise<string> {
  const [, body, mac] = LINE.exec(line) ?? [];
  // The last character has two spare bits, so there are four ways to write one signature: one is accepted.
  if (body === undefined || mac === undefined || base64url(fromBase64url(mac)) !== mac) {
    throw new FxferError("malformed_header", "Cannot import session: this is no exported session");
  }
  const signed = new TextEncoder().encode(line.slice(0, -mac.length - 1));
  // The time that the comparison takes does not tell how much of a wrong signature was right.
  if (!await crypto.subtle.verify("HMAC", key, new Uint8Array(fromBase64url(mac)), signed)) {
    throw new FxferError(
      "unauthorized",
      "Cannot import session: it was changed on the way, or exported with another key",
    );
  }
  return new TextDecoder().decode(fromBase64url(body));
}

const base64url = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64url");
const fromBase64url = (text: string): Uint8Array => Buffer.from(text, "base64url");
