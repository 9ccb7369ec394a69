/**
 * A text that only who shares a secret can have written: HMAC-SHA-256, by Web Crypto.
 *
 * The canonical form of what is signed is the sealed line itself, up to its last dot: the receiver
 * checks the very characters that came, and reads nothing of them before.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { FxferError } from "../errors.ts";

/** What every sealed session begins with: it names the form, so another one can follow. */
const PREFIX = "fxfer-session.1";

const LINE = /^fxfer-session\.1\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]{43})$/;

/** Fewer bytes than a SHA-256 has would make the secret what is guessed. */
export const MIN_SECRET_BYTES = 32;

/**
 * The key both servers share, for {@linkcode exportSession} and {@linkcode importSession}.
 *
 * @param secret At least 32 bytes, random ones.
 * @throws {RangeError} If it is shorter.
 *
 * @example
 * ```ts
 * import { importMigrationKey } from "../../mod.ts";
 *
 * const key = await importMigrationKey(crypto.getRandomValues(new Uint8Array(32)));
 * console.assert(key.extractable === false);
 * ```
 * @category Migration
 */
export async function importMigrationKey(secret: Uint8Array): Promise<CryptoKey> {
  if (secret.length < MIN_SECRET_BYTES) {
    throw new RangeError(`Cannot use key: it needs ${MIN_SECRET_BYTES} bytes or more`);
  }
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  return await crypto.subtle.importKey("raw", secret.slice(), algorithm, false, ["sign", "verify"]);
}

/** A text as one sealed line, without line feed. */
export async function seal(text: string, key: CryptoKey): Promise<string> {
  const signed = `${PREFIX}.${base64url(new TextEncoder().encode(text))}`;
  const mac = await crypto.subtle.sign("HMAC", key, new TextEncoder().encode(signed));
  return `${signed}.${base64url(new Uint8Array(mac))}`;
}

/**
 * The text of a sealed line.
 *
 * @throws {FxferError} `malformed_header` if it is none; `unauthorized` if it was changed, or sealed
 * with another key.
 */
export async function unseal(line: string, key: CryptoKey): Promise<string> {
  const [, body, mac] = LINE.exec(line) ?? [];
  // The last character has two bits to spare: there is one right way to write a code.
  if (body === undefined || mac === undefined || base64url(fromBase64url(mac)) !== mac) {
    throw new FxferError("malformed_header", "Cannot import session: this is no exported session");
  }
  const signed = new TextEncoder().encode(line.slice(0, -mac.length - 1));
  // Compares without telling by its time how much was right.
  if (!await crypto.subtle.verify("HMAC", key, new Uint8Array(fromBase64url(mac)), signed)) {
    throw new FxferError(
      "unauthorized",
      "Cannot import session: it was changed on the way, or exported with another key",
    );
  }
  return new TextDecoder().decode(fromBase64url(body));
}

const base64url = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64url");
const fromBase64url = (text: string): Uint8Array => Buffer.from(text, "base64url");
