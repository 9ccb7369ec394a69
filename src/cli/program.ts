/** Finds the command, reads its flags, runs it, and turns errors into exit codes. @module */
import { shorten, suggest } from "../config/mod.ts";
import { type CommandSpec, parseCommandArgs, usageError } from "./args.ts";
import type { Command } from "./command.ts";
import { commandHelp, programHelp } from "./help.ts";
import type { Output } from "./output.ts";
import { reportError } from "./report.ts";
import { unfitRuntime, versionText } from "./version.ts";

function find(commands: readonly Command[], name: string): Command {
  const command = commands.find(({ spec }) => spec.name === name);
  if (command !== undefined) return command;
  const near = suggest(name, [...commands.map(({ spec }) => spec.name), "help"]);
  const hint = near === undefined ? "" : `, did you mean ${near}?`;
  const what = name.startsWith("-") ? "flag" : "command";
  throw usageError([`Unknown ${what} ${shorten(name, 40)}${hint}`]);
}

async function runCommand(
  commands: readonly Command[],
  args: readonly string[],
  output: Output,
): Promise<number> {
  const specs: readonly CommandSpec[] = commands.map(({ spec }) => spec);
  const [name, ...rest] = args;
  if (name === undefined) {
    output.err.line(programHelp(specs));
    return 1;
  }
  if (name === "--version" || name === "-V") {
    output.out.line(versionText());
    return 0;
  }
  if (name === "--help" || name === "-h" || name === "help") {
    const topic = rest.find((arg) => !arg.startsWith("-"));
    const text = topic === undefined || topic === "help"
      ? programHelp(specs)
      : commandHelp(find(commands, topic).spec);
    output.out.line(text);
    return 0;
  }
  const command = find(commands, name);
  const parsed = parseCommandArgs(command.spec, rest);
  if (parsed === "help") {
    output.out.line(commandHelp(command.spec));
    return 0;
  }
  return await command.run(parsed, output);
}

/**
 * Runs one command of a table.
 *
 * @param commands In the order of the help.
 * @param args The arguments after the program's name.
 * @returns The exit code: the command's, or that of the error's code.
 */
export async function runProgram(
  commands: readonly Command[],
  args: readonly string[],
  output: Output,
): Promise<number> {
  const unfit = unfitRuntime(Deno.version.deno);
  if (unfit !== undefined) {
    output.err.line(`fxfer: ${unfit}`);
    return 1;
  }
  try {
    return await runCommand(commands, args, output);
  } catch (error) {
    return reportError(output.err, error);
  }
}
