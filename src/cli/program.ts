/** Finds the command, reads its flags, runs it, and turns errors into exit codes. @module */
import type { Output } from "../terminal/mod.ts";
import { shorten, suggest } from "../text.ts";
import { parseCommandArgs, usageError } from "./args.ts";
import { type Command, type CommandTable, loadAll } from "./command.ts";
import { commandHelp, programHelp } from "./help.ts";
import { reportError } from "./report.ts";
import { unfitRuntime, versionText } from "./version.ts";

/** Which program it is: fxfer with everything, or one that is made for a role. */
export interface Program {
  /** What it is called. */
  readonly name: string;
  readonly commands: CommandTable;
  /** A sentence that says what it may do, where that is less than everything. */
  readonly limits?: string;
}

function find({ name: program, commands: table }: Program, name: string): Promise<Command> {
  if (Object.hasOwn(table, name)) return table[name]!();
  const near = suggest(name, [...Object.keys(table), "help"]);
  const hint = near !== undefined
    ? `, did you mean ${near}?`
    : program === "fxfer"
    ? ""
    : `: ${program} has ${Object.keys(table).join(", ")}`;
  const what = name.startsWith("-") ? "flag" : "command";
  throw usageError([`Unknown ${what} ${shorten(name, 40)}${hint}`]);
}

async function runCommand(
  program: Program,
  args: readonly string[],
  output: Output,
): Promise<number> {
  const [name, ...rest] = args;
  if (name === undefined) {
    output.err.line(await overview(program));
    return 1;
  }
  if (name === "--version" || name === "-V") {
    output.out.line(versionText());
    return 0;
  }
  if (name === "--help" || name === "-h" || name === "help") {
    const topic = rest.find((arg) => !arg.startsWith("-"));
    const text = topic === undefined || topic === "help"
      ? await overview(program)
      : commandHelp((await find(program, topic)).spec, program.name);
    output.out.line(text);
    return 0;
  }
  const command = await find(program, name);
  const parsed = parseCommandArgs(command.spec, rest);
  if (parsed === "help") {
    output.out.line(commandHelp(command.spec, program.name));
    return 0;
  }
  return await command.run(parsed, output);
}

async function overview({ name, commands, limits }: Program): Promise<string> {
  return programHelp((await loadAll(commands)).map(({ spec }) => spec), name, limits);
}

/**
 * Runs one command of a program.
 *
 * @param args The arguments after the program's name.
 * @returns The exit code: the command's, or that of the error's code.
 */
export async function runProgram(
  program: Program,
  args: readonly string[],
  output: Output,
): Promise<number> {
  const unfit = unfitRuntime(Deno.version.deno);
  if (unfit !== undefined) {
    output.err.line(`${program.name}: ${unfit}`);
    return 1;
  }
  try {
    return await runCommand(program, args, output);
  } catch (error) {
    const { name, limits } = program;
    return reportError(output.err, error, {
      program: name,
      ...(limits === undefined ? {} : { limits }),
    });
  }
}
