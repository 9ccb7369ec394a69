/** The absolute paths of many files, one folder after the other. @module */
import { join, resolve } from "node:path";

/** The folder of the path before, as it was given and as it is; both end in a separator, or are empty. */
let known: { readonly folder: string; readonly absolute: string } | undefined;

/** As `resolve`, which takes longer than all else that is computed for a small file. */
export function absolutePath(path: string): string {
  const cut = Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\")) + 1;
  const folder = path.slice(0, cut);
  const name = path.slice(cut);
  // The name of a folder, or with a drive of Windows, is more than a name.
  if (/^\.{0,2}$|:/.test(name) || folder.includes("\\")) return resolve(path);
  if (known?.folder !== folder) {
    known = { folder, absolute: join(resolve(folder), "x").slice(0, -1) };
  }
  return known.absolute + name;
}
