/**
 * Command lines: each command declares its flags in a table; unknown flags, missing values and wrong
 * counts of arguments are all reported at once, as usage errors (exit code 1).
 *
 * @module
 */
import { parseArgs } from "node:util";
import type { ConfigFlag } from "../config/mod.ts";
import { FxferError } from "../errors.ts";
import { shorten, suggest } from "../text.ts";

/** One flag. */
export interface OptionSpec {
  /** The name of its value in the help; absent for a flag without one. */
  readonly value?: string;
  /** One letter. */
  readonly short?: string;
  /** Whether it may be given several times. */
  readonly multiple?: boolean;
  /** The setting it stands for, by path. */
  readonly setting?: string;
  /** One line for the help. */
  readonly help: string;
}

/** A command as its help shows it. */
export interface CommandSpec {
  readonly name: string;
  /** One line, without full stop. */
  readonly summary: string;
  /** What follows the flags: its name in the help, and how many. */
  readonly operands?: { readonly name: string; readonly min: number; readonly max: number };
  readonly options: Readonly<Record<string, OptionSpec>>;
  /** Paragraphs under the flags. */
  readonly details?: readonly string[];
}

/** Every command has it. */
export const HELP_OPTION: OptionSpec = { short: "h", help: "Show this help" };

/** What the user asked for; asking for a flag the table lacks is a programmer's mistake. */
export class ParsedArgs {
  /** What follows the flags. */
  readonly operands: readonly string[];
  readonly #spec: CommandSpec;
  readonly #given: ReadonlyMap<string, readonly string[]>;

  /** @param given The values of each flag given; a flag without value has empty texts. */
  constructor(
    spec: CommandSpec,
    given: ReadonlyMap<string, readonly string[]>,
    operands: readonly string[],
  ) {
    this.#spec = spec;
    this.#given = given;
    this.operands = operands;
  }

  /** The values of a flag, in order. */
  list(name: string): readonly string[] {
    if (!Object.hasOwn(this.#spec.options, name)) {
      throw new RangeError(`Cannot read flag: ${this.#spec.name} has no --${name}`);
    }
    return this.#given.get(name) ?? [];
  }
  /** The value of a flag; the last one, if it was given several times. */
  text(name: string): string | undefined {
    return this.list(name).at(-1);
  }
  /** Whether a flag was given. */
  has(name: string): boolean {
    return this.list(name).length > 0;
  }
  /** What the flags that stand for settings have set. */
  configFlags(): ConfigFlag[] {
    return Object.entries(this.#spec.options).flatMap(([name, { setting, value }]) => {
      const text = this.text(name);
      return setting === undefined || value === undefined || text === undefined
        ? []
        : [{ flag: `--${name}`, path: setting, value: text }];
    });
  }
}

/**
 * A usage error; `fields.faults` holds every line of it. Where it is told, the help that says more is
 * named, too (report.ts).
 */
export function usageError(faults: readonly string[], command?: string): FxferError {
  return new FxferError("usage", faults.join("; "), {
    fields: { faults, ...(command === undefined ? {} : { command }) },
  });
}

/** `--port`, `-p`; what a user typed is escaped and cut. */
function unknownFlag(rawName: string, options: CommandSpec["options"]): string {
  const near = rawName.startsWith("--")
    ? suggest(rawName.slice(2), Object.keys(options))
    : undefined;
  return `Unknown flag ${shorten(rawName, 40)}${
    near === undefined ? "" : `, did you mean --${near}?`
  }`;
}

/**
 * Reads the arguments of a command.
 *
 * @returns What was asked, or `"help"` when `--help` is anywhere among the flags.
 * @throws {FxferError} `usage` with every fault at once.
 */
export function parseCommandArgs(spec: CommandSpec, args: readonly string[]): ParsedArgs | "help" {
  const options = { ...spec.options, help: HELP_OPTION };
  const { tokens } = parseArgs({
    args: [...args],
    // Not strict: node's text for an unknown flag has no did-you-mean and stops at the first.
    strict: false,
    tokens: true,
    allowPositionals: true,
    options: Object.fromEntries(
      Object.entries(options).map(([name, { value, short }]) => [name, {
        type: value === undefined ? "boolean" as const : "string" as const,
        ...(short === undefined ? {} : { short }),
      }]),
    ),
  });

  const given = new Map<string, string[]>();
  const operands: string[] = [];
  const faults: string[] = [];
  for (const token of tokens) {
    if (token.kind === "positional") operands.push(token.value);
    if (token.kind !== "option") continue;
    const { name, rawName, value, inlineValue } = token;
    const option: OptionSpec | undefined = Object.hasOwn(options, name)
      ? options[name as "help"]
      : undefined;
    if (option === undefined) {
      faults.push(unknownFlag(rawName, options));
    } else if (option.value === undefined) {
      if (value === undefined) given.set(name, [...given.get(name) ?? [], ""]);
      else faults.push(`${rawName} takes no value`);
    } else if (value === undefined || !inlineValue && /^-./.test(value)) {
      // "--name -x" is more likely a forgotten value than one that starts with a dash.
      faults.push(`${rawName} needs a value: ${rawName}=${option.value}`);
    } else {
      given.set(name, [...given.get(name) ?? [], value]);
    }
  }
  if (given.has("help")) return "help";

  const { name, min, max } = spec.operands ?? { name: "", min: 0, max: 0 };
  if (operands.length < min) faults.push(`${name} is missing`);
  if (operands.length > max) faults.push(`Unexpected argument ${shorten(operands[max]!, 40)}`);
  if (faults.length > 0) throw usageError(faults, spec.name);
  return new ParsedArgs(spec, given, operands);
}
