/** Finds the command, reads its flags, runs it, and turns errors into exit codes. @module */
import { shorten, suggest } from "../config/mod.ts";
import { parseCommandArgs, usageError } from "./args.ts";
import { type Command, type CommandTable, loadAll } from "./command.ts";
import { commandHelp, programHelp } from "./help.ts";
import type { Output } from "./output.ts";
import { reportError } from "./report.ts";
import { unfitRuntime, versionText } from "./version.ts";

function find(table: CommandTable, name: string): Promise<Command> {
  if (Object.hasOwn(table, name)) return table[name]!();
  const near = suggest(name, [...Object.keys(table), "help"]);
  const hint = near === undefined ? "" : `, did you mean ${near}?`;
  const what = name.startsWith("-") ? "flag" : "command";
  throw usageError([`Unknown ${what} ${shorten(name, 40)}${hint}`]);
}

async function runCommand(
  table: CommandTable,
  args: readonly string[],
  output: Output,
): Promise<number> {
  const [name, ...rest] = args;
  if (name === undefined) {
    output.err.line(await overview(table));
    return 1;
  }
  if (name === "--version" || name === "-V") {
    output.out.line(versionText());
    return 0;
  }
  if (name === "--help" || name === "-h" || name === "help") {
    const topic = rest.find((arg) => !arg.startsWith("-"));
    const text = topic === undefined || topic === "help"
      ? await overview(table)
      : commandHelp((await find(table, topic)).spec);
    output.out.line(text);
    return 0;
  }
  const command = await find(table, name);
  const parsed = parseCommandArgs(command.spec, rest);
  if (parsed === "help") {
    output.out.line(commandHelp(command.spec));
    return 0;
  }
  return await command.run(parsed, output);
}

async function overview(table: CommandTable): Promise<string> {
  return programHelp((await loadAll(table)).map(({ spec }) => spec));
}

/**
 * Runs one command of a table.
 *
 * @param args The arguments after the program's name.
 * @returns The exit code: the command's, or that of the error's code.
 */
export async function runProgram(
  table: CommandTable,
  args: readonly string[],
  output: Output,
): Promise<number> {
  const unfit = unfitRuntime(Deno.version.deno);
  if (unfit !== undefined) {
    output.err.line(`fxfer: ${unfit}`);
    return 1;
  }
  try {
    return await runCommand(table, args, output);
  } catch (error) {
    return reportError(output.err, error);
  }
}
