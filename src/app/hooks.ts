/** Tells another program of stored files, if the configuration wants it. @module */
import type { Config } from "../config/mod.ts";
import { FxferError, reasonOf } from "../errors.ts";
import type { Events } from "../events.ts";
import { Hooks, parseSecret } from "../hooks/mod.ts";
import type { Logger } from "../log.ts";
import type { FileStorage } from "../storage/mod.ts";
import { stateFolder } from "./persistence.ts";

/** The state file, beside the list of stored files. */
const STATE_FILE = "hooks.json";

/**
 * Begins to tell of stored files; undefined where nobody wants to hear of them.
 *
 * @throws {FxferError} `config_invalid` if the secret is missing or the storage cannot be read; `local_io`.
 */
export async function openHooks(
  config: Config,
  { catalogue }: Pick<FileStorage, "catalogue">,
  events: Events,
  log: Logger,
): Promise<Hooks | undefined> {
  const { url, secret_file, give_up_after } = config.hooks;
  if (url === "none") return undefined;
  const refused = (why: string) =>
    new FxferError("config_invalid", `Cannot use configuration: hooks.url ${why}`);
  if (catalogue === undefined) {
    throw refused("needs permission to read the storage folder (--allow-read=<storage folder>)");
  }
  if (secret_file === "none") throw refused("needs hooks.secret_file, which signs what is told");
  let text: string;
  try {
    text = await Deno.readTextFile(secret_file);
  } catch (cause) {
    const reason = `Cannot read secret ${secret_file}: ${reasonOf(cause)}`;
    throw new FxferError("local_io", reason, { cause });
  }
  const secret = parseSecret(text);
  if (secret === undefined) {
    throw refused(
      "needs a secret of 24 to 64 bytes: printf whsec_ > FILE; openssl rand -base64 32 >> FILE",
    );
  }
  const path = `${stateFolder(config)}/${STATE_FILE}`;
  const giveUpAfterMs = give_up_after * 1000;
  try {
    return await Hooks.open({ url, secret, catalogue, path, giveUpAfterMs, events, log });
  } catch (cause) {
    throw new FxferError("local_io", `Cannot use ${path}: ${reasonOf(cause)}`, { cause });
  }
}
