/** The media type of a file, by its name and the table of mime-db. @module */
import { extname } from "node:path";

/** The type of files that the table does not know. */
export const UNKNOWN_TYPE = "application/octet-stream";

/** What a type must look like to stand in a header (S-FRM-5). */
export const MEDIA_TYPE: RegExp = /^[\w!#$%&'*+.^`|~-]+\/[\w!#$%&'*+.^`|~-]+$/;

/** The media type for a file's name. */
export type TypeTable = (name: string) => string;

/** Loads the table. It takes about 20 ms, so only a command that sends files by name does so. */
export async function loadTypes(): Promise<TypeTable> {
  const { default: { lookup } } = await import("npm:mime-types@3.0.2") as {
    default: { lookup(name: string): string | false };
  };
  return (name) => {
    // For the name "c" without a dot, the table would give the type of C source.
    const found = extname(name) !== "" && lookup(name);
    // The table comes from a package, and the type goes into a header: check its form.
    return found !== false && MEDIA_TYPE.test(found) ? found : UNKNOWN_TYPE;
  };
}
