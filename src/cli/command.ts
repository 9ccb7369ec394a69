/** The shape of a command, and tables of commands. @module */
import type { Output } from "../terminal/mod.ts";
import type { CommandSpec, ParsedArgs } from "./args.ts";

/**
 * Commands by name, in the order of the help. A command's modules are loaded when it is called, so
 * that `fxfer serve` does not wait for the modules of the client.
 */
export type CommandTable = Readonly<Record<string, () => Promise<Command>>>;

/** Every command of a table, loaded. */
export function loadAll(table: CommandTable): Promise<Command[]> {
  return Promise.all(Object.values(table).map((load) => load()));
}

export interface Command {
  /** Its name, flags, operands and help. */
  readonly spec: CommandSpec;
  /**
   * Runs the command.
   *
   * @returns The exit code. A thrown `FxferError` becomes a sentence on standard error and its own
   * exit code.
   */
  run(args: ParsedArgs, output: Output): Promise<number>;
}
