/**
 * Readers of single fields. Each takes a value from parsed JSON and returns it in one settled form, or
 * throws `invalid_field` with the field's name (S-FRM-1, S-FRM-5).
 *
 * @module
 */
import { FxferError } from "../errors.ts";
import {
  MAX_COMPONENT_BYTES,
  MAX_MIME_TYPE_BYTES,
  MAX_NAME_BYTES,
  MAX_NAME_COMPONENTS,
} from "./limits.ts";

/** The error for a field with a wrong value. It never repeats the value. */
export function invalidField(field: string, wanted: string): FxferError {
  return new FxferError("invalid_field", `Cannot accept field ${field}: it must be ${wanted}`, {
    fields: { field },
  });
}

/** An integer from 0 to 2^53-1. A number written in another way arrives here as NaN (S-FRM-1). */
export function integer(value: unknown, field: string): number {
  if (typeof value === "number" && value >= 0 && Number.isSafeInteger(value)) return value;
  throw invalidField(field, "an integer from 0 to 2^53-1 in plain digits");
}

/** `true` or `false`; no other value, such as 1 or "yes", is taken for a boolean. */
export function boolean(value: unknown, field: string): boolean {
  if (typeof value === "boolean") return value;
  throw invalidField(field, "true or false");
}

/** One of a few words. */
export function word<T extends string>(value: unknown, field: string, words: readonly T[]): T {
  // For two to four words a loop is faster than a set; an object would also find inherited keys.
  for (const known of words) if (value === known) return known;
  throw invalidField(field, `one of ${words.join(", ")}`);
}

/** A text of at most `max` UTF-16 units. */
export function text(value: unknown, field: string, max: number): string {
  if (typeof value === "string" && value.length <= max) return value;
  throw invalidField(field, `a text of at most ${max} characters`);
}

/** A text of at most `max` bytes in UTF-8. */
export function textOfBytes(value: unknown, field: string, max: number): string {
  if (typeof value === "string" && value.length <= max && utf8Length(value) <= max) return value;
  throw invalidField(field, `a text of at most ${max} bytes`);
}

/** A file's name, with the folders before it (S-NAM-1). */
export function fileName(value: unknown, field: string): string {
  const name = textOfBytes(value, field, MAX_NAME_BYTES);
  // Most names are one short component: its bytes are at most three times its units.
  if (name.length * 3 <= MAX_COMPONENT_BYTES && !name.includes("/")) return name;
  const components = name.split("/");
  if (
    components.length <= MAX_NAME_COMPONENTS &&
    components.every((component) => utf8Length(component) <= MAX_COMPONENT_BYTES)
  ) return name;
  throw invalidField(
    field,
    `at most ${MAX_NAME_COMPONENTS} components of at most ${MAX_COMPONENT_BYTES} bytes`,
  );
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
/** A UUIDv4 in lower case, as part of an expression. */
export const UUID_V4_PATTERN =
  "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}";
const UUID_V4 = new RegExp(`^${UUID_V4_PATTERN}$`);
const SHA256 = /^[0-9a-f]{64}$/i;

/** A session's id: a UUIDv4 in lower case, as servers write it, or null if there is none. */
export function sessionId(value: unknown, field: string): string | null {
  if (value === null || value === undefined) return null;
  if (typeof value === "string" && UUID_V4.test(value)) return value;
  throw invalidField(field, "null or a UUIDv4 in lower case");
}

/** Any UUID; returned in lower case. */
export function uuid(value: unknown, field: string): string {
  if (typeof value === "string" && UUID.test(value)) return value.toLowerCase();
  throw invalidField(field, "a UUID");
}

/** A SHA-256 as 64 hex digits; returned in lower case. */
export function sha256(value: unknown, field: string): string {
  if (typeof value === "string" && SHA256.test(value)) return value.toLowerCase();
  throw invalidField(field, "64 hex digits");
}

const BASE64URL = /^[A-Za-z0-9_-]*$/;

/** Exactly `length` characters of base64url. */
export function base64url(value: unknown, field: string, length: number): string {
  if (typeof value === "string" && value.length === length && BASE64URL.test(value)) return value;
  throw invalidField(field, `${length} characters of base64url`);
}

/** The characters of an RFC 9110 token without upper-case letters, as part of a character class. */
export const TOKEN_CHARACTERS = "!#$%&'*+\\-.^_`|~0-9a-z";
const MEDIA_TYPE = new RegExp(`^[${TOKEN_CHARACTERS}A-Z]+/[${TOKEN_CHARACTERS}A-Z]+$`);

/** `token/token` in lower case, without parameters; undefined if it is not a media type (S-FRM-5). */
export function mediaType(value: unknown): string | undefined {
  if (typeof value !== "string") return undefined;
  const semicolon = value.indexOf(";");
  const essence = semicolon < 0 ? value : value.slice(0, semicolon).trimEnd();
  if (essence.length > MAX_MIME_TYPE_BYTES || !MEDIA_TYPE.test(essence)) return undefined;
  return essence.toLowerCase();
}

/** How many bytes a well-formed text takes in UTF-8. */
export function utf8Length(text: string): number {
  let bytes = text.length;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    // A surrogate pair is 2 units and 4 bytes, so each half adds one byte.
    if (code > 0x7f) bytes += code > 0x7ff && (code & 0xf800) !== 0xd800 ? 2 : 1;
  }
  return bytes;
}
