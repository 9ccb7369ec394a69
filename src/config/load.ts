/**
 * Puts a configuration together: defaults, then the YAML file, then flags and `--set`. The file is
 * read only where the permission to read it is granted already; no prompt appears.
 *
 * @module
 */
import { FxferError } from "../errors.ts";
import { shorten } from "../text.ts";
import { readSwitch } from "./kinds.ts";
import { configError, type ConfigFault, configFaults, isMapping, parseConfig } from "./parse.ts";
import { type Config, SETTINGS } from "./settings.ts";

/** Where a value came from. */
export type ConfigOrigin = "default" | "file" | "flag";

/** One setting a flag has set. */
export interface ConfigFlag {
  /** The flag, for faults: `--port`. */
  readonly flag: string;
  /** The setting: `server.port`. */
  readonly path: string;
  /** The value, mostly text. */
  readonly value: unknown;
}

/** What {@linkcode loadConfig} takes; everything may be absent. */
export interface LoadOptions {
  /**
   * The YAML file.
   * @default {"config.yaml"}
   */
  readonly file?: string;
  /**
   * Whether the user named the file: then it must be readable, else its absence is fine.
   * @default {false}
   */
  readonly explicit?: boolean;
  /** What flags set; a later one wins. */
  readonly flags?: readonly ConfigFlag[];
  /** `path=value` texts, in order; a later one wins, also over `flags`. */
  readonly sets?: readonly string[];
}

/** A configuration and how it came about. */
export interface LoadedConfig {
  /** The checked configuration. */
  readonly config: Config;
  /** The file that was read; absent when none was. */
  readonly file?: string;
  /** For every setting; a section that is switched off (`limits.rate`) stands for its settings. */
  readonly origins: ReadonlyMap<string, ConfigOrigin>;
  /** What the user should know, one sentence each. */
  readonly notes: readonly string[];
}

type Tree = Record<string, unknown>;

/** Without a prototype: a key named `__proto__` is a key, and is refused as unknown. */
const newTree = (): Tree => Object.create(null);

/** Sets one path; a scalar in the way (`limits.rate: off`) gives way to a mapping. */
function assign(tree: Tree, path: string, value: unknown): void {
  const keys = path.split(".");
  const last = keys.pop()!;
  let at = tree;
  for (const key of keys) {
    const next = at[key];
    at = at[key] = Object.assign(newTree(), isMapping(next) ? next : {});
  }
  // "on" for a section that has values keeps them.
  if (isMapping(at[last]) && readSwitch(value) === "on") return;
  at[last] = value;
}

/** The value at a path, and the path it was found at: that of a section when that is a switch. */
function lookUp(tree: Tree, path: string): { readonly path: string; readonly value: unknown } {
  const keys = path.split(".");
  let at: unknown = tree;
  for (let depth = 0; depth < keys.length; depth++) {
    if (!isMapping(at)) return { path: keys.slice(0, depth).join("."), value: at };
    at = Object.hasOwn(at, keys[depth]!) ? at[keys[depth]!] : undefined;
  }
  return { path, value: at };
}

function clone(value: unknown): unknown {
  if (!isMapping(value)) return value;
  const copy = newTree();
  for (const [key, inner] of Object.entries(value)) copy[key] = clone(inner);
  return copy;
}

function readOverrides(options: LoadOptions, faults: ConfigFault[]): ConfigFlag[] {
  const overrides: ConfigFlag[] = [...options.flags ?? []];
  for (const text of options.sets ?? []) {
    const equals = text.indexOf("=");
    if (equals < 1) {
      faults.push({
        path: shorten(text, 60),
        message: "wanted path=value, for example server.port=0",
        source: "--set",
      });
      continue;
    }
    const path = text.slice(0, equals).trim();
    overrides.push({ path, value: text.slice(equals + 1).trim(), flag: "--set" });
  }
  return overrides;
}

/** YAML to a value. `npm:js-yaml` is loaded here, when a file is there to be read, and needs no permission. */
async function parseYaml(text: string, file: string): Promise<unknown> {
  const yaml = await import("npm:js-yaml@4.1.1");
  try {
    // The core schema: no dates, no binary, nothing that is not JSON.
    return yaml.load(text, { schema: yaml.CORE_SCHEMA });
  } catch (error) {
    const { reason, mark } = error as {
      reason?: string;
      mark?: { line: number; column: number };
    };
    const where = mark === undefined ? "" : ` at line ${mark.line + 1}, column ${mark.column + 1}`;
    throw configError([{
      path: "",
      message: `not valid YAML${where}: ${shorten(reason ?? "cannot be read", 200)}`,
      source: file,
    }]);
  }
}

async function readFile(
  file: string,
  explicit: boolean,
  notes: string[],
): Promise<unknown | undefined> {
  const { state } = await Deno.permissions.query({ name: "read", path: file });
  if (state !== "granted") {
    if (explicit) {
      throw new FxferError(
        "local_io",
        `Cannot read configuration file ${file}: reading it is not permitted (--allow-read=${file})`,
      );
    }
    notes.push(
      `${file} was not looked at, reading it is not permitted (--allow-read=${file}): ` +
        "the defaults are used",
    );
    return undefined;
  }
  try {
    return await parseYaml(await Deno.readTextFile(file), file) ?? {};
  } catch (error) {
    if (error instanceof FxferError) throw error;
    if (error instanceof Deno.errors.NotFound && !explicit) return undefined;
    const reason = error instanceof Deno.errors.NotFound
      ? "there is no such file"
      : error instanceof Error
      ? error.message
      : String(error);
    throw new FxferError("local_io", `Cannot read configuration file ${file}: ${reason}`, {
      cause: error,
    });
  }
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

  const faults: ConfigFault[] = [];
  for (const fault of configFaults(fromFile)) faults.push({ ...fault, source: file });
  // Each is checked alone, so that none hides another's fault, or the file's.
  const overrides = readOverrides(options, faults);
  for (const { path, value, flag } of overrides) {
    const alone = newTree();
    assign(alone, path, value);
    for (const fault of configFaults(alone)) faults.push({ ...fault, source: flag });
  }
  if (faults.length > 0) throw configError(faults);

  const fileTree = (clone(fromFile) ?? newTree()) as Tree;
  const merged = clone(fileTree) as Tree;
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
  return {
    config: parseConfig(merged),
    ...(fromFile === undefined ? {} : { file }),
    origins,
    notes,
  };
}
