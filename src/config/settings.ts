/** What the table of settings means: the type of a configuration, and each setting by its path. @module */
import { type Kind, kindOf, type Range, type Values } from "./kinds.ts";
import { TABLE } from "./table.ts";

/** The value that an entry of the table stands for. */
type ValueOf<Entry> =
  | (Entry extends { readonly settings: infer Settings } ? ValuesOf<Settings> : never)
  | (Entry extends { readonly switchable: true } ? "off" : never)
  | (Entry extends { readonly words: readonly (infer Word)[] } ? Word : never)
  | (Entry extends { readonly integer: Range } ? number : never)
  | (Entry extends { readonly seconds: Range } | { readonly bytes: Range } ? number : never)
  | (Entry extends { readonly text: string } ? string : never)
  | (Entry extends { readonly list: string } ? readonly string[] : never);

type ValuesOf<Entries> = { readonly [Key in keyof Entries]: ValueOf<Entries[Key]> };

/**
 * A checked configuration with every key of config.yaml: `config.server.port`. Times are in seconds,
 * sizes in bytes. `config.limits.rate` may be `"off"` as a whole.
 */
export type Config = ValuesOf<typeof TABLE>;

/** What people read about an entry: sentences without their full stops. */
interface Documented {
  readonly about: string;
  /** Further sentences. */
  readonly more?: readonly string[];
}

/** A setting as the table has it. */
interface Row extends Values, Documented {
  /** Whether it can change while a server runs. */
  readonly live?: true;
  readonly default: string | number | readonly string[];
}

/** A group of settings. */
export interface Section extends Documented {
  /** Whether `off` may stand for the whole section, and `on` for its defaults. */
  readonly switchable?: boolean;
  readonly settings: Readonly<Record<string, Row | Section>>;
}

/** The table as a section, for walking it without knowing its keys. */
export const SCHEMA: Section = { about: "fxfer's configuration", settings: TABLE };

/** Whether an entry of the table is a section. */
export function isSection(entry: Row | Section): entry is Section {
  return "settings" in entry;
}

/** A setting with the reader of its values. */
export interface Setting extends Row {
  readonly kind: Kind;
}

function* settingsOf({ settings }: Section, prefix = ""): Generator<[string, Setting]> {
  for (const [key, entry] of Object.entries(settings)) {
    if (isSection(entry)) yield* settingsOf(entry, `${prefix}${key}.`);
    else yield [prefix + key, { ...entry, kind: kindOf(entry) }];
  }
}

/** Every setting by its path, such as `limits.rate.sessions_per_minute`, in the table's order. */
export const SETTINGS: ReadonlyMap<string, Setting> = new Map(settingsOf(SCHEMA));
