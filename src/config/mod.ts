/**
 * The configuration: what can be set, checked as a whole, from the YAML file and the flags.
 *
 * One table (schema.ts) names every setting with its kind, default and documentation; the compiler
 * holds it against the {@linkcode Config} types, a test against config.yaml. {@linkcode parseConfig}
 * is pure and reports every fault at once; {@linkcode loadConfig} adds the file and the flags. Only
 * the program reads configuration: the library takes options.
 *
 * @module
 */
export type {
  Config,
  DegradeConfig,
  LimitsConfig,
  LoggingConfig,
  RateConfig,
  SecurityConfig,
  ServerConfig,
  StatefulConfig,
  StatelessConfig,
  StorageConfig,
  VersionsConfig,
} from "./config.ts";
export type { Kind } from "./kinds.ts";
export {
  type AnyEntry,
  type AnySection,
  type Entry,
  isSection,
  SCHEMA,
  type Section,
  type Setting,
  SETTINGS,
} from "./schema.ts";
export {
  type ConfigFault,
  configFaults,
  DEFAULT_CONFIG,
  formatFault,
  parseConfig,
} from "./parse.ts";
export {
  type ConfigFlag,
  type ConfigOrigin,
  loadConfig,
  type LoadedConfig,
  type LoadOptions,
} from "./load.ts";
export { settingsReference } from "./reference.ts";
export { parseRedisUrl, type RedisAddress, type RedisUrl } from "./redis_url.ts";
