/**
 * Command lines: each command declares its flags and operands in a table. Unknown flags, missing
 * values and wrong operands are all reported at once, as one usage error (exit code 1).
 *
 * @module
 */
import { parseArgs } from "node:util";
import { type Endpoint, parseEndpoint } from "../address.ts";
import type { ConfigFlag } from "../config/mod.ts";
import { FxferError } from "../errors.ts";
import { omitUndefined } from "../omit_undefined.ts";
import { shorten, suggest } from "../text.ts";

export interface OptionSpec {
  /** The name of its value in the help; absent for a flag without one. */
  readonly value?: string;
  /** A letter that means the same. */
  readonly short?: string;
  /** Whether every value counts when the flag is given several times; otherwise the last one does. */
  readonly multiple?: boolean;
  /** The path of the setting that the value is for, such as `server.port`. */
  readonly setting?: string;
  /** The values that completions offer; default those of the setting. */
  readonly words?: readonly string[];
  /** One line for the help. */
  readonly help: string;
}

/** What the help of a command shows, and what its arguments are checked against. */
export interface CommandSpec {
  readonly name: string;
  /** One line, without full stop. */
  readonly summary: string;
  /** What follows the flags. */
  readonly operands?: OperandSpec;
  readonly options: Readonly<Record<string, OptionSpec>>;
  /** Paragraphs under the flags; one that begins with two spaces keeps its lines, to be copied. */
  readonly details?: readonly string[];
}

/** The operands of a command: what they are called in the help, and how many there must be. */
export interface OperandSpec {
  readonly name: string;
  readonly min: number;
  readonly max: number;
  /** What the first operand may be; absent where it may be anything. */
  readonly words?: readonly string[];
}

/** The flag that every command has. */
export const HELP_OPTION: OptionSpec = { short: "h", help: "Show this help" };

/**
 * The arguments of one call of a command, and the faults found in them so far. Asking for a flag that
 * the command's table lacks is a `RangeError`.
 */
export class ParsedArgs {
  /** What follows the flags. */
  readonly operands: readonly string[];
  readonly #spec: CommandSpec;
  readonly #given: ReadonlyMap<string, readonly string[]>;
  readonly #faults: string[] = [];

  /** @param given The values of each flag given; a flag without value has an empty text each time. */
  constructor(
    spec: CommandSpec,
    given: ReadonlyMap<string, readonly string[]>,
    operands: readonly string[],
  ) {
    this.#spec = spec;
    this.#given = given;
    this.operands = operands;
  }

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
  has(name: string): boolean {
    return this.list(name).length > 0;
  }
  /** The value of a flag as `reader` reads it; undefined without the flag, and after a fault. */
  read<T>(name: string, wanted: string, reader: (text: string) => T | undefined): T | undefined {
    const text = this.text(name);
    return text === undefined ? undefined : reader(text) ?? this.reject(`--${name}`, wanted, text);
  }
  /** The value of a flag that takes one of these words; undefined as with `read`. */
  word<Word extends string>(name: string, words: readonly Word[]): Word | undefined {
    return this.read(name, anyOf(words), (text) => words.find((word) => word === text));
  }
  /** The operand `HOST:PORT`. */
  target(): Endpoint | undefined {
    const text = this.operands[0]!;
    return parseEndpoint(text) ??
      this.reject("HOST:PORT", "an address such as 127.0.0.1:65432", text);
  }
  /** Notes the fault of a flag or operand whose value is not what is wanted. */
  reject(what: string, wanted: string, found: string): undefined {
    this.fault(`${what}: ${valueFault(wanted, found)}`);
  }
  fault(text: string): void {
    this.#faults.push(text);
  }
  /** @throws {FxferError} `usage` with every fault that was noted, if there are any. */
  mustBeRight(): void {
    if (this.#faults.length > 0) throw usageError(this.#faults, this.#spec.name);
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
 * A usage error; `fields.faults` has each fault.
 *
 * @param command The command whose help the report of the error names (report.ts).
 */
export function usageError(faults: readonly string[], command?: string): FxferError {
  return new FxferError("usage", faults.join("; "), { fields: omitUndefined({ faults, command }) });
}

/** The fault of a value; what the user typed is escaped and cut. */
function valueFault(wanted: string, found: string): string {
  return `wanted ${wanted}, found "${shorten(found, 40)}"`;
}

/** `a, b or c`. */
const anyOf = (words: readonly string[]): string => words.join(", ").replace(/, (?!.*, )/, " or ");

function unknownFlag(rawName: string, names: Iterable<string>): string {
  const near = rawName.startsWith("--") && suggest(rawName.slice(2), names);
  return `Unknown flag ${shorten(rawName, 40)}${near ? `, did you mean --${near}?` : ""}`;
}

/**
 * Reads the arguments of a command.
 *
 * @returns The arguments, or `"help"` when `--help` is anywhere among the flags.
 * @throws {FxferError} `usage` with every fault at once.
 */
export function parseCommandArgs(spec: CommandSpec, args: readonly string[]): ParsedArgs | "help" {
  const options = new Map(Object.entries({ ...spec.options, help: HELP_OPTION }));
  const { tokens } = parseArgs({
    args: [...args],
    // Not strict: node's text for an unknown flag has no did-you-mean and stops at the first.
    strict: false,
    tokens: true,
    allowPositionals: true,
    options: Object.fromEntries(
      options.entries().map(([name, { value, short }]) => [
        name,
        omitUndefined({
          type: value === undefined ? "boolean" as const : "string" as const,
          short,
        }),
      ]),
    ),
  });

  const given = new Map<string, string[]>();
  const operands: string[] = [];
  const faults: string[] = [];
  for (const token of tokens) {
    if (token.kind === "positional") operands.push(token.value);
    if (token.kind !== "option") continue;
    const { name, rawName, value, inlineValue } = token;
    const option = options.get(name);
    if (option === undefined) {
      faults.push(unknownFlag(rawName, options.keys()));
    } else if (option.value === undefined && value !== undefined) {
      faults.push(`${rawName} takes no value`);
    } else if (option.value && (value === undefined || !inlineValue && /^-./.test(value))) {
      // "--name -x" is more likely a forgotten value than one that starts with a dash.
      faults.push(`${rawName} needs a value: ${rawName}=${option.value}`);
    } else {
      given.set(name, [...given.get(name) ?? [], value ?? ""]);
    }
  }
  if (given.has("help")) return "help";

  const { name, min, max, words }: OperandSpec = spec.operands ?? { name: "", min: 0, max: 0 };
  const [first] = operands;
  if (operands.length < min) faults.push(`${name} is missing`);
  if (words !== undefined && first !== undefined && !words.includes(first)) {
    faults.push(valueFault(anyOf(words), first));
  }
  if (operands.length > max) faults.push(`Unexpected argument ${shorten(operands[max]!, 40)}`);
  if (faults.length > 0) throw usageError(faults, spec.name);
  return new ParsedArgs(spec, given, operands);
}
