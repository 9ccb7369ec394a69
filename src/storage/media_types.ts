/**
 * From a media type to a file's extension, by the table of mime-db (S-FRM-5). The client's text chooses
 * a row of the table; of a name, letters and digits alone become part of a path, and only where the table
 * does not know better.
 *
 * @module
 */

/**
 * The extension, without the dot, for a media type. For a type that the table does not know it is the name's
 * own, as it is written there, if that is plain. The same holds for `application/octet-stream`, but not where
 * the table gives the name's extension to another type: then type and name contradict each other, and the type
 * decides. What is left is `bin`.
 */
export type ExtensionTable = (mimeType: string, name?: string) => string;

/** The type of bytes of which the sender knows no more. */
const BYTES = "application/octet-stream";

/** A plain extension of a name: letters and digits, so that it is safe as part of a path. */
const PLAIN = /\.([0-9A-Za-z]{1,16})$/;

/** Types for which the table's first extension is not the usual one. */
const COMMON: ReadonlyMap<string, string> = new Map([
  [BYTES, "bin"],
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
  let others: Set<string> | undefined;
  /** Whether the table gives an extension to other types, and not to bytes of which no more is known. */
  const isOfOther = (extension: string) => {
    if (others === undefined) {
      others = new Set(Object.values(table).flatMap(({ extensions }) => extensions ?? []));
      for (const own of table[BYTES]?.extensions ?? []) others.delete(own);
    }
    return others.has(extension.toLowerCase());
  };
  const byType = (mimeType: string) => {
    const seen = known.get(mimeType);
    if (seen !== undefined) return seen;
    const found = Object.hasOwn(table, mimeType) ? table[mimeType]?.extensions?.[0] : undefined;
    // The table comes from another project, so its text is checked before it becomes part of a path.
    const safe = found !== undefined && /^[0-9a-z_-]{1,32}$/.test(found) ? found : "bin";
    if (known.size < MAX_REMEMBERED) known.set(mimeType, safe);
    return safe;
  };
  return (mimeType, name) => {
    const extension = byType(mimeType);
    if (extension !== "bin" || name === undefined) return extension;
    const own = PLAIN.exec(name)?.[1];
    return own === undefined || mimeType === BYTES && isOfOther(own) ? extension : own;
  };
}
