/** The flags that commands about a server share, and how they are handed to `loadConfig`. @module */
import { type ConfigFlag, type LoadOptions, SETTINGS } from "../config/mod.ts";
import { omitUndefined } from "../omit_undefined.ts";
import type { OptionSpec, ParsedArgs } from "./args.ts";

/** A flag for the value of a setting; its help is the sentence of the table. */
export function flagFor(setting: string, value: string, short?: string): OptionSpec {
  return omitUndefined({ value, short, setting, help: SETTINGS.get(setting)!.about });
}

/** The flags of `fxfer serve` that set a value. */
export const CONFIG_OPTIONS: Readonly<Record<string, OptionSpec>> = {
  config: {
    value: "FILE",
    short: "c",
    help: "Configuration file (default config.yaml, if there)",
  },
  host: flagFor("server.host", "HOST"),
  port: flagFor("server.port", "PORT", "p"),
  mode: flagFor("server.mode", "MODE"),
  workers: flagFor("server.workers", "N"),
  storage: flagFor("storage.path", "DIR"),
  persistence: flagFor("stateful.persistence", "KIND"),
  "redis-url": flagFor("stateful.redis_url", "URL"),
  set: { value: "PATH=VALUE", multiple: true, help: "Set any setting of config.yaml" },
  "log-format": flagFor("logging.format", "FORMAT"),
};

/** The options of `loadConfig` that these flags ask for. */
export function loadOptions(args: ParsedArgs): LoadOptions & { readonly flags: ConfigFlag[] } {
  const file = args.text("config");
  return {
    ...(file === undefined ? {} : { file, explicit: true }),
    flags: args.configFlags(),
    sets: args.list("set"),
  };
}
