/**
 * The command line: a table of commands, each with a table of flags.
 *
 * `run` reads the arguments, runs one command and returns its exit code; errors become sentences on
 * standard error in one place (report.ts), text reaches the terminal in one place (output.ts).
 *
 * @module
 */
import { BENCH_COMMAND } from "./bench.ts";
import { CHAOS_COMMAND } from "./chaos/command.ts";
import type { Command } from "./command.ts";
import { completionsCommand } from "./completions.ts";
import { CONFIG_COMMAND } from "./config_command.ts";
import { DEMO_COMMAND } from "./demo/command.ts";
import { DOCTOR_COMMAND } from "./doctor/command.ts";
import { createOutput, type Output } from "./output.ts";
import { runProgram } from "./program.ts";
import { SEND_COMMAND } from "./send/command.ts";
import { SERVE_COMMAND } from "./serve.ts";
import { verifyCommand } from "./verify.ts";

export type { Output, Sink, TextStream } from "./output.ts";

/** The commands, in the order of the help. */
const COMMANDS: readonly Command[] = [
  SERVE_COMMAND,
  SEND_COMMAND,
  verifyCommand,
  CONFIG_COMMAND,
  DOCTOR_COMMAND,
  CHAOS_COMMAND,
  DEMO_COMMAND,
  BENCH_COMMAND,
  completionsCommand(() => COMMANDS),
];

/**
 * Runs the program.
 *
 * @param args The arguments after the program's name.
 * @param output Where text goes; default the program's own streams.
 * @returns The exit code: 0, or that of the error's code in errors.ts.
 */
export function run(
  args: readonly string[],
  output: Output = createOutput(),
): Promise<number> {
  return runProgram(COMMANDS, args, output);
}
