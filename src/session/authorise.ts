/** Who may attach to a session again (S-CON-5). @module */
import { isV4, parseAddress, samePrefix } from "../address.ts";
import type { SessionRecord } from "./session.ts";

/** How closely the address must match: the same address, the same /24 or /64, or any address.
 * @category Session */
export type IpBinding = "strict" | "prefix" | "off";

/** What a client shows when it wants to attach. */
export interface Credentials {
  /** SHA-256 of the token the client sent, hex; null when it sent none. */
  readonly tokenHash: string | null;
  /** The address the client comes from, without port. */
  readonly clientAddress: string;
  /** The user whose key the client has shown; undefined for none. */
  readonly user?: string | undefined;
}

/**
 * Decides whether a client with these credentials may attach to the session.
 *
 * A user's session needs that user's key, and nothing else (S-KEY-5). Where the session has a secret, the client needs it and nothing else: its address may change. Where
 * the session has none, the client must come from the same address, as closely as `binding` says. The
 * time that the comparison takes does not tell how much of a wrong hash was right.
 */
export function authorised(
  record: Pick<SessionRecord, "tokenHash" | "clientAddress" | "user">,
  shown: Credentials,
  binding: IpBinding,
): boolean {
  if (record.user !== shown.user) return false;
  // A session that has moved here has a ticket, which its client must show besides.
  if (record.user !== undefined && record.tokenHash === null) return true;
  if (record.tokenHash !== null) {
    return shown.tokenHash !== null && sameText(record.tokenHash, shown.tokenHash);
  }
  return binding === "off" || sameAddress(record.clientAddress, shown.clientAddress, binding);
}

/** Compares two hashes without stopping at the first difference. Their length is no secret. */
function sameText(a: string, b: string): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let i = 0; i < a.length; i++) difference |= a.charCodeAt(i) ^ b.charCodeAt(i);
  return difference === 0;
}

function sameAddress(a: string, b: string, binding: "strict" | "prefix"): boolean {
  if (a === b) return true;
  const [hostA = "", zoneA] = a.split("%");
  const [hostB = "", zoneB] = b.split("%");
  const left = parseAddress(hostA);
  const right = parseAddress(hostB);
  // The same link-local address in another zone is another machine.
  if (left === undefined || right === undefined || zoneA !== zoneB) return false;
  const bits = binding === "strict" ? 128 : isV4(left) || isV4(right) ? 96 + 24 : 64;
  return samePrefix(left, right, bits);
}
