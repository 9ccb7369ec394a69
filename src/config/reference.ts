/** The settings as a page for people, made from the table. Pure. @module */
import { wrap } from "../text.ts";
import { SETTINGS } from "./schema.ts";

/** The page fits a terminal of this many columns. */
const WIDTH = 100;

/**
 * Every setting as plain text, in the order of config.yaml: its path and default, then what it
 * means and which values it takes.
 *
 * @returns Lines of at most 100 columns, without a line feed at the end.
 */
export function settingsReference(): string {
  return [...SETTINGS].flatMap(([path, { kind, default: standard, doc }]) => [
    `${path}: ${JSON.stringify(standard)}`,
    ...wrap(`${doc}. Takes ${kind.wanted}.`, WIDTH - 4).map((line) => `    ${line}`),
  ]).join("\n");
}
