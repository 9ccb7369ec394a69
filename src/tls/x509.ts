/** What fxfer wants to know of a certificate. The runtime's own reader has too little of it on Deno 2.6. @module */
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { formatAddress, parseAddress } from "../address.ts";
import { type DerValue, readDer, readPem, TAG } from "./der.ts";

/** A certificate as far as fxfer reads it. */
export interface Certificate {
  readonly der: Uint8Array<ArrayBuffer>;
  /** SHA-256 of the public key (SPKI), lower-case hex: 64 digits. */
  readonly pin: string;
  /** Who vouches for it, and whom it speaks of, in hex: only to be compared. */
  readonly issuer: string;
  readonly subject: string;
  /** The first and the last moment in which it is valid, in milliseconds since 1970. */
  readonly notBefore: number;
  readonly notAfter: number;
  /** Whether it may vouch for others (CA:TRUE). */
  readonly isAuthority: boolean;
  /** The names and IP addresses that it is for. */
  readonly names: readonly string[];
}

const BASIC_CONSTRAINTS = "551d13";
const ALTERNATIVE_NAMES = "551d11";
/** The tags of a name and of an address among the alternative names. */
const DNS_NAME = 0x82;
const IP_ADDRESS = 0x87;

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

/** The name that a certificate made by fxfer has for the clients that know its pin. */
export function nameOfPin(pin: string): string {
  return `${pin.slice(0, 48)}.fxfer.invalid`;
}

/** Every certificate of a PEM text, in its order. @throws {RangeError} If one of them is none. */
export function readCertificates(pem: string): Certificate[] {
  return readPem(pem, /^(X509 |TRUSTED )?CERTIFICATE$/).map(readCertificate);
}

/** Reads a certificate. @throws {RangeError} If the bytes are none. */
export function readCertificate(der: Uint8Array<ArrayBuffer>): Certificate {
  try {
    const [certificate] = readDer(der);
    const [signed] = readDer(certificate!.body);
    // The version, which old certificates leave out, has a tag of its own.
    const fields = readDer(signed!.body).filter(({ tag }) => tag !== 0xa0);
    const [, , issuer, validity, subject, key, ...more] = fields;
    const [notBefore, notAfter] = readDer(validity!.body).map(readTime);
    const extensions = more.find(({ tag }) => tag === 0xa3);
    const values = extensionsOf(extensions);
    return {
      der,
      pin: createHash("sha256").update(key!.whole).digest("hex"),
      issuer: hex(issuer!.whole),
      subject: hex(subject!.whole),
      notBefore: notBefore!,
      notAfter: notAfter!,
      isAuthority: isAuthority(values.get(BASIC_CONSTRAINTS)),
      names: namesOf(values.get(ALTERNATIVE_NAMES)),
    };
  } catch (cause) {
    throw new RangeError("Cannot read certificate: it is damaged", { cause });
  }
}

function extensionsOf(extensions: DerValue | undefined): Map<string, Uint8Array<ArrayBuffer>> {
  const found = new Map<string, Uint8Array<ArrayBuffer>>();
  if (extensions === undefined) return found;
  for (const { body } of readDer(readDer(extensions.body)[0]!.body)) {
    const parts = readDer(body);
    found.set(hex(parts[0]!.body), parts.at(-1)!.body);
  }
  return found;
}

function isAuthority(constraints: Uint8Array<ArrayBuffer> | undefined): boolean {
  if (constraints === undefined) return false;
  const [first] = readDer(readDer(constraints)[0]!.body);
  return first?.tag === TAG.boolean && first.body[0] !== 0;
}

function namesOf(names: Uint8Array<ArrayBuffer> | undefined): string[] {
  if (names === undefined) return [];
  return readDer(readDer(names)[0]!.body).flatMap(({ tag, body }) =>
    tag === DNS_NAME
      ? [new TextDecoder().decode(body)]
      : tag === IP_ADDRESS
      ? [addressOf(body)]
      : []
  );
}

function addressOf(bytes: Uint8Array): string {
  const text = bytes.length === 4 ? bytes.join(".") : (hex(bytes).match(/.{4}/g) ?? []).join(":");
  const groups = parseAddress(text);
  return groups === undefined ? text : formatAddress(groups);
}

/** `YYMMDDhhmmssZ` or, with all digits of the year, `YYYYMMDDhhmmssZ`. */
function readTime({ tag, body }: DerValue): number {
  const text = new TextDecoder().decode(body);
  const full = tag === TAG.time ? text : `${Number(text.slice(0, 2)) < 50 ? 20 : 19}${text}`;
  const [, year, month, day, hour, minute, second] = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/
    .exec(full)!.map(Number) as number[];
  return Date.UTC(year!, month! - 1, day, hour, minute, second);
}
