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
 * Loads the table. The import costs about 20 ms, so it is not paid for by programs that import the
 * library and never open a storage.
 */
export async function loadExtensions(): Promise<ExtensionTable> {
  const { default: { extension } } = await import("npm:mime-types@3.0.2") as {
    default: { extension(type: string): string | false };
  };
  const known = new Map<string, string>(COMMON);
  return (mimeType) => {
    const seen = known.get(mimeType);
    if (seen !== undefined) return seen;
    const found = extension(mimeType);
    // The table is data of somebody else: what it says must still be a plain suffix.
    const safe = found !== false && /^[0-9a-z_-]{1,32}$/.test(found) ? found : "bin";
    if (known.size < MAX_REMEMBERED) known.set(mimeType, safe);
    return safe;
  };
}
