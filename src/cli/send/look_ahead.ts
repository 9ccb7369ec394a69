/** Looks at the files of a folder, some at a time. @module */
import { join } from "node:path";

/** So many files are looked at together: one after the other takes three times as long. */
const TOGETHER = 32;

/** An entry of a folder, and what a look at it will say, if it is a file. */
export interface Looked {
  readonly entry: Deno.DirEntry;
  readonly info: Promise<Deno.FileInfo> | undefined;
}

/** The entries in order; looks at those that come next go on while the caller deals with one. */
export function* lookAhead(folder: string, entries: readonly Deno.DirEntry[]): Iterable<Looked> {
  for (let at = 0; at < entries.length; at += TOGETHER) {
    yield* entries.slice(at, at + TOGETHER).map((entry) => {
      const info = entry.isFile ? Deno.stat(join(folder, entry.name)) : undefined;
      // A failure counts when the file has its turn.
      info?.catch(() => {});
      return { entry, info };
    });
  }
}
