/** The texts of `fxfer --help` and `fxfer help COMMAND`, made from the tables. Pure. @module */
import { formatValue, SETTINGS } from "../config/mod.ts";
import { wrap } from "../text.ts";
import { type CommandSpec, HELP_OPTION, type OptionSpec } from "./args.ts";
import { columns, WIDTH } from "./help/plain_text.ts";
import { EXIT_CODES, type Topic } from "./help/topics.ts";

function optionRow([name, option]: readonly [string, OptionSpec]): string[] {
  const short = option.short === undefined ? "    " : `-${option.short}, `;
  const value = option.value === undefined ? "" : ` ${option.value}`;
  const setting = SETTINGS.get(option.setting ?? "");
  const standard = setting === undefined ? "" : ` (default ${formatValue(setting.default)})`;
  const multiple = option.multiple ? "; may be repeated" : "";
  return [`${short}--${name}${value}`, option.help + multiple + standard];
}

/** The help of one command of a program. */
export function commandHelp(spec: CommandSpec, program = "fxfer"): string {
  const { name, min, max } = spec.operands ?? { name: "", min: 0, max: 0 };
  const several = max === Infinity ? "…" : "";
  const operand = max === 0 ? "" : min === 0 ? ` [${name}]` : ` ${name}${several}`;
  const flags = Object.keys(spec.options).length > 0 ? " [FLAG…]" : "";
  return [
    ...wrap(`${spec.summary}.`, WIDTH),
    "",
    `Usage: ${program} ${spec.name}${flags}${operand}`,
    "",
    "Flags:",
    ...columns([...Object.entries(spec.options), ["help", HELP_OPTION] as const].map(optionRow)),
    ...(spec.details ?? []).flatMap((text) => [
      "",
      ...(text.startsWith("  ") ? [text] : wrap(text, WIDTH)),
    ]),
  ].join("\n");
}

/**
 * The help of a program.
 *
 * @param commands Its commands, each with what it does.
 * @param topics What `help TOPIC` shows, by name.
 * @param limits What the program may do, where that is less than everything.
 */
export function programHelp(
  commands: readonly (readonly [name: string, summary: string])[],
  topics: ReadonlyMap<string, Topic>,
  program = "fxfer",
  limits?: string,
): string {
  return [
    "fxfer moves files over TCP, with sessions that survive a broken connection.",
    ...(limits === undefined ? [] : wrap(`${limits}.`, WIDTH)),
    "",
    `Usage: ${program} COMMAND [FLAG…] …`,
    "",
    "Commands:",
    ...columns([
      ...commands,
      ["help [COMMAND]", `Show how to use ${program}, or one of its commands`],
      ["help TOPIC", "Show one of the topics below"],
    ]),
    "",
    "Flags:",
    ...columns([["-h, --help", "Show this help"], ["-V, --version", "Show the version"]]),
    "",
    "Topics:",
    ...columns([...topics].map(([name, { summary }]) => [name, summary])),
    "",
    "Exit codes:",
    ...columns([...EXIT_CODES].map(([exit, meaning]) => [String(exit), meaning])),
  ].join("\n");
}
