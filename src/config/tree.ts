/** Values in nested mappings, by their paths. @module */
import { readSwitch } from "./kinds.ts";
import { isMapping } from "./parse.ts";

/** Nested mappings, as YAML gives them. */
export type Tree = Record<string, unknown>;

/** An object without a prototype, so that `__proto__` is a key like others, and refused as unknown. */
export const newTree = (): Tree => Object.create(null);

/**
 * Sets the value at a path of `tree`, and copies the mappings on the way, so that `tree` may share
 * them with the file. A scalar on the way (`limits.rate: off`) is replaced by a mapping.
 */
export function assign(tree: Tree, path: string, value: unknown): void {
  const keys = path.split(".");
  const last = keys.pop()!;
  let at = tree;
  for (const key of keys) {
    const next = at[key];
    at = at[key] = Object.assign(newTree(), isMapping(next) ? next : {});
  }
  // A section that has values keeps them when it is switched on.
  if (isMapping(at[last]) && readSwitch(value) === "on") return;
  at[last] = value;
}

/** The value at a path; below a section that is `on` or `off`, that word and the section's path. */
export function lookUp(
  tree: Tree,
  path: string,
): { readonly path: string; readonly value: unknown } {
  const keys = path.split(".");
  let at: unknown = tree;
  for (let depth = 0; depth < keys.length; depth++) {
    if (!isMapping(at)) return { path: keys.slice(0, depth).join("."), value: at };
    at = Object.hasOwn(at, keys[depth]!) ? at[keys[depth]!] : undefined;
  }
  return { path, value: at };
}
