/** Patterns such as `*.png` or `logs/**`, for shells that do not expand them. @module */
import { join, resolve, sep as SEPARATOR } from "node:path";

/** Whether a text is a pattern. The caller first looks for a file of that very name. */
export function isGlob(text: string): boolean {
  return /[*?]|\[[^\]]+\]/.test(text);
}

/**
 * One part of a pattern (between slashes) as a regular expression: `*` and `?` stand for anything but
 * a slash, `[abc]`, `[a-z]` and `[!a]` for one character. No character is in a range such as `[z-a]`.
 */
export function partPattern(part: string): RegExp {
  let source = "";
  for (let at = 0; at < part.length; at++) {
    const char = part[at]!;
    const end = char === "[" ? part.indexOf("]", at + 2) : -1;
    if (end > 0) {
      const [, not, set] = /^([!^]?)(.*)$/s.exec(part.slice(at + 1, end))!;
      const ordered = set!.replace(
        /(.)-(.)/gsu,
        (range, first: string, last: string) =>
          first.codePointAt(0)! > last.codePointAt(0)! ? "" : range,
      );
      source += `[${not && "^"}${ordered.replace(/[\\[^]/g, "\\$&")}]`;
      at = end;
    } else if (char === "*") source += ".*";
    else if (char === "?") source += ".";
    else source += char.replace(/[.+^${}()|[\]\\]/g, "\\$&");
  }
  return new RegExp(`^${source}$`, "us");
}

/**
 * The paths that a pattern matches, sorted. Only a part that starts with a dot matches a name that
 * does; `**` matches any depth of folders, and then only what is no folder, and follows no links.
 *
 * @param pattern With `/` between its parts.
 * @param unreadable Called for each folder that is there and cannot be read.
 */
export async function expandGlob(
  pattern: string,
  unreadable: (folder: string, cause: unknown) => void = () => {},
): Promise<string[]> {
  const absolute = pattern.startsWith("/");
  const parts = pattern.split("/").filter((part) => part !== "");
  const found = new Set<string>();
  const walk = async (folder: string, at: number): Promise<void> => {
    const part = parts[at]!;
    const last = at === parts.length - 1;
    const path = (name: string) =>
      folder === "" ? name : folder === "/" ? `/${name}` : `${folder}/${name}`;
    if (part !== "**" && !isGlob(part)) {
      if (!last) return await walk(path(part), at + 1);
      if (await Deno.lstat(path(part)).then(() => true, () => false)) found.add(path(part));
      return;
    }
    if (part === "**" && !last) await walk(folder, at + 1);
    const matches = part === "**" ? /^/ : partPattern(part);
    const entries = await Array.fromAsync(Deno.readDir(folder || ".")).catch((cause) => {
      const isNoFolder = cause instanceof Deno.errors.NotFound ||
        cause instanceof Deno.errors.NotADirectory;
      if (!isNoFolder) unreadable(folder || ".", cause);
      return [];
    });
    for (const { name, isDirectory, isSymlink } of entries) {
      if (name.startsWith(".") && !part.startsWith(".")) continue;
      if (part === "**" && isDirectory) await walk(path(name), at);
      else if (!matches.test(name)) continue;
      else if (last) found.add(path(name));
      else if ((isDirectory || isSymlink) && part !== "**") await walk(path(name), at + 1);
    }
  };
  await walk(absolute ? "/" : "", 0);
  return [...found].sort();
}

/** Whether operands lead to the same folder, so that a file may be found twice. */
export function mayMeet(operands: readonly string[]): boolean {
  // What a pattern fits is in the folder before its first sign; with `**` also in one another.
  if (operands.some((operand) => isGlob(operand) && operand.includes("**"))) return true;
  const folder = (operand: string) =>
    isGlob(operand) ? operand.replace(/[^/]*[*?[].*$/s, "") : operand;
  const paths = operands.map((operand) => join(resolve(folder(operand)), SEPARATOR)).sort();
  return paths.some((path, index) => index > 0 && path.startsWith(paths[index - 1]!));
}
