/** What a file's frames say besides its bytes: its name, its times, and what the program wants of it. @module */
import {
  encodeV1Header,
  MAX_COMPONENT_BYTES,
  MAX_NAME_BYTES,
  MAX_NAME_COMPONENTS,
  type TransferData,
} from "../protocol/mod.ts";
import type { Mutable } from "../omit_undefined.ts";
import type { SendOptions } from "./types.ts";

/** Components with one slash between them. */
const PLAIN = /^[^/]+(\/[^/]+)*$/;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const SHA256 = /^[0-9a-f]{64}$/;

/** What a frame says of its file besides its bytes. */
export type Facts = Pick<TransferData, "name" | "mtimeMs" | "executable" | "onClash">;

/**
 * Checks what a program wants of a send.
 *
 * @returns What a server with the feature `names` is told.
 * @throws {TypeError | RangeError} If an option cannot be used.
 */
export function checkedFacts(
  { uploadId, sha256, name, mtimeMs, mimeType, executable, onClash }: SendOptions,
): Facts {
  if (uploadId !== undefined && !UUID.test(uploadId)) {
    throw new TypeError("Cannot send: uploadId must be a lower-case UUID");
  }
  if (sha256 !== undefined && !SHA256.test(sha256)) {
    throw new TypeError("Cannot send: sha256 must be 64 lower-case hex digits");
  }
  if (mtimeMs !== undefined && !(Number.isSafeInteger(mtimeMs) && mtimeMs >= 0)) {
    throw new RangeError("Cannot send: mtimeMs must be a whole number of 0 or more");
  }
  if (mimeType !== undefined && mimeType !== lastType) {
    encodeV1Header({ mimeType, size: 0 }); // throws if the text is no media type
    lastType = mimeType;
  }
  const facts: Mutable<Facts> = {};
  if (name !== undefined) facts.name = checkName(name, "send");
  if (mtimeMs !== undefined) facts.mtimeMs = mtimeMs;
  if (executable !== undefined) facts.executable = executable;
  if (onClash !== undefined) facts.onClash = onClash;
  return facts;
}

/** The media type that was checked last: most files of a folder have the same. */
let lastType: string | undefined;

/**
 * Checks a name that is to go as a whole (S-NAM-1).
 *
 * @returns The name as a frame says it.
 * @throws {RangeError} If no frame can carry it.
 */
export function checkName(name: string, action: string): string {
  const plain = plainName(name);
  if (plain === "") throw new RangeError(`Cannot ${action}: name is empty`);
  if (lastComponents(plain, true) === plain) return plain;
  throw new RangeError(
    `Cannot ${action}: name is over ${MAX_COMPONENT_BYTES} bytes between slashes, ` +
      `${MAX_NAME_BYTES} bytes in all, or ${MAX_NAME_COMPONENTS} folders deep`,
  );
}

/** What a server is told of {@linkcode checkedFacts}. @param names Whether it has the feature `names`. */
export function factsFor(facts: Facts, names: boolean): Facts {
  if (names) return facts;
  return facts.name === undefined ? {} : { name: lastComponents(facts.name, false) };
}

/**
 * A name, or as many of its last components as a server takes; never half a character.
 *
 * @param names Whether the server has the feature `names` (S-NAM-1). An older one takes 255 bytes in all.
 */
export function fitName(name: string, names: boolean): string {
  return lastComponents(plainName(name), names);
}

/** The same, of a plain name. */
function lastComponents(whole: string, names: boolean): string {
  // At most three bytes for each unit of the text, and so few units are not too many components.
  if (whole.length <= MAX_NAME_COMPONENTS) return whole;
  const most = names ? MAX_NAME_BYTES : MAX_COMPONENT_BYTES;
  const deepest = names ? MAX_NAME_COMPONENTS : Infinity;
  const components = whole.split("/").map(fitComponent);
  let bytes = components.reduce((sum, component) => sum + utf8Length(component) + 1, -1);
  while (components.length > 1 && (bytes > most || components.length > deepest)) {
    bytes -= utf8Length(components.shift()!) + 1;
  }
  return components.join("/");
}

/** The name without empty components and half characters, which no frame can carry (S-NAM-1). */
function plainName(name: string): string {
  if (PLAIN.test(name) && name.isWellFormed()) return name;
  return name.toWellFormed().split("/").filter((component) => component !== "").join("/");
}

/** A component, or as much of its end as fits: its extension is there. */
function fitComponent(component: string): string {
  let fitting = component;
  while (utf8Length(fitting) > MAX_COMPONENT_BYTES) {
    const over = Math.ceil((utf8Length(fitting) - MAX_COMPONENT_BYTES) / 4);
    fitting = [...fitting].slice(over).join("");
  }
  return fitting;
}

const utf8Length = (text: string): number => new TextEncoder().encode(text).length;
