/**
 * The names of stored files as local names: never outside of the folder they go to, and on Linux and macOS
 * otherwise just as they were sent. Pure.
 *
 * @module
 */

/** What Windows allows in no name. */
// deno-lint-ignore no-control-regex
const UNFIT_ON_WINDOWS = /[\x00-\x1f\\:*?"<>|%]|^(con|prn|aux|nul|com\d|lpt\d)(?=\.|$)|[. ]$/gi;

/**
 * The components of a local path. A name is data from whoever sent the file: it may be absolute or have
 * `..` in it, so such components are percent-encoded, and empty ones are left out.
 */
export function localComponents(
  name: string,
  windows: boolean = Deno.build.os === "windows",
): string[] {
  const components = name.split("/").filter((component) => component !== "").map((component) => {
    if (component === "." || component === "..") return component.replaceAll(".", "%2E");
    if (!windows) return component.replaceAll("\0", "%00");
    return component.replace(UNFIT_ON_WINDOWS, (text) => encode(text));
  });
  return components.length === 0 ? ["%2F"] : components;
}

/** Each character as `%` and its code. */
function encode(text: string): string {
  const hex = (char: string) => char.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0");
  return `%${hex(text[0]!)}${text.slice(1)}`;
}
