/** What is said of a session that changes servers, and what must hold before it is believed. @module */
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
import { seal, unseal } from "./seal.ts";

/** How long a hand-over can be used, in milliseconds; after it the session is exported again. */
export const HAND_OVER_MS = 600_000;

/** The longest it may be made for: well under a tombstone's hour, which is what remembers its use. */
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
  /** As it left, with the hash of the ticket in place of that of its token. */
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
 * it is for another server, or its session is none; `session_expired` if its time is over.
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
    throw new FxferError(
      "session_expired",
      over
        ? "Cannot import session: its time is over, export it again"
        : "Cannot import session: it comes from the future, compare the clocks",
    );
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

/** Who sealed it is trusted, but may run another version: what a server relies on is looked at. */
const SESSION: Readonly<Partial<Record<keyof SessionRecord, Check>>> = {
  id: matches(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/),
  epoch: count,
  tokenHash: digest,
  clientAddress: matches(/^./),
  createdAt: count,
  keepaliveMs: count,
  expiryMs: count,
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
  const own = faultIn(session, SESSION);
  if (own !== undefined) return own;
  const { upload } = session as SessionRecord;
  if (partial === null) return upload === null ? undefined : "upload";
  const inside = faultIn(upload, UPLOAD) ?? faultIn(partial, { size: count, sha256: digest });
  return inside ?? (partial.size === upload?.offset ? undefined : "offset");
}
