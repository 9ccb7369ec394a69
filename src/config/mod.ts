/**
 * The configuration: what can be set, checked as a whole, from the YAML file and the flags.
 *
 * One table (table.ts) names every setting with its values, default and meaning; the type
 * {@linkcode Config} is derived from it, and config.yaml is made from it (`fxfer config print
 * --defaults`). {@linkcode parseConfig} is pure and reports every fault at once;
 * {@linkcode loadConfig} adds the file and the flags. Only the program reads configuration: the
 * library takes options.
 *
 * @module
 */
export { readBytes } from "../text.ts";
export { type Config, isSection, SCHEMA, type Section, SETTINGS } from "./settings.ts";
export { type ConfigFault, DEFAULT_CONFIG, formatFault, parseConfig } from "./parse.ts";
export { type ConfigFlag, loadConfig, type LoadedConfig, type LoadOptions } from "./load.ts";
export { changeConfig, changesTo, settingOf } from "./change.ts";
export { parseRedisUrl, type RedisAddress, type RedisUrl } from "./redis_url.ts";
export { configYaml, formatValue, settingsReference } from "./reference.ts";
