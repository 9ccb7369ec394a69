/** `fxfer config`: checks the configuration, or prints it with where each value came from. @module */
import { type Config, configYaml, formatValue, loadConfig, SETTINGS } from "../config/mod.ts";
import type { Output } from "../terminal/mod.ts";
import { escapeControls } from "../text.ts";
import { type ParsedArgs, usageError } from "./args.ts";
import type { Command } from "./command.ts";
import { CONFIG_OPTIONS, loadOptions } from "./config_flags.ts";
import { SUMMARIES } from "./summaries.ts";

export const CONFIG_COMMAND: Command = {
  spec: {
    name: "config",
    summary: SUMMARIES.config,
    operands: { name: "check|print", min: 1, max: 1, words: ["check", "print"] },
    options: {
      ...CONFIG_OPTIONS,
      json: { help: "Print one JSON object" },
      defaults: { help: "print: the text of a config.yaml with every setting at its default" },
    },
    details: [
      "It takes the flags of fxfer serve and reads the same file. Passwords are not printed. Exit " +
      "code 1: there are faults, and each is named.",
      "For a file to start from:",
      "  fxfer config print --defaults > config.yaml",
    ],
  },
  run: runConfig,
};

async function runConfig(args: ParsedArgs, { out, err }: Output): Promise<number> {
  const [verb] = args.operands;
  if (args.has("defaults")) {
    if (verb === "check") throw usageError(["--defaults is not a flag of check"], "config");
    out.line(configYaml().trimEnd());
    return 0;
  }
  const loaded = await loadConfig(loadOptions(args));
  for (const note of loaded.notes) err.line(`fxfer: ${escapeControls(note)}`);
  const where = loaded.file ?? "the defaults";
  if (verb === "check") {
    const summary = { valid: true, file: loaded.file ?? null, notes: loaded.notes };
    out.line(args.has("json") ? JSON.stringify(summary) : `${where}: valid`);
    return 0;
  }
  const { config, origins, file = "file" } = loaded;
  const rows = [...origins].map(([path, origin]) => ({
    path,
    value: masked(path, valueAt(config, path)),
    origin: origin === "file" ? file : origin,
  }));
  if (args.has("json")) {
    const values = rows.map(({ path, value, origin }) => [path, { value, origin }]);
    out.line(escapeControls(JSON.stringify(Object.fromEntries(values))));
    return 0;
  }
  const texts = rows.map(({ value }) => escapeControls(formatValue(value)));
  const left = Math.max(...rows.map(({ path }) => path.length));
  const middle = Math.max(...texts.map((text) => text.length));
  for (const [index, { path, origin }] of rows.entries()) {
    out.line(`${path.padEnd(left)}  ${texts[index]!.padEnd(middle)}  ${origin}`);
  }
  return 0;
}

const valueAt = (config: Config, path: string): unknown =>
  path.split(".").reduce<unknown>((at, key) => (at as Record<string, unknown>)[key], config);

/** A value without what may be secret: the user, the password and the query of a URL. */
function masked(path: string, value: unknown): unknown {
  if (SETTINGS.get(path)?.kind.secret !== true) return value;
  const [, scheme, login, place, query] = /^(\S+?:\/\/)(.*@)?([^?#]*)(.*)$/.exec(String(value)) ??
    [];
  if (scheme === undefined) return "***";
  return `${scheme}${login === undefined ? "" : "***@"}${place}${query === "" ? "" : "?***"}`;
}
