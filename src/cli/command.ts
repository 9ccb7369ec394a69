/** What every command of the program is. @module */
import type { CommandSpec, ParsedArgs } from "./args.ts";
import type { Output } from "../terminal/mod.ts";

/**
 * The commands by name, in the order of the help. Each is loaded when it is wanted: `fxfer serve` does
 * not wait for the modules of the client.
 */
export type CommandTable = Readonly<Record<string, () => Promise<Command>>>;

/** Every command of a table, loaded. */
export function loadAll(table: CommandTable): Promise<Command[]> {
  return Promise.all(Object.values(table).map((load) => load()));
}

/** One command: its table of flags and what it does. */
export interface Command {
  /** Its name, flags and help. */
  readonly spec: CommandSpec;
  /**
   * Does it.
   *
   * @returns The exit code. A thrown `FxferError` becomes a sentence on standard error and its own
   * exit code.
   */
  run(args: ParsedArgs, output: Output): Promise<number>;
}
