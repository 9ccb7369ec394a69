/**
 * Puts the configuration together: defaults, then the YAML file, then flags, then `--set`. The file
 * is read only if the permission to read it is granted already, so that no prompt appears.
 *
 * @module
 */
import { FxferError, reasonOf } from "../errors.ts";
import { omitUndefined } from "../omit_undefined.ts";
import { shorten } from "../text.ts";
import { readSwitch } from "./kinds.ts";
import { configError, type ConfigFault, configFaults, parseConfig } from "./parse.ts";
import { type Config, SETTINGS } from "./settings.ts";
import { assign, lookUp, newTree } from "./tree.ts";

export type ConfigOrigin = "default" | "file" | "flag";

/** A setting that a flag sets. */
export interface ConfigFlag {
  /** The flag, such as `--port`; faults name it. */
  readonly flag: string;
  /** The path of the setting, such as `server.port`. */
  readonly path: string;
  /** The value, which is mostly text. */
  readonly value: unknown;
}

/** What {@linkcode loadConfig} takes. */
export interface LoadOptions {
  /** The YAML file. @default {"config.yaml"} */
  readonly file?: string;
  /** Whether the user named the file, so that its absence is an error. @default {false} */
  readonly explicit?: boolean;
  /** The settings of flags; of two for the same setting the later one counts. */
  readonly flags?: readonly ConfigFlag[];
  /** `path=value` texts, which count before `flags`; of two for one setting the later one counts. */
  readonly sets?: readonly string[];
}

/** A configuration, and where its values came from. */
export interface LoadedConfig {
  readonly config: Config;
  /** The file that was read; absent when none was. */
  readonly file?: string;
  /** The origin of each setting; a section that is off, such as `limits.rate`, has one origin. */
  readonly origins: ReadonlyMap<string, ConfigOrigin>;
  /** Sentences for the user. */
  readonly notes: readonly string[];
}

/** The settings of the flags, then those of `--set`, where a text without a path is a fault. */
function readOverrides({ flags = [], sets = [] }: LoadOptions, faults: ConfigFault[]) {
  const overrides: ConfigFlag[] = [...flags];
  for (const text of sets) {
    const [, path, value] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
    if (path === undefined) {
      const message = "wanted path=value, for example server.port=0";
      faults.push({ path: shorten(text, 60), message, source: "--set" });
    } else {
      overrides.push({ path: path.trim(), value: value!.trim(), flag: "--set" });
    }
  }
  return overrides;
}

/** Parses YAML. `npm:js-yaml` is loaded only when there is a file; it needs no permission. */
async function parseYaml(text: string, file: string): Promise<unknown> {
  const yaml = await import("npm:js-yaml@4.1.1");
  try {
    // The core schema has no dates and no binary data, only what JSON has, too.
    return yaml.load(text, { schema: yaml.CORE_SCHEMA });
  } catch (error) {
    const { reason = "cannot be read", mark } = error as {
      reason?: string;
      mark?: { line: number; column: number };
    };
    const where = mark === undefined ? "" : ` at line ${mark.line + 1}, column ${mark.column + 1}`;
    const message = `not valid YAML${where}: ${shorten(reason, 200)}`;
    throw configError([{ path: "", message, source: file }]);
  }
}

/** What the file holds; undefined where there is no file, or the program may not read it. */
async function readFile(file: string, explicit: boolean, notes: string[]): Promise<unknown> {
  const cannotRead = (reason: string, cause?: unknown) =>
    new FxferError("local_io", `Cannot read configuration file ${file}: ${reason}`, { cause });
  const { state } = await Deno.permissions.query({ name: "read", path: file });
  if (state !== "granted") {
    const refusal = `reading it is not permitted (--allow-read=${file})`;
    if (explicit) throw cannotRead(refusal);
    notes.push(`${file} was not looked at, ${refusal}: the defaults are used`);
    return undefined;
  }
  let text: string;
  try {
    text = await Deno.readTextFile(file);
  } catch (error) {
    const missing = error instanceof Deno.errors.NotFound;
    if (missing && !explicit) return undefined;
    if (missing) throw cannotRead("there is no such file", error);
    const isFolder = error instanceof Deno.errors.IsADirectory;
    throw cannotRead(isFolder ? "it is a folder" : reasonOf(error), error);
  }
  return await parseYaml(text, file) ?? {};
}

/**
 * Puts the configuration together: defaults < file < flags < `--set`.
 *
 * @returns The checked configuration, and where each value came from.
 * @throws {FxferError} `config_invalid` with every fault of every source in `fields.faults`;
 * `local_io` when a file the user named cannot be read.
 */
export async function loadConfig(options: LoadOptions = {}): Promise<LoadedConfig> {
  const file = options.file ?? "config.yaml";
  const notes: string[] = [];
  const fromFile = await readFile(file, options.explicit ?? false, notes);

  const faults: ConfigFault[] = configFaults(fromFile).map((fault) => ({ ...fault, source: file }));
  // Each override is checked alone, because a later override may hide the fault of an earlier one.
  const overrides = readOverrides(options, faults);
  for (const { path, value, flag } of overrides) {
    const alone = newTree();
    assign(alone, path, value);
    for (const fault of configFaults(alone)) faults.push({ ...fault, source: flag });
  }
  if (faults.length > 0) throw configError(faults);

  const merged = Object.assign(newTree(), fromFile);
  const flagTree = newTree();
  for (const { path, value } of overrides) {
    assign(merged, path, value);
    assign(flagTree, path, value);
  }

  const origins = new Map<string, ConfigOrigin>();
  for (const setting of SETTINGS.keys()) {
    const { path, value } = lookUp(merged, setting);
    const off = path !== setting && readSwitch(value) === "off";
    const flag = lookUp(flagTree, path);
    if (path !== setting && !off || value === undefined) origins.set(setting, "default");
    else origins.set(path, flag.path === path && flag.value !== undefined ? "flag" : "file");
  }
  const read = fromFile === undefined ? undefined : file;
  return omitUndefined({ config: parseConfig(merged), file: read, origins, notes });
}
