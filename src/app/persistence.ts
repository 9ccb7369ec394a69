/** Where a server keeps its sessions if the configuration leaves that open. @module */
import type { Config } from "../config/mod.ts";

/** The folder of what the server keeps for itself: the manifest, the index, partial files, sessions. */
export function stateFolder({ storage: { path, state } }: Config): string {
  return state === "off" ? path : state;
}

/** A configuration that names its session store. */
export type SettledConfig = Config & {
  readonly stateful: { readonly persistence: Exclude<Config["stateful"]["persistence"], "auto"> };
};

/**
 * Puts the store that `auto` stands for into a configuration: `sqlite` where Deno lets the program read the
 * folders of the storage, else `memory`.
 *
 * @param beside For a command beside the server, which may read although the server may not: `auto` is then
 * `memory` also where no server has made the database.
 */
export async function settle(config: Config, beside = false): Promise<SettledConfig> {
  const { persistence } = config.stateful;
  const kept = persistence !== "auto"
    ? persistence
    : await mayRead(config) && !(beside && await lacksDatabase(config))
    ? "sqlite"
    : "memory";
  return { ...config, stateful: { ...config.stateful, persistence: kept } };
}

async function mayRead(config: Config): Promise<boolean> {
  for (const path of new Set([config.storage.path, stateFolder(config)])) {
    const { state } = await Deno.permissions.query({ name: "read", path });
    if (state !== "granted") return false;
  }
  return true;
}

/** The database of the session store in SQLite. */
export function databaseOf(config: Config): string {
  return `${stateFolder(config)}/${config.stateful.sqlite_file}`;
}

const lacksDatabase = (config: Config): Promise<boolean> =>
  Deno.lstat(databaseOf(config)).then(() => false, () => true);
