/** The settings as text for people, made from the table. Pure. @module */
import { wrap } from "../text.ts";
import { isSection, SCHEMA, type Section, SETTINGS } from "./settings.ts";

/** The columns of config.yaml, as of the other files of the repository. */
const FILE_WIDTH = 100;
/** The columns of the reference: those of a usual terminal. */
const WIDTH = 80;

/** A value as config.yaml, the help and `fxfer config print` show it; a list stands in brackets. */
export function formatValue(value: unknown): string {
  return Array.isArray(value) ? `[${value.join(", ")}]` : String(value);
}

/** The documentation of an entry as one paragraph. */
const paragraph = ({ about, more = [] }: Pick<Section, "about" | "more">): string =>
  [about, ...more].map((sentence) => `${sentence}.`).join(" ");

/** What follows the values of a setting that can change while a server runs. */
const LIVE = "; live";

const YAML_HEAD = `\
# fxfer's configuration. Every setting stands here with its default, so deleting a line changes
# nothing. Flags and --set go before this file: fxfer serve --set stateful.max_sessions=500
#
# Seconds may be fractions, or text with a unit: 500ms, 30s, 5m, 1h, 2d.
# Bytes may be text with a unit: 64k and 64KiB are 65536, 64kB is 64000.
# What is marked live changes without a restart: edit it here, then send the server SIGHUP.`;

/** The text of config.yaml: every setting with its default, what it means and which values it takes. */
export function configYaml(): string {
  return [YAML_HEAD, ...yamlLines(SCHEMA, "", ""), ""].join("\n");
}

function* yamlLines({ settings }: Section, prefix: string, indent: string): Generator<string> {
  for (const [key, entry] of Object.entries(settings)) {
    if (indent === "") yield "";
    for (const line of wrap(paragraph(entry), FILE_WIDTH - indent.length - 2)) {
      yield `${indent}# ${line}`;
    }
    if (isSection(entry)) {
      yield `${indent}${key}:`;
      yield* yamlLines(entry, `${prefix}${key}.`, `${indent}  `);
    } else {
      const { kind: { brief }, live } = SETTINGS.get(prefix + key)!;
      yield `${indent}${key}: ${formatValue(entry.default)} # ${brief}${live ? LIVE : ""}`;
    }
  }
}

/**
 * Every setting as plain text, in the order of config.yaml: its path, default and values, then what
 * it means.
 *
 * @returns Lines of at most 80 columns, without a line feed at the end.
 */
export function settingsReference(): string {
  return [...referenceLines(SCHEMA, "")].join("\n").trimStart();
}

function* referenceLines(section: Section, prefix: string): Generator<string> {
  for (const [key, entry] of Object.entries(section.settings)) {
    const path = prefix + key;
    if (isSection(entry)) {
      yield "";
      yield* wrap(`${path}: ${paragraph(entry)}`, WIDTH);
      yield* referenceLines(entry, `${path}.`);
      continue;
    }
    const { kind, default: standard, live } = SETTINGS.get(path)!;
    yield "";
    const head = `${path} = ${formatValue(standard)} (${kind.brief}${live ? LIVE : ""})`;
    yield* wrap(head, WIDTH - 2).map((line) => `  ${line}`);
    yield* wrap(paragraph(entry), WIDTH - 4).map((line) => `    ${line}`);
  }
}
