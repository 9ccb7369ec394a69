/** The flags that commands about a server share, and the configuration they make. @module */
import type { LoadOptions } from "../config/mod.ts";
import type { OptionSpec, ParsedArgs } from "./args.ts";

/** Everything of `fxfer serve` that sets a value. */
export const CONFIG_OPTIONS: Readonly<Record<string, OptionSpec>> = {
  config: {
    value: "FILE",
    short: "c",
    help: "Configuration file (default config.yaml, if there)",
  },
  host: { value: "HOST", help: "Address to listen on", setting: "server.host" },
  port: {
    value: "PORT",
    short: "p",
    help: "TCP port; 0 picks a free one and prints it",
    setting: "server.port",
  },
  mode: {
    value: "MODE",
    help: "Serve stateless or stateful requests, or dual for both",
    setting: "server.mode",
  },
  workers: {
    value: "N",
    help: "Threads that serve the port together; auto is one for each core",
    setting: "server.workers",
  },
  storage: { value: "DIR", help: "Folder for received files", setting: "storage.path" },
  persistence: {
    value: "KIND",
    help: "Remember sessions in memory, sqlite or redis",
    setting: "stateful.persistence",
  },
  "redis-url": {
    value: "URL",
    help: "Redis server for --persistence redis",
    setting: "stateful.redis_url",
  },
  set: { value: "PATH=VALUE", multiple: true, help: "Set any setting of config.yaml" },
  "log-format": {
    value: "FORMAT",
    help: "Log lines as text or json",
    setting: "logging.format",
  },
};

/** What `loadConfig` needs to know of them. */
export function loadOptions(args: ParsedArgs): Required<Pick<LoadOptions, "flags">> & LoadOptions {
  const file = args.text("config");
  return {
    ...(file === undefined ? {} : { file, explicit: true }),
    flags: args.configFlags(),
    sets: args.list("set"),
  };
}
