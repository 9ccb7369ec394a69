/**
 * The command line: a table of commands, each with a table of flags.
 *
 * `run` reads the arguments, runs one command and returns its exit code. report.ts turns every error
 * into a sentence on standard error; only src/terminal/output.ts writes to the terminal.
 *
 * To add a command: a file with its `Command` (its flags as a table, and `run`), a line in
 * COMMANDS below, and for a program of one role (roles/) a line in its table. The help and the
 * completions are made from these tables.
 *
 * @module
 */
import { createOutput, type Output } from "../terminal/mod.ts";
import type { CommandTable } from "./command.ts";
import { runProgram } from "./program.ts";

const COMMANDS: CommandTable = {
  serve: async () => (await import("./serve.ts")).SERVE_COMMAND,
  send: async () => (await import("./send/command.ts")).SEND_COMMAND,
  get: async () => (await import("./get/command.ts")).GET_COMMAND,
  ls: async () => (await import("./stored/ls.ts")).LS_COMMAND,
  rm: async () => (await import("./stored/rm.ts")).RM_COMMAND,
  key: async () => (await import("./key/command.ts")).KEY_COMMAND,
  session: async () => (await import("./session/command.ts")).SESSION_COMMAND,
  admin: async () => (await import("./admin/command.ts")).ADMIN_COMMAND,
  verify: async () => (await import("./verify.ts")).verifyCommand,
  gc: async () => (await import("./gc.ts")).GC_COMMAND,
  compact: async () => (await import("./compact.ts")).COMPACT_COMMAND,
  config: async () => (await import("./config_command.ts")).CONFIG_COMMAND,
  doctor: async () => (await import("./doctor/command.ts")).DOCTOR_COMMAND,
  chaos: async () => (await import("./chaos/command.ts")).CHAOS_COMMAND,
  conformance: async () => (await import("./conformance/command.ts")).CONFORMANCE_COMMAND,
  demo: async () => (await import("./demo/command.ts")).DEMO_COMMAND,
  watch: async () => (await import("./watch/command.ts")).WATCH_COMMAND,
  learn: async () => (await import("./learn/command.ts")).LEARN_COMMAND,
  lab: async () => (await import("./lab/command.ts")).LAB_COMMAND,
  bench: async () => (await import("./bench.ts")).BENCH_COMMAND,
  completions: async () => (await import("./completions.ts")).completionsCommand("fxfer", COMMANDS),
};

/**
 * Runs fxfer.
 *
 * @param args The arguments after the program's name.
 * @param output Where text goes; default standard output and standard error.
 * @returns The exit code: the command's, or that of the error's code in errors.ts.
 */
export function run(args: readonly string[], output: Output = createOutput()): Promise<number> {
  return runProgram({ name: "fxfer", commands: COMMANDS }, args, output);
}
