/** The signature of Standard Webhooks, version 1. @module */
import { Buffer } from "node:buffer";
import { createHmac } from "node:crypto";

/** A secret has so many bytes, at least and at most. */
const MIN_BYTES = 24;
const MAX_BYTES = 64;

/** The bytes of a secret such as `whsec_<base64>`; undefined if it is none. */
export function parseSecret(text: string): Uint8Array | undefined {
  const [, encoded] = /^whsec_([A-Za-z0-9+/]+={0,2})$/.exec(text.trim()) ?? [];
  if (encoded === undefined) return undefined;
  const bytes = Buffer.from(encoded, "base64");
  return bytes.length >= MIN_BYTES && bytes.length <= MAX_BYTES ? bytes : undefined;
}

/** The value of `webhook-signature`. @param timestamp Seconds since the epoch. */
export function signatureOf(
  secret: Uint8Array,
  id: string,
  timestamp: number,
  body: string,
): string {
  const mac = createHmac("sha256", secret).update(`${id}.${timestamp}.${body}`).digest("base64");
  return `v1,${mac}`;
}
