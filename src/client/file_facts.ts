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

/** @throws {TypeError | RangeError} If an option cannot be used. */
export function checkSendOptions({ uploadId, sha256, name, mtimeMs, mimeType }: SendOptions): void {
  if (uploadId !== undefined && !UUID.test(uploadId)) {
    throw new TypeError("Cannot send: uploadId must be a lower-case UUID");
  }
  if (sha256 !== undefined && !SHA256.test(sha256)) {
    throw new TypeError("Cannot send: sha256 must be 64 lower-case hex digits");
  }
  if (name !== undefined) checkName(name, "send");
  if (mtimeMs !== undefined && !(Number.isSafeInteger(mtimeMs) && mtimeMs >= 0)) {
    throw new RangeError("Cannot send: mtimeMs must be a whole number of 0 or more");
  }
  if (mimeType === undefined || mimeType === lastType) return;
  // It throws if the text is no media type.
  encodeV1Header({ mimeType, size: 0 });
  lastType = mimeType;
}

/** The media type that was checked last: most files of a folder have the same. */
let lastType: string | undefined;

/** @throws {RangeError} If no frame can carry a name (S-NAM-1). */
export function checkName(name: string, action: string): void {
  if (plainName(name) === "") throw new RangeError(`Cannot ${action}: name is empty`);
  if (fitName(name, true) === plainName(name)) return;
  throw new RangeError(
    `Cannot ${action}: name is over ${MAX_COMPONENT_BYTES} bytes between slashes, ` +
      `${MAX_NAME_BYTES} bytes in all, or ${MAX_NAME_COMPONENTS} folders deep`,
  );
}

/** What a frame says of its file besides its bytes. */
type Facts = Pick<TransferData, "name" | "mtimeMs" | "executable" | "onClash">;

/** @param names Whether the server has the feature `names`. */
export function factsOf(
  { name, mtimeMs, executable, onClash }: SendOptions,
  names: boolean,
): Facts {
  const facts: Mutable<Facts> = {};
  if (name !== undefined) facts.name = fitName(name, names);
  if (!names) return facts;
  if (mtimeMs !== undefined) facts.mtimeMs = mtimeMs;
  if (executable !== undefined) facts.executable = executable;
  if (onClash !== undefined) facts.onClash = onClash;
  return facts;
}

/**
 * A name, or as many of its last components as a server takes; never half a character.
 *
 * @param names Whether the server has the feature `names` (S-NAM-1). An older one takes 255 bytes in all.
 */
export function fitName(name: string, names: boolean): string {
  const whole = plainName(name);
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

/** The plain name that was seen last: a name is looked at several times on its way. */
let lastPlain: string | undefined;

/** The name without empty components and half characters, which no frame can carry (S-NAM-1). */
function plainName(name: string): string {
  if (name === lastPlain) return name;
  if (PLAIN.test(name) && name.isWellFormed()) return lastPlain = name;
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
