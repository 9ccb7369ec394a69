/**
 * The PROXY protocol, versions 1 and 2: what a proxy says of the connection it forwards, before the
 * client's first byte. Pure: bytes in, an address out.
 *
 * The parser is strict, because the address decides who may attach to a session: a line or a header that
 * is not exactly what the specification allows is a fault, and so is an address that is not one of IPv4
 * or IPv6 over TCP.
 *
 * @module
 */
import { formatAddress, parseAddress } from "../address.ts";

/** Which versions are accepted.
 * @category Server */
export type ProxyVersions = "v1" | "v2" | "any";

/** The longest version 1 line, in bytes with its CR LF. */
export const MAX_V1_BYTES = 107;

/** The longest version 2 header, in bytes: addresses take 52; certificates and the like are skipped. */
export const MAX_V2_BYTES = 2048;

const V1_START = new TextEncoder().encode("PROXY ");

/** CR LF CR LF NUL CR LF Q U I T LF */
const V2_START = new Uint8Array([13, 10, 13, 10, 0, 13, 10, 81, 85, 73, 84, 10]);

/** The fixed part of a version 2 header. */
const V2_FIXED = 16;

const CR = 13;
const LF = 10;

/** What the bytes so far are. */
export type ProxyResult =
  /** The beginning of a header. */
  | { readonly type: "more" }
  /**
   * A header, with `rest`, the client's own bytes after it. `address` is the client's, undefined where
   * the proxy speaks for itself (LOCAL, UNKNOWN).
   */
  | { readonly type: "header"; readonly address: string | undefined; readonly rest: Uint8Array }
  /** No header, or none of these versions. */
  | { readonly type: "fault"; readonly reason: string };

const MORE: ProxyResult = { type: "more" };

/** Reads one header from all bytes so far, at most {@linkcode MAX_V2_BYTES} while it is `more`. */
export function parseProxyHeader(bytes: Uint8Array, versions: ProxyVersions): ProxyResult {
  if (bytes.length === 0) return MORE;
  // The first byte tells the versions apart; a wrong one is refused without waiting for more.
  if (versions !== "v2" && startsLike(bytes, V1_START)) return parseV1(bytes);
  if (versions !== "v1" && startsLike(bytes, V2_START)) return parseV2(bytes);
  return fault("it does not begin with a PROXY header");
}

function startsLike(bytes: Uint8Array, start: Uint8Array): boolean {
  return bytes.subarray(0, start.length).every((byte, i) => byte === start[i]);
}

function parseV1(bytes: Uint8Array): ProxyResult {
  const lf = bytes.subarray(0, MAX_V1_BYTES).indexOf(LF);
  if (lf < 0) return bytes.length < MAX_V1_BYTES ? MORE : fault("the line is too long");
  if (bytes[lf - 1] !== CR) return fault("the line does not end in CR LF");
  const line = String.fromCharCode(...bytes.subarray(0, lf - 1));
  const rest = bytes.subarray(lf + 1);
  const [, protocol, ...fields] = line.split(" ");
  // What follows UNKNOWN is to be ignored, whatever it is.
  if (protocol === "UNKNOWN") return { type: "header", address: undefined, rest };
  if (protocol !== "TCP4" && protocol !== "TCP6") return fault("it names another protocol");
  const [source = "", destination = "", ...ports] = fields;
  const address = addressOf(source, protocol);
  if (
    address === undefined || addressOf(destination, protocol) === undefined ||
    ports.length !== 2 || !ports.every(isPort)
  ) return fault("the line is malformed");
  return { type: "header", address, rest };
}

function addressOf(text: string, protocol: "TCP4" | "TCP6"): string | undefined {
  if (text.includes(":") !== (protocol === "TCP6")) return undefined;
  const groups = parseAddress(text);
  return groups === undefined ? undefined : formatAddress(groups);
}

function isPort(text: string): boolean {
  return /^(0|[1-9][0-9]{0,4})$/.test(text) && Number(text) <= 65535;
}

/** Bytes of both addresses and ports, by the byte that names family and transport. */
const V2_FAMILIES: Readonly<Record<number, number>> = { 0x11: 12, 0x21: 36 };

function parseV2(bytes: Uint8Array): ProxyResult {
  if (bytes.length < V2_FIXED) return MORE;
  const [command, family] = [bytes[12]!, bytes[13]!];
  const length = bytes[14]! * 256 + bytes[15]!;
  if (command !== 0x20 && command !== 0x21) return fault("its version or command is another");
  // Checked before anything is kept: the field can say 65535.
  if (V2_FIXED + length > MAX_V2_BYTES) return fault("the header is too long");
  const least = V2_FAMILIES[family];
  const local = command === 0x20 || family === 0x00;
  if (!local && least === undefined) return fault("it names another protocol");
  if (!local && length < least!) return fault("the header is too short for its addresses");
  if (bytes.length < V2_FIXED + length) return MORE;
  const rest = bytes.subarray(V2_FIXED + length);
  if (local) return { type: "header", address: undefined, rest };
  const source = bytes.subarray(V2_FIXED, V2_FIXED + (family === 0x11 ? 4 : 16));
  const group = (_: unknown, i: number) => source[2 * i]! * 256 + source[2 * i + 1]!;
  const address = family === 0x11
    ? source.join(".")
    : formatAddress(Array.from({ length: 8 }, group));
  return { type: "header", address, rest };
}

function fault(reason: string): ProxyResult {
  return { type: "fault", reason };
}
