/**
 * Finds the command, reads its flags, runs it, and turns errors into exit codes. Like the command, the texts
 * of the help and what errors are told with are loaded when they are needed.
 *
 * @module
 */
import { CODES } from "../errors.ts";
import { omitUndefined } from "../omit_undefined.ts";
import type { Output } from "../terminal/mod.ts";
import { shorten, suggest } from "../text.ts";
import { parseCommandArgs, usageError } from "./args.ts";
import type { Command, CommandTable } from "./command.ts";
import { SUMMARIES } from "./summaries.ts";
import { unfitRuntime, versionText } from "./version.ts";

/** A program: fxfer with all commands, or one with the commands of a role. */
export interface Program {
  /** The name by which the user calls the program. */
  readonly name: string;
  readonly commands: CommandTable;
  /** For a program with few permissions: a sentence that names them, without full stop. */
  readonly limits?: string;
}

/** Loads a command; `others` are further words that a mistyped `name` may mean. */
function find(
  { name: program, commands: table }: Program,
  name: string,
  others: Iterable<string> = ["help", "--help", "--version"],
): Promise<Command> {
  if (Object.hasOwn(table, name)) return table[name]!();
  const near = suggest(name, [...Object.keys(table), ...others]);
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
    output.out.line(await helpAbout(program, rest.find((arg) => !arg.startsWith("-"))));
    return 0;
  }
  const command = await find(program, name);
  const parsed = parseCommandArgs(command.spec, rest);
  if (parsed === "help") {
    output.out.line(await helpOf(command, program.name));
    return 0;
  }
  return await command.run(parsed, output);
}

async function helpOf({ spec }: Command, program: string): Promise<string> {
  return (await import("./help.ts")).commandHelp(spec, program);
}

/** The text of `fxfer help WORD`. A topic goes before a command of the same name. */
async function helpAbout(program: Program, word = "help"): Promise<string> {
  if (word === "help") return await overview(program);
  const { topicsFor } = await import("./help/topics.ts");
  const { name, commands } = program;
  const topics = topicsFor(Object.keys(commands));
  const topic = topics.get(word);
  if (topic === undefined) {
    return await helpOf(await find(program, word, ["help", ...topics.keys()]), name);
  }
  const text = await topic.text();
  if (!Object.hasOwn(commands, word)) return text;
  return `${text}\n\nThe command of the same name: ${name} ${word} --help`;
}

async function overview({ name, commands, limits }: Program): Promise<string> {
  const { programHelp } = await import("./help.ts");
  const { topicsFor } = await import("./help/topics.ts");
  const summaries = await Promise.all(
    Object.keys(commands).map(async (word) => [word, await summaryOf(commands, word)] as const),
  );
  return programHelp(summaries, topicsFor(Object.keys(commands)), name, limits);
}

/** Only a command that is not in the table of summaries is loaded. */
async function summaryOf(commands: CommandTable, word: string): Promise<string> {
  const summaries: Readonly<Record<string, string>> = SUMMARIES;
  return summaries[word] ?? (await commands[word]!()).spec.summary;
}

/** The exit code of a command: none that went well where what it wrote, a key say, is lost. */
async function codeOf(code: number, { name }: Program, { out, err }: Output): Promise<number> {
  const { fault } = out;
  // Who closes a pipe, as `head` does, knows that.
  if (fault === undefined || fault instanceof Deno.errors.BrokenPipe) return code;
  const { reportLostOutput } = await import("./report.ts");
  reportLostOutput(err, fault, name);
  return code === 0 ? CODES.local_io.exit : code;
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
    return await codeOf(await runCommand(program, args, output), program, output);
  } catch (error) {
    const { name, limits } = program;
    const { reportError } = await import("./report.ts");
    return reportError(output.err, error, omitUndefined({ program: name, limits }));
  } finally {
    await output.err.flush();
  }
}
