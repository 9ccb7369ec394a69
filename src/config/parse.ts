/** Turns any value into a checked {@linkcode Config}, or reports every fault of it at once. Pure. @module */
import { FxferError } from "../errors.ts";
import { readSwitch } from "./kinds.ts";
import { type Config, isSection, SCHEMA, type Section, SETTINGS } from "./settings.ts";
import { escapeControls, shorten, suggest } from "../text.ts";

/** A fault of a configuration. */
export interface ConfigFault {
  /** The path, such as `server.port`; empty for the configuration as a whole. */
  readonly path: string;
  /** What was wanted and what was found: one line, escaped. */
  readonly message: string;
  /** The file or the flag that has the fault; absent when a value was parsed. */
  readonly source?: string;
}

/** Whether a value is a mapping with text keys. */
export function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function found(value: unknown): string {
  if (value === null || value === undefined) return "nothing";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "string") return value === "" ? "empty text" : `"${shorten(value, 40)}"`;
  if (typeof value === "number") return `number ${value}`;
  if (typeof value === "boolean") return String(value);
  return isMapping(value) ? "a mapping" : typeof value;
}

/**
 * What an unknown key probably means: a similar key of the same section, the same key in another
 * section, a similar path, or a similar key in another section.
 */
function meant(key: string, section: Section, prefix: string): string {
  const near = suggest(key, Object.keys(section.settings));
  const paths = [...SETTINGS.keys()];
  const elsewhere = (like: string | undefined) => paths.find((path) => path.endsWith(`.${like}`));
  const path = near !== undefined
    ? prefix + near
    : elsewhere(key) ?? suggest(prefix + key, paths) ??
      elsewhere(suggest(key, paths.map((path) => path.slice(path.lastIndexOf(".") + 1))));
  return path === undefined ? "" : `, did you mean ${path}?`;
}

function readSetting(path: string, raw: unknown, faults: ConfigFault[]): unknown {
  const { kind, default: standard } = SETTINGS.get(path)!;
  const value = kind.read(raw);
  if (value !== undefined) return value;
  const shown = kind.secret && typeof raw === "string" ? "other text" : found(raw);
  faults.push({ path, message: `wanted ${kind.wanted}, found ${shown}` });
  return standard;
}

function readSection(
  section: Section,
  raw: unknown,
  path: string,
  faults: ConfigFault[],
): Record<string, unknown> | "off" {
  const switched = section.switchable ? readSwitch(raw) : undefined;
  if (switched === "off") return "off";
  // YAML reads a section whose lines are all commented out as null.
  const absent = raw === undefined || raw === null || switched === "on";
  if (!absent && !isMapping(raw)) {
    const wanted = section.switchable ? "off or a mapping" : "a mapping";
    faults.push({ path, message: `wanted ${wanted}, found ${found(raw)}` });
  }
  const given = isMapping(raw) ? raw : {};
  const prefix = path === "" ? "" : `${path}.`;
  for (const key of Object.keys(given)) {
    if (Object.hasOwn(section.settings, key)) continue;
    faults.push({
      path: prefix + shorten(key, 60),
      message: `unknown key${meant(key, section, prefix)}`,
    });
  }
  const result: Record<string, unknown> = {};
  for (const [key, entry] of Object.entries(section.settings)) {
    const at = prefix + key;
    const isGiven = Object.hasOwn(given, key);
    if (isSection(entry)) {
      result[key] = readSection(entry, isGiven ? given[key] : undefined, at, faults);
    } else {
      result[key] = isGiven ? readSetting(at, given[key], faults) : entry.default;
    }
  }
  return Object.freeze(result);
}

/** The configuration with every setting at its default. */
export const DEFAULT_CONFIG: Config = parseConfig({});

/**
 * Checks a configuration, as read from YAML or JSON, and fills in the defaults. Numbers may also
 * come as text, durations and sizes with a unit (`"5m"`, `"10MiB"`).
 *
 * @param input A mapping; undefined and null give the defaults.
 * @returns A frozen configuration with every key present.
 * @throws {FxferError} `config_invalid`; `fields.faults` is the list of every {@linkcode ConfigFault}.
 *
 * @example
 * ```ts
 * import { parseConfig } from "./mod.ts";
 *
 * const config = parseConfig({ server: { port: 0 }, stateful: { session_timeout: "5m" } });
 * console.assert(config.server.port === 0 && config.stateful.session_timeout === 300);
 * ```
 */
export function parseConfig(input: unknown): Config {
  const faults = configFaults(input);
  if (faults.length > 0) throw configError(faults);
  return readSection(SCHEMA, input, "", []) as unknown as Config;
}

/** Every fault of a configuration; none when it is valid. */
export function configFaults(input: unknown): ConfigFault[] {
  const faults: ConfigFault[] = [];
  readSection(SCHEMA, input, "", faults);
  return faults;
}

/** The error for faults, of which there is at least one; its message shows the first one. */
export function configError(faults: readonly ConfigFault[]): FxferError {
  const more = faults.length > 1 ? ` (and ${faults.length - 1} more)` : "";
  const message = `Cannot use configuration: ${formatFault(faults[0]!)}${more}`;
  return new FxferError("config_invalid", message, { fields: { faults } });
}

/** A fault as a line: `config.yaml: server.port: wanted …`. */
export function formatFault({ source = "", path, message }: ConfigFault): string {
  return [escapeControls(source), path, message].filter((part) => part !== "").join(": ");
}
