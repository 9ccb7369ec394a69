/** Keys as text: made, read, and written. @module */
import { Buffer } from "node:buffer";
import { randomBytes } from "node:crypto";
import { FxferError } from "../errors.ts";

/** A key: whose it is, and its 256 random bits.
 * @category Keys */
export interface Key {
  /** The user's name: 1 to 32 lower-case letters, digits and dashes, not at the ends. */
  readonly name: string;
  /** 32 bytes. */
  readonly secret: Uint8Array;
}

/** The characters of 32 bytes in base64url without padding: of a secret, and of a MAC. */
export const SECRET_CHARACTERS = 43;

const NAME = /^[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?$/;

/** Names of folders that belong to nobody, and names that Windows keeps for devices. */
const RESERVED = /^(public|con|prn|aux|nul|com[0-9]|lpt[0-9])$/;

/** Whether a text can be the name of a user.
 * @category Keys */
export function isUserName(name: string): boolean {
  return NAME.test(name) && !RESERVED.test(name);
}

/**
 * Makes a key from 256 random bits.
 *
 * @throws {FxferError} `usage` if the name cannot be used.
 *
 * @example
 * ```ts
 * import { formatKey, newKey, parseKey } from "../../mod.ts";
 *
 * const text = formatKey(newKey("alice"));
 * console.assert(text.startsWith("fxfer_alice_") && parseKey(text).name === "alice");
 * ```
 * @category Keys
 */
export function newKey(name: string): Key {
  if (!isUserName(name)) {
    throw new FxferError(
      "usage",
      "Cannot make key: a name is 1 to 32 lower-case letters, digits and dashes, begins and ends " +
        "with a letter or digit, and is not public or the name of a device",
    );
  }
  return { name, secret: new Uint8Array(randomBytes(32)) };
}

/** A key as text: `fxfer_<name>_<base64url>`.
 * @category Keys */
export function formatKey({ name, secret }: Key): string {
  return `fxfer_${name}_${Buffer.from(secret).toString("base64url")}`;
}

/**
 * Reads a key. The error never repeats the text, because it may hold most of a secret.
 *
 * @throws {FxferError} `usage` if the text is no key.
 * @category Keys
 */
export function parseKey(text: string): Key {
  const [, name = "", characters = ""] = /^fxfer_([^_]{1,32})_([A-Za-z0-9_-]{43})$/.exec(text) ??
    [];
  const secret = new Uint8Array(Buffer.from(characters, "base64url"));
  // 43 characters have 2 bits more than 32 bytes: the text that formatKey() writes is the only one.
  if (!isUserName(name) || Buffer.from(secret).toString("base64url") !== characters) {
    throw new FxferError(
      "usage",
      "Cannot use key: it must be the whole text fxfer_<name>_<43 characters> that key new printed",
    );
  }
  return { name, secret };
}
