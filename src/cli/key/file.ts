/** The file of keys, changed line by line: comments and other users' lines stay as they are. @module */
import { FxferError, reasonOf } from "../../errors.ts";
import { type KeyLine, mustBePrivate, parseKeyFile } from "../../keys/mod.ts";
import { cannot, localError, mustRead, writable } from "../local.ts";

/** What a file begins with that `fxfer key new` makes. */
const HEAD =
  "# The keys of fxfer's users, one a line. Whoever has a key acts for its user: keep this secret.\n";

/** Reads the file; undefined if there is none. @throws {FxferError} `local_io`, or `unauthorized` for a fault. */
export async function readKeys(path: string): Promise<string | undefined> {
  await mustRead(path, `use ${path}`);
  try {
    mustBePrivate((await Deno.stat(path)).mode, path);
    const text = await Deno.readTextFile(path);
    parseKeyFile(text, path);
    return text;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    if (error instanceof FxferError) throw new FxferError("unauthorized", error.message);
    throw localError(`read ${path}`, error);
  }
}

/** The lines of a file that is there. @throws {FxferError} `local_io` if there is none. */
export async function mustHaveKeys(path: string): Promise<readonly KeyLine[]> {
  const text = await readKeys(path);
  if (text !== undefined) return parseKeyFile(text, path);
  throw localError(
    `read ${path}`,
    undefined,
    "there is no such file (fxfer key new NAME makes it)",
  );
}

/**
 * Changes the file in one step: who reads it sees it as it was or as it will be. A second change at the same
 * time is refused.
 *
 * @param change Gets the text, or that of a new file, and returns the new one.
 */
export async function changeKeys(path: string, change: (text: string) => string): Promise<void> {
  const draft = `${path}.new`;
  for (const file of [path, draft]) {
    if (await writable(file)) continue;
    throw localError(`write ${file}`, undefined, `it is not permitted (--allow-write=${file})`);
  }
  const busy = (cause: unknown) =>
    cause instanceof Deno.errors.AlreadyExists
      ? "another fxfer key is at work, or was ended (then remove the file)"
      : reasonOf(cause);
  const file = await Deno.open(draft, { write: true, createNew: true, mode: 0o600 })
    .catch(cannot(`write ${draft}`, busy));
  try {
    {
      using _open = file;
      const bytes = new TextEncoder().encode(change(await readKeys(path) ?? HEAD));
      for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
      await file.sync();
    }
    await Deno.rename(draft, path);
  } catch (error) {
    await Deno.remove(draft);
    throw error instanceof FxferError ? error : localError(`write ${path}`, error);
  }
}

/** The text with the user's line replaced; without `line` it is removed. Undefined if there is no such line. */
export function withLine(text: string, name: string, line?: string): string | undefined {
  const lines = text.split("\n");
  const at = lines.findIndex((each) => each.trim().startsWith(`fxfer_${name}_`));
  if (at < 0) return undefined;
  lines.splice(at, 1, ...line === undefined ? [] : [line]);
  return lines.join("\n");
}
