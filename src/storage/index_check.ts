/** Looks at the file of an index without changing it, for people. @module */
import type { IndexState } from "./held_reads.ts";
import { INDEX } from "./index_place.ts";
import { MANIFEST } from "./manifest.ts";

/** What {@linkcode checkIndex} finds. */
export type IndexFinding =
  /** How many files it has, and how many bytes of the manifest are not in it yet. */
  | { readonly files: number; readonly behind: number }
  /** Why the next start of a server builds it anew. */
  | { readonly reason: string };

/**
 * Looks at the index of a storage. It needs permission to read the folder.
 *
 * @param state Where the index is.
 * @returns Undefined if there is none, or it cannot be looked at.
 */
export async function checkIndex(state: string): Promise<IndexFinding | undefined> {
  const info = await Deno.lstat(`${state}/${INDEX}`).catch(() => undefined);
  if (info === undefined) return undefined;
  if (!info.isFile) return { reason: "it is no regular file" };
  const { DatabaseSync } = await import("node:sqlite");
  try {
    using db = new DatabaseSync(`${state}/${INDEX}`, { readOnly: true });
    const [found] = Object.values(db.prepare("PRAGMA quick_check(1)").get()!);
    if (found !== "ok") return { reason: `it is damaged: ${found}` };
    const sql = "SELECT manifest, read_to AS readTo, files FROM state";
    const { manifest, readTo, files } = db.prepare(sql).get() as unknown as IndexState;
    const { dev, ino, size } = await Deno.lstat(`${state}/${MANIFEST}`);
    if (manifest !== `${dev}:${ino}` || readTo > size) {
      return { reason: `it is of another ${MANIFEST}` };
    }
    return { files, behind: size - readTo };
  } catch (error) {
    return { reason: error instanceof Error ? error.message : String(error) };
  }
}
