/**
 * IP addresses as data: read, compared, written, matched against networks. Pure; open to all folders,
 * like errors.ts, and imports nothing.
 *
 * @module
 */

/** Eight 16-bit groups. An IPv4 address has the groups of its IPv4-mapped IPv6 address. */
export type AddressGroups = readonly number[];

/** An address as groups; undefined when the text is no address. A zone (`%eth0`) is not accepted. */
export function parseAddress(address: string): AddressGroups | undefined {
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

/** Whether an address is an IPv4 one. */
export function isV4(groups: AddressGroups): boolean {
  return groups[5] === 0xffff && groups.every((group, i) => i >= 5 || group === 0);
}

/** Whether the first `bits` bits of two addresses are the same. */
export function samePrefix(a: AddressGroups, b: AddressGroups, bits: number): boolean {
  for (let i = 0; i * 16 < bits; i++) {
    const mask = 0xffff << Math.max(0, 16 - (bits - i * 16)) & 0xffff;
    if ((a[i]! & mask) !== (b[i]! & mask)) return false;
  }
  return true;
}

/** An address as text, always the same (RFC 5952); an IPv4-mapped one is written as IPv4. */
export function formatAddress(groups: AddressGroups): string {
  if (isV4(groups)) {
    const [high, low] = [groups[6]!, groups[7]!];
    return [high >> 8, high & 255, low >> 8, low & 255].join(".");
  }
  // The longest run of at least two zeros, the first of equal ones, becomes "::".
  let [start, length] = [0, 1];
  for (let i = 0; i < 8; i++) {
    let end = i;
    while (end < 8 && groups[end] === 0) end++;
    if (end - i > length) [start, length] = [i, end - i];
    if (end > i) i = end;
  }
  const text = (from: number, to: number) =>
    groups.slice(from, to).map((group) => group.toString(16)).join(":");
  return length < 2 ? text(0, 8) : `${text(0, start)}::${text(start + length, 8)}`;
}

/** Where a server listens: a name or an address, and a TCP port of 0 to 65535. */
export interface Endpoint {
  readonly hostname: string;
  readonly port: number;
}

/** `host:port` or `[::1]:port`, with a port from 1; undefined when the text is neither. */
export function parseEndpoint(text: string): Endpoint | undefined {
  return readEndpoint(text, 1);
}

/**
 * Where to listen: as {@linkcode parseEndpoint}, or a port alone, which means that port of `hostname`.
 * Port 0 lets the system choose a free one.
 */
export function parseListenEndpoint(text: string, hostname: string): Endpoint | undefined {
  return readEndpoint(/^\d+$/.test(text) ? `${hostname}:${text}` : text, 0);
}

function readEndpoint(text: string, lowestPort: number): Endpoint | undefined {
  const [, host, digits] = /^(\[.+\]|[^:[\]]+):(\d{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  const hostname = host === undefined ? undefined : parseHost(host);
  if (hostname === undefined || !(port >= lowestPort && port <= 65535)) return undefined;
  return { hostname, port };
}

/**
 * A host as it is connected to, always the same: a name in lower case and ASCII, or an address, which may
 * stand in brackets and have a zone (`fe80::1%eth0`). Undefined when the text can be neither, such as a
 * host with a port.
 */
export function parseHost(text: string): string | undefined {
  const [, bracketed] = /^\[(.*)\]$/.exec(text) ?? [];
  const [, address, zone = ""] = /^([0-9A-Fa-f:.]+)(%[\w.~-]+)?$/.exec(bracketed ?? text) ?? [];
  const groups = parseAddress(address ?? "");
  if (groups !== undefined) return `${formatAddress(groups)}${zone}`;
  // Digits alone are some port or other number, although the system would read an address into them.
  const isName = /^[\p{L}\p{M}\p{N}_-]+(\.[\p{L}\p{M}\p{N}_-]+)*\.?$/u.test(text) &&
    !/^\d+$/.test(text);
  if (!isName || !URL.canParse(`http://${text}`)) return undefined;
  const name = new URL(`http://${text}`).hostname;
  return name.length <= 253 && name.split(".").every((label) => label.length <= 63)
    ? name
    : undefined;
}

/** An endpoint as text: two endpoints are the same server exactly when their texts are equal. */
export function formatEndpoint({ hostname, port }: Endpoint): string {
  const groups = parseAddress(hostname);
  const host = groups === undefined ? hostname.toLowerCase() : formatAddress(groups);
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** A network: an address and how many of its bits count. */
export interface Network {
  readonly groups: AddressGroups;
  /** 0 to 128, an IPv4 prefix counted from 96. */
  readonly bits: number;
}

/** `10.0.0.0/8`, `2001:db8::/32`, or one address; undefined when the text is neither. */
export function parseNetwork(text: string): Network | undefined {
  const [, host = "", prefix] = /^([0-9A-Fa-f.:]+)(?:\/(0|[1-9]\d{0,2}))?$/.exec(text) ?? [];
  const groups = parseAddress(host);
  if (groups === undefined) return undefined;
  // The bits of ::ffff:10.0.0.0/104 count from the start of the IPv6 address.
  const most = host.includes(":") ? 128 : 32;
  const bits = prefix === undefined ? most : Number(prefix);
  return bits > most ? undefined : { groups, bits: bits + 128 - most };
}

/** Whether an address lies in one of these networks. */
export function inNetworks(address: string, networks: readonly Network[]): boolean {
  const groups = parseAddress(address.split("%")[0]!);
  return groups !== undefined &&
    networks.some((network) => samePrefix(groups, network.groups, network.bits));
}

/** Whether only this machine reaches an address: 127.0.0.0/8, `::1` or `localhost`. */
export function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || inNetworks(hostname, LOOPBACK);
}

const LOOPBACK: readonly Network[] = ["127.0.0.0/8", "::1"].map((text) => parseNetwork(text)!);

/**
 * Whom an address counts for where limits are shared out: an IPv4 address for itself, an IPv6 address for
 * its /64, because one customer has a whole one. Text that is no address counts for itself.
 */
export function addressNetwork(address: string): string {
  if (!address.includes(":")) return address;
  const groups = parseAddress(address.split("%")[0]!);
  if (groups === undefined || isV4(groups)) return groups ? formatAddress(groups) : address;
  return `${formatAddress([...groups.slice(0, 4), 0, 0, 0, 0])}/64`;
}
