/** A configuration that changes while a server runs. Pure. @module */
import { configError, type ConfigFault, configFaults, parseConfig } from "./parse.ts";
import { formatValue } from "./reference.ts";
import { type Config, SETTINGS } from "./settings.ts";
import { assign, lookUp, newTree } from "./tree.ts";

/** The value of a setting; `off` below a section that is off. */
export function settingOf(config: Config, path: string): unknown {
  return lookUp(config as Readonly<Record<string, unknown>>, path).value;
}

/** The paths of the settings in which two configurations differ. */
function changedSettings(before: Config, after: Config): string[] {
  const text = (config: Config, path: string) => formatValue(settingOf(config, path));
  return [...SETTINGS.keys()].filter((path) => text(before, path) !== text(after, path));
}

/** Whether a setting can change while a server runs. */
const isLive = (path: string): boolean => SETTINGS.get(path)?.live === true;

/** What leads from one configuration to another, by paths, and which of these paths take a restart. */
export function changesTo(
  before: Config,
  after: Config,
): { readonly live: Readonly<Record<string, unknown>>; readonly fixed: readonly string[] } {
  const changed = changedSettings(before, after);
  const live: Record<string, unknown> = {};
  for (const setting of changed.filter(isLive)) {
    // A section that is off has one value for all of its settings.
    const { path, value } = lookUp(after as Readonly<Record<string, unknown>>, setting);
    live[path] = value;
  }
  return { live, fixed: changed.filter((path) => !isLive(path)) };
}

/**
 * A configuration with other values at some paths, such as `{ "server.mode": "stateless" }`.
 *
 * @throws {FxferError} `config_invalid` with every fault; a setting that cannot change while a server runs
 * is one.
 */
export function changeConfig(config: Config, changes: Readonly<Record<string, unknown>>): Config {
  const tree = Object.assign(newTree(), config);
  const faults: ConfigFault[] = [];
  for (const [path, value] of Object.entries(changes)) {
    const alone = newTree();
    assign(alone, path, value);
    faults.push(...configFaults(alone));
    assign(tree, path, value);
  }
  if (faults.length > 0) throw configError(faults);
  const changed = parseConfig(tree);
  const { fixed } = changesTo(config, changed);
  if (fixed.length > 0) {
    throw configError(
      fixed.map((path) => ({ path, message: "cannot change while the server runs" })),
    );
  }
  return changed;
}
