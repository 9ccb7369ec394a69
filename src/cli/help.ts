/** The texts of `fxfer --help` and `fxfer help COMMAND`, made from the tables. Pure. @module */
import { SETTINGS } from "../config/mod.ts";
import { wrap } from "../text.ts";
import { type CommandSpec, HELP_OPTION, type OptionSpec } from "./args.ts";
import { EXIT_CODES } from "./help/exit_codes.ts";
import type { Topic } from "./help/topics.ts";

/** Wide enough for a sentence, narrow enough for half a screen. */
const WIDTH = 80;

/** Two columns, the right one wrapped. */
function table(rows: readonly (readonly [string, string])[]): string[] {
  const left = Math.max(...rows.map(([name]) => name.length)) + 4;
  return rows.flatMap(([name, text]) =>
    wrap(text, WIDTH - left).map((line, index) =>
      (index === 0 ? `  ${name}`.padEnd(left) : " ".repeat(left)) + line
    )
  );
}

function optionRow([name, option]: readonly [string, OptionSpec]): readonly [string, string] {
  const short = option.short === undefined ? "    " : `-${option.short}, `;
  const value = option.value === undefined ? "" : ` ${option.value}`;
  const setting = option.setting === undefined ? undefined : SETTINGS.get(option.setting);
  const standard = setting === undefined || option.value === undefined
    ? ""
    : ` (default ${String(setting.default)})`;
  const multiple = option.multiple ? "; may be repeated" : "";
  return [`${short}--${name}${value}`, option.help + multiple + standard];
}

const ellipsis = (max: number) => max > 1 ? "…" : "";

/** The help of one command of a program. */
export function commandHelp(spec: CommandSpec, program = "fxfer"): string {
  const { name, min, max } = spec.operands ?? { name: "", min: 0, max: 0 };
  const operand = max === 0 ? "" : min === 0 ? ` [${name}]` : ` ${name}${ellipsis(max)}`;
  const flags = Object.keys(spec.options).length > 0 ? " [FLAG…]" : "";
  return [
    ...wrap(`${spec.summary}.`, WIDTH),
    "",
    `Usage: ${program} ${spec.name}${flags}${operand}`,
    "",
    "Flags:",
    ...table([...Object.entries(spec.options), ["help", HELP_OPTION] as const].map(optionRow)),
    ...(spec.details ?? []).flatMap((paragraph) => ["", ...wrap(paragraph, WIDTH)]),
  ].join("\n");
}

/**
 * The help of a program.
 *
 * @param topics What `help TOPIC` shows, by name.
 * @param limits What the program may do, where that is less than everything.
 */
export function programHelp(
  commands: readonly CommandSpec[],
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
    ...table([
      ...commands.map((spec) => [spec.name, spec.summary] as const),
      ["help [COMMAND]", `Show how to use ${program}, or one of its commands`],
      ["help TOPIC", "Show one of the topics below"],
    ]),
    "",
    "Flags:",
    ...table([["-h, --help", "Show this help"], ["-V, --version", "Show the version"]]),
    "",
    "Topics:",
    ...table([...topics].map(([name, { summary }]) => [name, summary] as const)),
    "",
    "Exit codes:",
    ...table([...EXIT_CODES].map(([exit, meaning]) => [String(exit), meaning] as const)),
  ].join("\n");
}
