/** The errors a client makes itself, in one place. @module */
import { CODES, FxferError } from "../errors.ts";
import type { ReplyBody } from "../protocol/mod.ts";

/** A refusal of the server's, as the error of one file. */
export function refusedError({ code, ...fields }: ReplyBody): FxferError {
  return new FxferError(code, `Cannot send file: ${CODES[code].message}`, { fields });
}

/** A refusal of the server's, as the error of the whole session. */
export function sessionError({ code, ...fields }: ReplyBody): FxferError {
  return new FxferError(code, `Cannot go on with session: ${CODES[code].message}`, { fields });
}

/** The bytes are no longer those that were announced. */
export function sourceChanged(): FxferError {
  return new FxferError("source_changed", "Cannot send file: it changed while it was sent");
}

/** What a source threw, with a code. */
export function localError(error: unknown): FxferError {
  if (error instanceof FxferError) return error;
  return new FxferError("local_io", "Cannot read source: it failed", { cause: error });
}

/** Whether an error says no more than that a connection is gone. */
export function isLost(error: unknown): error is FxferError {
  return error instanceof FxferError && error.code === "connection_lost";
}

/** An error that ended a connection, as the loss of it. */
export function asLost(error: unknown): FxferError {
  if (isLost(error)) return error;
  return new FxferError("connection_lost", "Cannot go on: the connection is of no more use", {
    cause: error,
  });
}
