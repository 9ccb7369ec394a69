/** Headers of the PROXY protocol, built by hand from its specification. @module */
import { concat, utf8 } from "./raw_frame.ts";

/** The parts of a version 2 header. */
export interface ProxyV2 {
  /** Version and command; default 2 and PROXY. */
  readonly command?: number;
  /** Family and transport, for example 0x11 for TCP over IPv4. */
  readonly family: number;
  /** Addresses, ports, and whatever follows them. */
  readonly addresses: readonly number[];
  /** What the header says of their length; default what it is. */
  readonly length?: number;
}

/** The bytes of a version 2 header. */
export function proxyV2({ command = 0x21, family, addresses, length }: ProxyV2): Uint8Array {
  const said = length ?? addresses.length;
  const fixed = new Uint8Array([command, family, said >> 8, said & 255]);
  return concat("\r\n\r\n\0\r\nQUIT\n", fixed, new Uint8Array(addresses));
}

/** A version 2 header that names this IPv4 address. */
export function proxyFrom(address: string): Uint8Array {
  const source = address.split(".").map(Number);
  return proxyV2({ family: 0x11, addresses: [...source, 127, 0, 0, 1, 0x12, 0x34, 0xff, 0x98] });
}

/** A version 1 line that names this IPv4 address. */
export function proxyLine(address: string): Uint8Array {
  return utf8(`PROXY TCP4 ${address} 127.0.0.1 4660 65432\r\n`);
}
