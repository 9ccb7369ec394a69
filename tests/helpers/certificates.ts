/** Authorities and certificates for tests: right ones, and wrong in one thing. @module */
import { der, derInteger, derOid, derText, readPem, TAG, writePem } from "../../src/tls/der.ts";
import { parseAddress } from "../../src/address.ts";

const P256 = { name: "ECDSA", namedCurve: "P-256" };
const ALGORITHM = der(TAG.sequence, derOid("2a8648ce3d040302"));
const DAY_MS = 86_400_000;

/** A certificate and its key, as PEM, and what is needed to issue others with it. */
export interface Issued {
  readonly certificate: string;
  readonly key: string;
  readonly name: string;
  readonly privateKey: CryptoKey;
}

/** What is issued; default a server's for 127.0.0.1 that is valid from yesterday for two days. */
export interface IssueOptions {
  readonly names?: readonly string[];
  readonly isAuthority?: boolean;
  /** Days from now. */
  readonly from?: number;
  readonly until?: number;
}

const extension = (oid: string, value: Uint8Array) =>
  der(TAG.sequence, derOid(oid), der(TAG.octets, value));
const distinguished = (name: string) =>
  der(TAG.sequence, der(TAG.set, der(TAG.sequence, derOid("550403"), derText(TAG.utf8, name))));
const time = (days: number) => {
  const text = new Date(Date.now() + days * DAY_MS).toISOString().replaceAll(/[-:T]|\.\d+/g, "");
  return derText(TAG.time, text);
};

/** Issues a certificate. @param issuer Absent for one that vouches for itself. */
export async function issue(
  name: string,
  issuer?: Issued,
  { names = ["127.0.0.1"], isAuthority = false, from = -1, until = 1 }: IssueOptions = {},
): Promise<Issued> {
  const keys = await crypto.subtle.generateKey(P256, true, ["sign"]) as CryptoKeyPair;
  const spki = new Uint8Array(await crypto.subtle.exportKey("spki", keys.publicKey));
  const alternative = names.map((each) => {
    const groups = parseAddress(each);
    if (groups === undefined) return derText(0x82, each);
    const [high, low] = [groups[6]!, groups[7]!];
    return der(0x87, new Uint8Array([high >> 8, high & 255, low >> 8, low & 255]));
  });
  const constraints = der(
    TAG.sequence,
    ...(isAuthority ? [der(TAG.boolean, new Uint8Array([0xff]))] : []),
  );
  const signed = der(
    TAG.sequence,
    der(0xa0, der(TAG.integer, new Uint8Array([2]))),
    derInteger(crypto.getRandomValues(new Uint8Array(8))),
    ALGORITHM,
    distinguished(issuer?.name ?? name),
    der(TAG.sequence, time(from), time(until)),
    distinguished(name),
    spki,
    der(
      0xa3,
      der(
        TAG.sequence,
        extension("551d13", constraints),
        extension("551d11", der(TAG.sequence, ...alternative)),
      ),
    ),
  );
  const by = issuer?.privateKey ?? keys.privateKey;
  const raw = await crypto.subtle.sign({ name: "ECDSA", hash: "SHA-256" }, by, signed);
  const halves = [raw.slice(0, 32), raw.slice(32)].map((half) => derInteger(new Uint8Array(half)));
  const signature = der(TAG.bits, new Uint8Array(1), der(TAG.sequence, ...halves));
  const pkcs8 = new Uint8Array(await crypto.subtle.exportKey("pkcs8", keys.privateKey));
  return {
    name,
    privateKey: keys.privateKey,
    certificate: writePem("CERTIFICATE", der(TAG.sequence, signed, ALGORITHM, signature)),
    key: writePem("PRIVATE KEY", pkcs8),
  };
}

/** A certificate with one bit changed in its signature. */
export function damaged({ certificate }: Pick<Issued, "certificate">): string {
  const [bytes] = readPem(certificate, /CERTIFICATE/);
  bytes![bytes!.length - 3]! ^= 1;
  return writePem("CERTIFICATE", bytes!);
}
