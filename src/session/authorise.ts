/**
 * Who may attach to a session again (S-CON-5): whoever has the secret where one was made, else
 * whoever comes from the same address.
 *
 * @module
 */
import type { SessionRecord } from "./session.ts";

/** How closely the address must match: the same one, the same /24 or /64, or not at all. */
export type IpBinding = "strict" | "prefix" | "off";

/** What a client shows. */
export interface Credentials {
  /** SHA-256 of the token it sent, hex; null when it sent none. */
  readonly tokenHash: string | null;
  /** The address it comes from, without port. */
  readonly clientAddress: string;
}

/**
 * Whether these credentials may attach to the session.
 *
 * A token, where one was made, is needed and enough: the address may change. The time taken does
 * not tell how much of a wrong hash was right.
 */
export function authorised(
  record: Pick<SessionRecord, "tokenHash" | "clientAddress">,
  shown: Credentials,
  binding: IpBinding,
): boolean {
  if (record.tokenHash !== null) {
    return shown.tokenHash !== null && sameText(record.tokenHash, shown.tokenHash);
  }
  return binding === "off" || sameAddress(record.clientAddress, shown.clientAddress, binding);
}

/** Compares without stopping at the first difference; a hash's length is no secret. */
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
  const left = groupsOf(hostA);
  const right = groupsOf(hostB);
  // A link-local address means nothing without its zone.
  if (left === undefined || right === undefined || zoneA !== zoneB) return false;
  const bits = binding === "strict" ? 128 : isV4(left) || isV4(right) ? 96 + 24 : 64;
  for (let i = 0; i * 16 < bits; i++) {
    const mask = bits - i * 16 >= 16 ? 0xffff : 0xff00;
    if ((left[i]! & mask) !== (right[i]! & mask)) return false;
  }
  return true;
}

const isV4 = (groups: readonly number[]): boolean =>
  groups[5] === 0xffff && groups.every((group, i) => i >= 5 || group === 0);

/** An address as eight 16-bit groups, IPv4 as IPv4-mapped IPv6; undefined when it is none. */
function groupsOf(address: string): number[] | undefined {
  let host = address;
  const dotted = /^(.*?)(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(host);
  if (dotted !== null) {
    const [a, b, c, d] = dotted.slice(2).map(Number) as [number, number, number, number];
    if (a > 255 || b > 255 || c > 255 || d > 255) return undefined;
    const low = `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
    host = dotted[1] === "" ? `::ffff:${low}` : `${dotted[1]}${low}`;
  }
  const halves = host.split("::");
  if (halves.length > 2) return undefined;
  const [head, tail] = halves.map((half) => half === "" ? [] : half.split(":"));
  const missing = 8 - head!.length - (tail?.length ?? 0);
  if (tail === undefined ? missing !== 0 : missing < 1) return undefined;
  const all = tail === undefined ? head! : [...head!, ...Array(missing).fill("0"), ...tail];
  return all.every((group) => /^[0-9a-f]{1,4}$/i.test(group))
    ? all.map((group) => parseInt(group, 16))
    : undefined;
}
