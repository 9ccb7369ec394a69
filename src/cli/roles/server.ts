/**
 * The fxfer-server program: the commands for running a server. Compiled, it has the permissions that
 * serving needs and no others (.ci/compile.ts).
 *
 * @module
 */
import { createOutput } from "../../terminal/mod.ts";
import type { CommandTable } from "../command.ts";
import { type Program, runProgram } from "../program.ts";

const COMMANDS: CommandTable = {
  serve: async () => (await import("../serve.ts")).SERVE_COMMAND,
  admin: async () => (await import("../admin/command.ts")).ADMIN_COMMAND,
  verify: async () => (await import("../verify.ts")).verifyCommand,
  config: async () => (await import("../config_command.ts")).CONFIG_COMMAND,
  doctor: async () => (await import("../doctor/command.ts")).DOCTOR_COMMAND,
  completions: async () =>
    (await import("../completions.ts")).completionsCommand("fxfer-server", COMMANDS),
};

export const SERVER_PROGRAM: Program = {
  name: "fxfer-server",
  commands: COMMANDS,
  limits: "fxfer-server may use the network, read and write ./storage, read ./config.yaml " +
    "and ./fxfer.keys, and nothing else",
};

if (import.meta.main) Deno.exit(await runProgram(SERVER_PROGRAM, Deno.args, createOutput()));
