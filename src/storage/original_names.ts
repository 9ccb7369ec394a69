/**
 * Names on disk as their senders have them: `files/<owner>/<folders>/<name>` (S-NAM-2). Pure.
 *
 * A component is written so that every file system takes it, and so that the name can be read back from it. What
 * some system refuses or changes is percent-encoded, byte by byte of its UTF-8. As `%` itself is encoded, and
 * a `~` where an uncut name would look like a cut one, no two names are written alike, unless they are one in
 * Unicode form NFC.
 *
 * @module
 */
import { createHash } from "node:crypto";

/** The folder of these files in the storage folder. */
export const FILES = "files";

/** The owner of files that nobody's key has sent. */
const PUBLIC = "public";

/** Bytes a component may have on common file systems. */
const MAX_COMPONENT_BYTES = 255;

/**
 * Bytes a whole path may have. Systems take 4096 with the storage folder before it; a longer path becomes one
 * component that is cut.
 */
const MAX_PATH_BYTES = 3072;

/** Hex digits of the digest with which a cut component ends. */
const CUT_DIGITS = 16;

const utf8 = new TextEncoder();
const text = new TextDecoder("utf-8", { fatal: true });

/** What no system may be trusted with, anywhere in a component; a slash is in names of version 2.0 only. */
// deno-lint-ignore no-control-regex
const UNSAFE = /[\x00-\x1f\x7f-\x9f\\/:*?"<>|%]/g;

/** Names of Windows devices, which count with any extension and with spaces before it. */
const RESERVED = /^(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)(?= *(?:\.|$))/i;

/** How a cut component ends. */
const CUT = new RegExp(`~[0-9a-f]{${CUT_DIGITS}}$`);

/** Marks that would become one character with the letter before them, which may be the end of an escape. */
const MARKS_AFTER_ESCAPE = /(?<=%[0-9A-F]{2})\p{M}+/gu;

const escaped = (part: string): string =>
  Array.from(utf8.encode(part), (byte) => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`)
    .join("");

const bytesOf = (part: string): number => utf8.encode(part).length;

/** One component of a name as it stands on the disk. */
export function encodeComponent(component: string): string {
  const name = component.toWellFormed().normalize("NFC");
  let encoded = name.replace(UNSAFE, escaped).replace(/^[. ]|[. ]$/g, escaped);
  if (RESERVED.test(name)) encoded = escaped(encoded[0]!) + encoded.slice(1);
  encoded = encoded.replace(MARKS_AFTER_ESCAPE, escaped);
  if (CUT.test(encoded)) {
    const tilde = encoded.length - CUT_DIGITS - 1;
    encoded = `${encoded.slice(0, tilde)}${escaped("~")}${encoded.slice(tilde + 1)}`;
  }
  return bytesOf(encoded) > MAX_COMPONENT_BYTES ? cut(encoded, name) : encoded;
}

/** The beginning of a component that is too long, and a part of the digest of all of it. */
function cut(encoded: string, name: string): string {
  const room = utf8.encode(encoded).subarray(0, MAX_COMPONENT_BYTES - CUT_DIGITS - 1);
  const whole = new TextDecoder().decode(room).replace(/\ufffd+$/, "").replace(/%[0-9A-F]?$/, "");
  const digest = createHash("sha256").update(name).digest("hex").slice(0, CUT_DIGITS);
  return `${whole}~${digest}`;
}

/** The name that a component on the disk stands for, in form NFC; undefined if it was cut, or is none of these. */
export function decodeComponent(component: string): string | undefined {
  if (CUT.test(component)) return undefined;
  try {
    const name = component.replace(
      /(?:%[0-9A-F]{2})+/g,
      (escapes) =>
        text.decode(Uint8Array.from(escapes.slice(1).split("%"), (hex) => parseInt(hex, 16))),
    );
    return name !== "" && encodeComponent(name) === component ? name : undefined;
  } catch {
    return undefined; // no UTF-8
  }
}

/** Whether a component, which may come from a record or a manifest that others have written, is one of these. */
function isSafe(component: string): boolean {
  if (!CUT.test(component)) return decodeComponent(component) !== undefined;
  return bytesOf(component) <= MAX_COMPONENT_BYTES && component.isWellFormed() &&
    component.replace(UNSAFE, "%") === component && !/^[. ]/.test(component) &&
    !RESERVED.test(component);
}

/** The components of a name; a name of version 2.0 that is no relative path is one, with slashes in it. */
function componentsOf(name: string): string[] {
  const components = name.split("/");
  return components.includes("") ? [name] : components;
}

/** `photo (2).png` for `photo.png` and 2; the name itself for 1. */
function numbered(name: string, number: number): string {
  if (number === 1) return name;
  const dot = name.lastIndexOf(".");
  const end = dot > 0 ? dot : name.length;
  return `${name.slice(0, end)} (${number})${name.slice(end)}`;
}

/**
 * The path of a file that keeps its name.
 *
 * @param owner The user whose file it is; absent for a file that nobody's key has sent.
 * @param number From 2 on for a file whose name is taken by others (S-NAM-3).
 */
export function originalPath(owner: string | undefined, name: string, number = 1): string {
  const components = componentsOf(name);
  const last = components.length - 1;
  components[last] = numbered(components[last]!, number);
  const folder = `${FILES}/${encodeComponent(owner ?? PUBLIC)}/`;
  const path = components.map(encodeComponent).join("/");
  if (bytesOf(path) <= MAX_PATH_BYTES) return folder + path;
  const flat = components.join("/");
  return folder +
    cut(flat.normalize("NFC").replace(UNSAFE, escaped).replace(/^[. ]/, escaped), flat);
}

/** Whether a path is the path of a file that keeps its name. */
export function isOriginalPath(path: string): boolean {
  const [files, ...components] = path.split("/");
  return files === FILES && components.length >= 2 && components.every(isSafe) &&
    bytesOf(path) <= MAX_PATH_BYTES + MAX_COMPONENT_BYTES + FILES.length + 2;
}

/** The name that a path was made of, in form NFC; undefined if a component of it was cut. */
export function originalName(path: string): string | undefined {
  const components = path.split("/").slice(2).map(decodeComponent);
  return components.includes(undefined) ? undefined : components.join("/");
}
