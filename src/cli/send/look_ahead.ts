/** Looks at the files of a folder, some at a time. @module */
import { join } from "node:path";
import type { Patience } from "../../patience.ts";

/** So many files are looked at together: one after the other takes three times as long. */
const TOGETHER = 32;

/** What a look at a file says, now or later. */
export type Look = Deno.FileInfo | Promise<Deno.FileInfo>;

/** An entry of a folder. */
export interface Looked {
  readonly entry: Deno.DirEntry;
  readonly path: string;
  /** Looks at it, if it is a file. */
  readonly look: (() => Look) | undefined;
}

/**
 * The entries in order; looks at those that come next go on while the caller deals with one.
 *
 * @param patience For a disk of this machine: each file is looked at when it has its turn, by a call that
 * blocks, as long as that is quick.
 */
export function* lookAhead(
  folder: string,
  entries: readonly Deno.DirEntry[],
  patience?: Patience,
): Iterable<Looked> {
  const inFolder = join(folder, "x").slice(0, -1);
  for (let at = 0; at < entries.length; at += TOGETHER) {
    const next = entries.slice(at, at + TOGETHER).map((entry) => {
      const path = inFolder + entry.name;
      if (!entry.isFile) return { entry, path, look: undefined };
      if (patience !== undefined) {
        return {
          ...{ entry, path },
          look: () => patience.unlessSlow(() => Deno.statSync(path)) ?? Deno.stat(path),
        };
      }
      const info = Deno.stat(path);
      // A failure counts when the file has its turn.
      info.catch(() => {});
      return { entry, path, look: () => info };
    });
    yield* next;
  }
}

/** What something is that is no file and no folder. */
export function kindOf({ isFifo, isSocket }: Deno.FileInfo): string {
  return isFifo ? "it is a pipe" : isSocket ? "it is a socket" : "it is a device";
}
