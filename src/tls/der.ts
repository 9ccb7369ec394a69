/** DER, the encoding of certificates and keys: written, and read as far as certificates need it. @module */
import { Buffer } from "node:buffer";

/** The tags that certificates are made of. */
export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bits: 0x03,
  octets: 0x04,
  oid: 0x06,
  utf8: 0x0c,
  utcTime: 0x17,
  time: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

/** One value: its tag and what is in it. */
export function der(tag: number, ...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const body = Buffer.concat(parts);
  const { length } = body;
  const size = length < 0x80
    ? [length]
    : length < 0x100
    ? [0x81, length]
    : [0x82, length >> 8, length & 0xff];
  return new Uint8Array([tag, ...size, ...body]);
}

/** A value that is text, such as a name or a time. */
export function derText(tag: number, text: string): Uint8Array {
  return der(tag, new TextEncoder().encode(text));
}

/** An object identifier from the hex digits of its encoding. */
export function derOid(hex: string): Uint8Array {
  return der(TAG.oid, Buffer.from(hex, "hex"));
}

/** A positive integer from its bytes. */
export function derInteger(bytes: Uint8Array): Uint8Array {
  const first = bytes.findIndex((byte) => byte !== 0);
  const digits = bytes.subarray(first < 0 ? bytes.length - 1 : first);
  return der(TAG.integer, ...(digits[0]! & 0x80 ? [new Uint8Array(1)] : []), digits);
}

/** A value that was read. */
export interface DerValue {
  readonly tag: number;
  /** What is in it. */
  readonly body: Uint8Array<ArrayBuffer>;
  /** The value with its tag and length. */
  readonly whole: Uint8Array<ArrayBuffer>;
}

/** The values that stand one after the other in `bytes`. @throws {RangeError} If they are no DER. */
export function readDer(bytes: Uint8Array<ArrayBuffer>): DerValue[] {
  const values: DerValue[] = [];
  for (let at = 0; at < bytes.length;) {
    const tag = bytes[at]!;
    let length = bytes[at + 1] ?? 0;
    let start = at + 2;
    if (length > 0x80) {
      const more = length & 0x7f;
      length = 0;
      for (const end = start + more; start < end; start++) length = length * 256 + bytes[start]!;
    }
    const end = start + length;
    if (!(end <= bytes.length)) throw new RangeError("Cannot read DER: it is cut short");
    values.push({ tag, body: bytes.subarray(start, end), whole: bytes.subarray(at, end) });
    at = end;
  }
  return values;
}

/** The blocks of a PEM text that have one of these labels, as DER. */
export function readPem(text: string, label: RegExp): Uint8Array<ArrayBuffer>[] {
  const blocks = text.matchAll(/-----BEGIN ([A-Z0-9 ]+)-----([\sA-Za-z0-9+/=]*)-----END \1-----/g);
  return [...blocks].filter(([, found]) => label.test(found!))
    .map(([, , body]) => new Uint8Array(Buffer.from(body!, "base64")));
}

/** A PEM block. */
export function writePem(label: string, bytes: Uint8Array): string {
  const lines = Buffer.from(bytes).toString("base64").match(/.{1,64}/g) ?? [];
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ""].join("\n");
}
