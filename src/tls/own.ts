/** Certificates that fxfer makes for itself. @module */
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { isV4, parseAddress } from "../address.ts";
import { der, derInteger, derOid, derText, readPem, TAG, writePem } from "./der.ts";
import { nameOfPin } from "./x509.ts";

/** A certificate and its private key, both as PEM.
 * @category Server */
export interface KeyPair {
  /** The certificate, and behind it those that vouch for it. */
  readonly certificate: string;
  /** The private key: whoever has it can pass for the server. */
  readonly key: string;
}

/** A certificate that fxfer made.
 * @category Server */
export interface OwnCertificate extends KeyPair {
  /** What clients verify it by: SHA-256 of its public key, 64 lower-case hex digits. */
  readonly pin: string;
}

const P256 = { name: "ECDSA", namedCurve: "P-256" } as const;
const ECDSA_SHA256 = der(TAG.sequence, derOid("2a8648ce3d040302"));

const extension = (oid: string, value: Uint8Array, isCritical = false): Uint8Array =>
  der(
    TAG.sequence,
    derOid(oid),
    ...(isCritical ? [der(TAG.boolean, new Uint8Array([0xff]))] : []),
    der(TAG.octets, value),
  );

/**
 * Makes a certificate that vouches for itself (S-TLS-1): P-256, no authority, without an end, because its
 * pin decides and not the clock.
 *
 * @param names Names and IP addresses besides the name of its pin.
 * @param key The private key to use, as PKCS #8 in PEM; a new one where it is absent.
 * @throws {DOMException} The private key is not one of P-256.
 *
 * @example
 * ```ts
 * import { connect, DiskStorage, makeOwnCertificate, serve } from "../../mod.ts";
 *
 * const folder = await Deno.makeTempDir();
 * {
 *   await using storage = await DiskStorage.open(folder);
 *   const { certificate, key, pin } = await makeOwnCertificate();
 *   await using server = serve({ storage, port: "off", tls: { certificate, key, port: 0 } });
 *   await using client = await connect({ port: server.addr.port, tls: { pin } });
 *   console.assert((await client.send(new Blob(["hello"]))).confirmed);
 * }
 * await Deno.remove(folder, { recursive: true });
 * ```
 * @category Server
 */
export async function makeOwnCertificate(
  names: readonly string[] = [],
  key?: string,
): Promise<OwnCertificate> {
  const { privateKey, publicKey } = await keysOf(key);
  const spki = new Uint8Array(await crypto.subtle.exportKey("spki", publicKey));
  const pin = createHash("sha256").update(spki).digest("hex");
  const serial = crypto.getRandomValues(new Uint8Array(16));
  // Two certificates with different keys must not have one subject: a client would mix them up.
  const name = der(
    TAG.sequence,
    der(
      TAG.set,
      der(TAG.sequence, derOid("550403"), derText(TAG.utf8, `fxfer ${pin.slice(0, 16)}`)),
    ),
  );
  const extensions = der(
    TAG.sequence,
    extension("551d13", der(TAG.sequence), true), // no authority
    extension("551d0f", der(TAG.bits, new Uint8Array([7, 0x80])), true), // for signatures
    extension("551d25", der(TAG.sequence, derOid("2b06010505070301"))), // of a server
    extension("551d11", der(TAG.sequence, ...[nameOfPin(pin), ...names].map(alternativeName))),
  );
  const signed = der(
    TAG.sequence,
    der(0xa0, der(TAG.integer, new Uint8Array([2]))), // version 3
    derInteger(serial),
    ECDSA_SHA256,
    name,
    der(
      TAG.sequence,
      derText(TAG.utcTime, "000101000000Z"),
      derText(TAG.time, "99991231235959Z"), // what RFC 5280 has for "no end"
    ),
    name,
    spki,
    der(0xa3, extensions),
  );
  const signature = await crypto.subtle.sign(
    { name: "ECDSA", hash: "SHA-256" },
    privateKey,
    signed,
  );
  const [r, s] = [new Uint8Array(signature, 0, 32), new Uint8Array(signature, 32)];
  const bits = der(TAG.bits, new Uint8Array(1), der(TAG.sequence, derInteger(r), derInteger(s)));
  const pkcs8 = new Uint8Array(await crypto.subtle.exportKey("pkcs8", privateKey));
  return {
    certificate: writePem("CERTIFICATE", der(TAG.sequence, signed, ECDSA_SHA256, bits)),
    key: writePem("PRIVATE KEY", pkcs8),
    pin,
  };
}

async function keysOf(key: string | undefined): Promise<CryptoKeyPair> {
  if (key === undefined) return await crypto.subtle.generateKey(P256, true, ["sign", "verify"]);
  const [pkcs8] = readPem(key, /^PRIVATE KEY$/);
  const privateKey = await crypto.subtle.importKey("pkcs8", pkcs8!, P256, true, ["sign"]);
  const { d: _d, key_ops: _ops, ...jwk } = await crypto.subtle.exportKey("jwk", privateKey);
  return {
    privateKey,
    publicKey: await crypto.subtle.importKey("jwk", jwk, P256, true, ["verify"]),
  };
}

function alternativeName(name: string): Uint8Array {
  const groups = parseAddress(name);
  if (groups === undefined) return derText(0x82, name);
  const bytes = Buffer.from(groups.flatMap((group) => [group >> 8, group & 0xff]));
  return der(0x87, isV4(groups) ? bytes.subarray(12) : bytes);
}
