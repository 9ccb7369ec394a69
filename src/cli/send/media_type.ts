/** The media type of a file, by its name and the table of mime-db. @module */
import { extname } from "node:path";

/** The type where the table says nothing. */
export const UNKNOWN_TYPE = "application/octet-stream";

/** What a type must look like to stand in a header (S-FRM-5). */
export const MEDIA_TYPE: RegExp = /^[\w!#$%&'*+.^`|~-]+\/[\w!#$%&'*+.^`|~-]+$/;

/** The media type for a file's name. */
export type TypeTable = (name: string) => string;

/** Loads the table; about 20 ms that only a command which sends files by name pays for. */
export async function loadTypes(): Promise<TypeTable> {
  const { default: { lookup } } = await import("npm:mime-types@3.0.2") as {
    default: { lookup(name: string): string | false };
  };
  return (name) => {
    // Asked for "c" alone, the table thinks of the language.
    const found = extname(name) !== "" && lookup(name);
    // The table is data of somebody else: what it says goes into a header.
    return found !== false && MEDIA_TYPE.test(found) ? found : UNKNOWN_TYPE;
  };
}
