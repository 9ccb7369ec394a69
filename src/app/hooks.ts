/** Tells another program of stored files, or asks one before, if the configuration wants it. @module */
import type { Config } from "../config/mod.ts";
import { FxferError, reasonOf } from "../errors.ts";
import type { Events } from "../events.ts";
import type { Hooks } from "../hooks/mod.ts";
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
  const { url, give_up_after } = config.hooks;
  if (url === "none") return undefined;
  if (catalogue === undefined) {
    const needs = "needs permission to read the storage folder (--allow-read=<storage folder>)";
    throw refused("url", needs);
  }
  const secret = await readSecret(config, "url");
  const path = `${stateFolder(config)}/${STATE_FILE}`;
  const giveUpAfterMs = give_up_after * 1000;
  const { Hooks } = await import("../hooks/mod.ts");
  try {
    return await Hooks.open({ url, secret, catalogue, path, giveUpAfterMs, events, log });
  } catch (cause) {
    throw new FxferError("local_io", `Cannot use ${path}: ${reasonOf(cause)}`, { cause });
  }
}

/**
 * Makes a storage ask before it admits a file, until disposed; undefined where nobody wants to be asked. To
 * be called when all else that times the storage has been put around it: an answer's time is not the disk's.
 *
 * @throws {FxferError} `config_invalid` if the secret is missing; `local_io`.
 */
export async function askBefore(
  config: Config,
  storage: FileStorage,
  log: Logger,
): Promise<Disposable | undefined> {
  const { accept: url, accept_default: otherwise } = config.hooks;
  if (url === "none") return undefined;
  const { Admission } = await import("../hooks/mod.ts");
  const admission = new Admission({
    url,
    secret: await readSecret(config, "accept"),
    otherwise,
    log,
  });
  admission.guard(storage);
  return admission;
}

const refused = (setting: string, why: string): FxferError =>
  new FxferError("config_invalid", `Cannot use configuration: hooks.${setting} ${why}`);

/** The secret that signs. @param setting The setting that needs it, below `hooks`. */
async function readSecret(
  { hooks: { secret_file } }: Config,
  setting: string,
): Promise<Uint8Array> {
  if (secret_file === "none") {
    throw refused(setting, "needs hooks.secret_file, which signs what is sent");
  }
  let text: string;
  try {
    text = await Deno.readTextFile(secret_file);
  } catch (cause) {
    const reason = `Cannot read secret ${secret_file}: ${reasonOf(cause)}`;
    throw new FxferError("local_io", reason, { cause });
  }
  const { parseSecret } = await import("../hooks/mod.ts");
  const secret = parseSecret(text);
  if (secret !== undefined) return secret;
  throw refused(
    setting,
    "needs a secret of 24 to 64 bytes: printf whsec_ > FILE; openssl rand -base64 32 >> FILE",
  );
}
