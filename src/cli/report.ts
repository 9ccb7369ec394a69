/** Errors as sentences on standard error, and as exit codes. @module */
import { type ConfigFault, escapeControls, formatFault } from "../config/mod.ts";
import { CODES, FxferError } from "../errors.ts";
import { describeError } from "../log.ts";
import type { TextStream } from "./output.ts";

function sentences(error: unknown): string[] {
  if (!(error instanceof FxferError)) return [`Unexpected error: ${describeError(error)}`];
  const faults = error.fields.faults;
  if (error.code === "config_invalid" && Array.isArray(faults) && faults.length > 0) {
    return (faults as ConfigFault[]).map(formatFault);
  }
  return [error.message];
}

/** Local I/O that nobody turned into a coded error: a file that is gone, a disk that is full. */
function isLocalIo(error: unknown): boolean {
  return error instanceof Error &&
    Object.values(Deno.errors).some((kind) => error instanceof kind);
}

/**
 * Writes `fxfer: <sentence>`, for a bad configuration one line a fault.
 *
 * @param about Put in front of each sentence, such as `photo.png: `.
 * @returns The exit code: the error's own, 8 for an error of the file system, else that of
 * `internal_error`.
 */
export function reportError(stream: TextStream, error: unknown, about = ""): number {
  for (const sentence of sentences(error)) {
    stream.line(`fxfer: ${escapeControls(about + sentence)}`);
  }
  if (error instanceof FxferError) return error.exit;
  return (isLocalIo(error) ? CODES.local_io : CODES.internal_error).exit;
}
