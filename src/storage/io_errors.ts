/** Turns errors of the file system into the codes that a client is told. @module */
import { FxferError } from "../errors.ts";

/** The code that the operating system gives an error (`ENOSPC`), if there is one. */
function systemCode(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null | undefined)?.code;
  return typeof code === "string" ? code : undefined;
}

/** Whether an error says that a file, or a folder on the way to it, does not exist. */
export function isAbsent(error: unknown): boolean {
  return error instanceof Deno.errors.NotFound || systemCode(error) === "ENOENT";
}

/** For `catch` of a promise: undefined where a file does not exist; any other error is thrown again. */
export function unlessAbsent(error: unknown): undefined {
  if (!isAbsent(error)) throw error;
}

/** Whether an error says that a name is in use. */
export function isTaken(error: unknown): boolean {
  return error instanceof Deno.errors.AlreadyExists || systemCode(error) === "EEXIST";
}

/** No room on the disk, no quota left, a file larger than the process may write (`ulimit -f`). */
const FULL: ReadonlySet<string> = new Set(["ENOSPC", "EDQUOT", "EFBIG"]);

/** The same by number: Deno 2.9.6 gives EFBIG and EDQUOT no code, only a text with their number. */
const FULL_NUMBERS: Readonly<Record<string, RegExp>> = {
  linux: /\(os error (?:27|28|122)\)/,
  darwin: /\(os error (?:27|28|69)\)/,
  windows: /\(os error (?:39|112)\)/,
};

function isFull(error: unknown): boolean {
  const code = systemCode(error);
  if (code !== undefined) return FULL.has(code);
  return error instanceof Error && (FULL_NUMBERS[Deno.build.os]?.test(error.message) ?? false);
}

/** After so many milliseconds a client looks whether there is room again (S-TRF-10). */
const FULL_RETRY_MS = 5000;

/** No handle is left for a file: connections hold them, whose ends give some back. */
const NO_HANDLE: ReadonlySet<string> = new Set(["EMFILE", "ENFILE"]);

/** After so many milliseconds a client tries whether there are handles again. */
const HANDLE_RETRY_MS = 1000;

/** The error where only room is missing. @param action What could not be done: "Cannot write upload". */
export function storageFull(action: string, reason: string, cause?: unknown): FxferError {
  const fields = { retry_after_ms: FULL_RETRY_MS };
  return new FxferError("storage_full", `${action}: ${reason}`, { cause, fields });
}

/**
 * The {@linkcode FxferError} for a failure of the file system: `storage_full` where only room is
 * missing, `busy` where file handles are, else `internal_error`. The failure itself becomes the cause.
 *
 * @param action What could not be done: "Cannot write upload".
 */
export function asStorageError(action: string, cause: unknown): FxferError {
  if (cause instanceof FxferError) return cause;
  if (NO_HANDLE.has(systemCode(cause) ?? "")) {
    const fields = { retry_after_ms: HANDLE_RETRY_MS };
    return new FxferError("busy", `${action}: too many files are open`, { cause, fields });
  }
  return isFull(cause)
    ? storageFull(action, "no room left", cause)
    : new FxferError("internal_error", `${action}: the file system refused`, { cause });
}
