/** What every command of the program is. @module */
import type { CommandSpec, ParsedArgs } from "./args.ts";
import type { Output } from "./output.ts";

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
