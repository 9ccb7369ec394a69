/** Errors as sentences on standard error, and as exit codes. @module */
import { type ConfigFault, formatFault } from "../config/mod.ts";
import { CODES, FxferError } from "../errors.ts";
import { describeError } from "../log.ts";
import type { TextStream } from "../terminal/mod.ts";
import { escapeControls, hideKeys } from "../text.ts";

function sentences(error: unknown, program: string): string[] {
  if (error instanceof Deno.errors.NotCapable) return [`Not permitted: ${error.message}`];
  if (!(error instanceof FxferError)) return [`Unexpected error: ${describeError(error)}`];
  const { faults, command } = error.fields;
  if (error.code === "usage" && Array.isArray(faults)) {
    const help = typeof command === "string" ? `${program} ${command} --help` : `${program} --help`;
    return [`${error.message} (see ${help})`];
  }
  if (error.code === "config_invalid" && Array.isArray(faults) && faults.length > 0) {
    const lines = (faults as ConfigFault[]).map(formatFault);
    return lines.map((line) => line.replace(/: unknown key$/, `$& (see ${program} help config)`));
  }
  return [error.message];
}

/** Whether an error without a code is one of local I/O: a missing file, a full disk. */
function isLocalIo(error: unknown): boolean {
  return error instanceof Error &&
    Object.values(Deno.errors).some((kind) => error instanceof kind);
}

/** Advice to use a flag of `deno run`, which a compiled program does not take. */
const ADVICE = /--allow-(net|read|write)\b/;

/** How an error is reported. */
export interface ReportOptions {
  /** Put in front of each sentence, such as `photo.png: `. */
  readonly about?: string;
  /** The program's name. @default {"fxfer"} */
  readonly program?: string;
  /** What the program may do, written after an error that asks for a permission. */
  readonly limits?: string;
}

/**
 * Writes `fxfer: <sentence>`; for a bad configuration a line for each fault.
 *
 * @returns The exit code: the error's own, 8 for an error of the file system, else that of
 * `internal_error`.
 */
export function reportError(
  stream: TextStream,
  error: unknown,
  { about = "", program = "fxfer", limits }: ReportOptions = {},
): number {
  const lines = sentences(error, program).map((sentence) => hideKeys(about + sentence));
  for (const line of lines) stream.line(`${program}: ${escapeControls(line)}`);
  if (limits !== undefined && lines.some((line) => ADVICE.test(line))) {
    stream.line(`${program}: ${limits}`);
  }
  if (error instanceof FxferError) return error.exit;
  return (isLocalIo(error) ? CODES.local_io : CODES.internal_error).exit;
}

/** Tells that what a command wrote is lost. */
export function reportLostOutput(stream: TextStream, { message }: Error, program = "fxfer"): void {
  stream.line(`${program}: Cannot write to standard output: ${escapeControls(message)}`);
}
