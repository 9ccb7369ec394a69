/** The key of whoever runs a command that speaks to a server, from a file or from standard input. @module */
import { FxferError, reasonOf } from "../errors.ts";
import { mustBePrivate, parseKey } from "../keys/mod.ts";
import { cannot, mustRead, whyUnreadable } from "./local.ts";

/**
 * Reads a key; white space around it is cut off.
 *
 * @param path `-` is standard input.
 * @throws {FxferError} `local_io` if there is nothing to read; `unauthorized` if others may read the file, or
 * it holds no key. Errors never repeat what stands in the file.
 */
export async function readKeyFile(path: string): Promise<string> {
  const action = `read key from ${path === "-" ? "standard input" : path}`;
  try {
    if (path === "-") return usable(await new Response(Deno.stdin.readable).text());
    await mustRead(path, action);
    const { mode } = await Deno.stat(path).catch(cannot(action, whyUnreadable));
    mustBePrivate(mode, path);
    return usable(await Deno.readTextFile(path).catch(cannot(action, whyUnreadable)));
  } catch (error) {
    if (error instanceof FxferError && error.code !== "local_io") {
      throw new FxferError("unauthorized", reasonOf(error));
    }
    throw error;
  }
}

function usable(text: string): string {
  const key = text.trim();
  parseKey(key);
  return key;
}
