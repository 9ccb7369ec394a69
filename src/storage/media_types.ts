/**
 * From a media type to a file's extension, by the table of mime-db (S-FRM-5). The client's text chooses
 * a row of the table; no character of it becomes part of a path.
 *
 * @module
 */

/** The extension for a media type: lower case, without the dot, `bin` for an unknown one. */
export type ExtensionTable = (mimeType: string) => string;

/** Types for which the table's first extension is not the usual one. */
const COMMON: ReadonlyMap<string, string> = new Map([
  ["application/octet-stream", "bin"],
  ["audio/mpeg", "mp3"],
  ["audio/mp4", "m4a"],
  ["image/jpeg", "jpg"],
  ["text/plain", "txt"],
  ["video/quicktime", "mov"],
]);

/** How many types are remembered. Clients choose them, so there must be a limit. */
const MAX_REMEMBERED = 256;

/** Loads the table when a storage is opened, so that programs which only import the library need not. */
export async function loadExtensions(): Promise<ExtensionTable> {
  const { default: table } = await import("npm:mime-db@1.54.0/db.json", {
    with: { type: "json" },
  }) as { default: Readonly<Record<string, { readonly extensions?: readonly string[] }>> };
  const known = new Map<string, string>(COMMON);
  return (mimeType) => {
    const seen = known.get(mimeType);
    if (seen !== undefined) return seen;
    const found = Object.hasOwn(table, mimeType) ? table[mimeType]?.extensions?.[0] : undefined;
    // The table comes from another project, so its text is checked before it becomes part of a path.
    const safe = found !== undefined && /^[0-9a-z_-]{1,32}$/.test(found) ? found : "bin";
    if (known.size < MAX_REMEMBERED) known.set(mimeType, safe);
    return safe;
  };
}
