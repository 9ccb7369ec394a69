/**
 * From a media type to a file's extension, by the table of mime-db (S-FRM-5). The client's text
 * chooses a row of the table and nothing else.
 *
 * @module
 */

/** The extension for a media type: lower case, without the dot, `bin` for an unknown one. */
export type ExtensionTable = (mimeType: string) => string;

/** Where the table's first entry is not what people call such a file. */
const COMMON: ReadonlyMap<string, string> = new Map([
  ["application/octet-stream", "bin"],
  ["audio/mpeg", "mp3"],
  ["audio/mp4", "m4a"],
  ["image/jpeg", "jpg"],
  ["text/plain", "txt"],
  ["video/quicktime", "mov"],
]);

/** Types a process remembers: clients choose them, so the memory must have an end. */
const MAX_REMEMBERED = 256;

/**
 * Loads the table, mime-db's own data: the package mime-types around it takes six times as long to
 * load. Programs that import the library and never open a storage do not pay for it.
 */
export async function loadExtensions(): Promise<ExtensionTable> {
  const { default: table } = await import("npm:mime-db@1.54.0/db.json", {
    with: { type: "json" },
  }) as { default: Readonly<Record<string, { readonly extensions?: readonly string[] }>> };
  const known = new Map<string, string>(COMMON);
  return (mimeType) => {
    const seen = known.get(mimeType);
    if (seen !== undefined) return seen;
    const found = Object.hasOwn(table, mimeType) ? table[mimeType]?.extensions?.[0] : undefined;
    // The table is data of somebody else: what it says must still be a plain suffix.
    const safe = found !== undefined && /^[0-9a-z_-]{1,32}$/.test(found) ? found : "bin";
    if (known.size < MAX_REMEMBERED) known.set(mimeType, safe);
    return safe;
  };
}
