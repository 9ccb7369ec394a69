/**
 * The fxfer-client program: the commands for sending files and getting them back. Compiled, it has
 * the permissions that these need and no others (.ci/compile.ts).
 *
 * @module
 */
import { createOutput } from "../../terminal/mod.ts";
import type { CommandTable } from "../command.ts";
import { type Program, runProgram } from "../program.ts";

const COMMANDS: CommandTable = {
  send: async () => (await import("../send/command.ts")).SEND_COMMAND,
  get: async () => (await import("../get/command.ts")).GET_COMMAND,
  ls: async () => (await import("../stored/ls.ts")).LS_COMMAND,
  rm: async () => (await import("../stored/rm.ts")).RM_COMMAND,
  completions: async () =>
    (await import("../completions.ts")).completionsCommand("fxfer-client", COMMANDS),
};

export const CLIENT_PROGRAM: Program = {
  name: "fxfer-client",
  commands: COMMANDS,
  limits: "fxfer-client may use the network, read and write files, and nothing else",
};

if (import.meta.main) Deno.exit(await runProgram(CLIENT_PROGRAM, Deno.args, createOutput()));
