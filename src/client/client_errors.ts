/** The errors that the client makes itself, so that each has one text. @module */
import { CODES, FxferError } from "../errors.ts";
import type { ReplyBody } from "../protocol/mod.ts";

/** A refusal by the server; `what` says what the client cannot do now, such as "Cannot send file". */
export function refusal(what: string, { code, ...fields }: ReplyBody): FxferError {
  return new FxferError(code, `${what}: ${CODES[code].message}`, { fields });
}

/** The source no longer has the bytes that were announced. */
export function sourceChanged(): FxferError {
  return new FxferError("source_changed", "Cannot send file: it changed while it was sent");
}

/** What a source threw, as an error with a code. */
export function localError(error: unknown): FxferError {
  if (error instanceof FxferError) return error;
  return new FxferError("local_io", "Cannot read source: it failed", { cause: error });
}

/** A connection was lost; another one may go on. */
export function lost(message: string, cause?: unknown): FxferError {
  return new FxferError("connection_lost", message, { cause });
}

/** Whether an error says only that a connection was lost. */
export function isLost(error: unknown): error is FxferError {
  return error instanceof FxferError && error.code === "connection_lost";
}

/** Any error that ended a connection, as `connection_lost`. */
export function asLost(error: unknown): FxferError {
  return isLost(error) ? error : lost("Cannot go on: the connection is of no more use", error);
}

/** The program ended the client or gave a file up. */
export function interrupted(reason: unknown): FxferError {
  return new FxferError("interrupted", "Cannot go on: interrupted", { cause: reason });
}
