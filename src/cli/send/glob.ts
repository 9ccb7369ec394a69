/** Patterns such as `*.png` or `logs/**`, for shells that do not expand them. @module */

/** Whether a text is a pattern. The caller first looks for a file of that very name. */
export function isGlob(text: string): boolean {
  return /[*?]|\[[^\]]+\]/.test(text);
}

/**
 * One part of a pattern (between slashes) as a regular expression: `*` and `?` stand for anything but
 * a slash, `[abc]`, `[a-z]` and `[!a]` for one character.
 */
export function partPattern(part: string): RegExp {
  let source = "";
  for (let at = 0; at < part.length; at++) {
    const char = part[at]!;
    const end = char === "[" ? part.indexOf("]", at + 2) : -1;
    if (end > 0) {
      const inner = part.slice(at + 1, end).replace(/^!/, "^").replace(/\\/g, "\\\\");
      source += `[${inner}]`;
      at = end;
    } else if (char === "*") source += ".*";
    else if (char === "?") source += ".";
    else source += char.replace(/[.+^${}()|[\]\\]/g, "\\$&");
  }
  return new RegExp(`^${source}$`, "us");
}

/**
 * The files that a pattern matches, sorted. Only a part that starts with a dot matches a name that
 * does; `**` matches any depth of folders; symlinks to folders are not followed.
 *
 * @param pattern With `/` between its parts.
 */
export async function expandGlob(pattern: string): Promise<string[]> {
  const absolute = pattern.startsWith("/");
  const parts = pattern.split("/").filter((part) => part !== "");
  const found = new Set<string>();
  const walk = async (folder: string, at: number): Promise<void> => {
    const part = parts[at]!;
    const last = at === parts.length - 1;
    const path = (name: string) =>
      folder === "" ? name : folder === "/" ? `/${name}` : `${folder}/${name}`;
    if (part !== "**" && !isGlob(part)) {
      if (last) return await addFile(path(part), found);
      return await walk(path(part), at + 1);
    }
    if (part === "**" && !last) await walk(folder, at + 1);
    const matches = part === "**" ? /^/ : partPattern(part);
    // A folder that does not exist or may not be read has no entries.
    const entries = await Array.fromAsync(Deno.readDir(folder || ".")).catch(() => []);
    for (const { name, isDirectory } of entries) {
      if (name.startsWith(".") && !part.startsWith(".")) continue;
      if (part === "**" && isDirectory) await walk(path(name), at);
      else if (!matches.test(name)) continue;
      else if (last) await addFile(path(name), found);
      else if (isDirectory && part !== "**") await walk(path(name), at + 1);
    }
  };
  await walk(absolute ? "/" : "", 0);
  return [...found].sort();
}

async function addFile(path: string, found: Set<string>): Promise<void> {
  const info = await Deno.stat(path).catch(() => undefined);
  if (info?.isFile) found.add(path);
}
