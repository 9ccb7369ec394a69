/** Looks at the files of a folder, some at a time. @module */
import { join } from "node:path";
import { reasonOf } from "../../errors.ts";
import type { Patience } from "../../patience.ts";
import { whyUnreadable } from "../local.ts";

/** So many files are looked at together: one after the other takes three times as long. */
const TOGETHER = 32;

/** A folder that is being walked through. */
export interface Place {
  readonly path: string;
  /** What its entries' names begin with: empty or ending in a slash. */
  readonly name: string;
  /** Where it is below the operand: empty or ending in a slash. */
  readonly below: string;
  /** Its path without links, and the folder in which it was found; needed where links are followed. */
  readonly real: string;
  readonly parent?: Place;
}

/** What a look at a file says, now or later. */
export type Look = Deno.FileInfo | Promise<Deno.FileInfo>;

/** An entry of a folder; what the system gives for one takes eight times the memory. */
export interface Entry {
  readonly name: string;
  readonly kind: "file" | "folder" | "link" | "other";
}

/**
 * The entries of a folder, by name.
 *
 * @param patience As of {@linkcode lookAhead}.
 * @throws What the file system throws.
 */
export async function entriesOf(folder: string, patience?: Patience): Promise<readonly Entry[]> {
  const found = patience?.unlessSlow(() => Array.from(Deno.readDirSync(folder), entryOf));
  const entries = found ?? await Array.fromAsync(Deno.readDir(folder), entryOf);
  return entries.sort((a, b) => a.name < b.name ? -1 : 1);
}

function entryOf({ name, isFile, isDirectory, isSymlink }: Deno.DirEntry): Entry {
  return { name, kind: isSymlink ? "link" : isDirectory ? "folder" : isFile ? "file" : "other" };
}

/** An entry with its path. */
export interface Looked {
  readonly entry: Entry;
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
  entries: readonly Entry[],
  patience?: Patience,
): Iterable<Looked> {
  const inFolder = join(folder, "x").slice(0, -1);
  for (let at = 0; at < entries.length; at += TOGETHER) {
    const next = entries.slice(at, at + TOGETHER).map((entry) => {
      const path = inFolder + entry.name;
      if (entry.kind !== "file") return { entry, path, look: undefined };
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

/** Why something in a folder cannot be looked at. */
export const whyNot = (cause: unknown): string => whyUnreadable(cause) ?? reasonOf(cause);
