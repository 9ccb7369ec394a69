/** `--exclude` and `--exclude-from`: what is left out, by the rules of .gitignore. @module */
import { basename, normalize, sep as SEPARATOR } from "node:path";
import { cannot, mustRead, whyUnreadable } from "../local.ts";
import { DEFAULT_STATE, type SendArgs } from "./args.ts";
import { JOURNAL_NAME } from "./journal_file.ts";
import { KNOWN_SERVERS } from "./known_servers.ts";

/** Whether a path is left out: relative, with `/` between its parts, and `/` at a folder's end. */
export type Excluded = (path: string) => boolean;

/** Loads the rules. @throws {FxferError} `local_io` if a file of patterns cannot be read. */
export async function loadExclusions({ exclude, excludeFrom }: SendArgs): Promise<Excluded> {
  if (exclude.length + excludeFrom.length === 0) return () => false;
  const { default: ignore } = await import("npm:ignore@7.0.16");
  const rules = ignore({ ignorecase: false });
  for (const file of excludeFrom) {
    await mustRead(file);
    rules.add(await Deno.readTextFile(file).catch(cannot(`read ${file}`, whyUnreadable)));
  }
  rules.add(exclude);
  // A path that leads out of the current folder has only its name in common with the patterns.
  return (path) => rules.ignores(ignore.isPathValid(path) ? path : basename(path));
}

/** Whether a name is that of something fxfer itself keeps. */
export function isOwn(name: string): boolean {
  return name === DEFAULT_STATE || name === KNOWN_SERVERS || JOURNAL_NAME.test(name);
}

/** Whether a path leads through such a name. */
export const hasOwn = (path: string): boolean => path.split(/[/\\]/).some(isOwn);

/** A path as the rules of .gitignore take it. */
export function relative(path: string): string {
  return normalize(path).replaceAll(SEPARATOR, "/");
}
