/** The media type of a file, by its name. @module */
import { extname } from "node:path";
import { MEDIA_TYPE } from "./args.ts";

/** The media type of files that the table does not know. */
export const UNKNOWN_TYPE: string = "application/octet-stream";

/** The media type for a file's name. */
export type TypeTable = (name: string) => string;

/** Loads the table of mime-db: about 20 ms that only a command which sends files by name spends. */
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
