/** A payload that ends before its end (S-TRF-6). @module */
import { FxferError } from "../errors.ts";

/** The error for it. */
export function incomplete(cause?: unknown): FxferError {
  // Offset 0 says that nothing is kept; a handler that keeps something states its own offset.
  return new FxferError(
    "incomplete",
    "Cannot receive payload: the peer ended before its end",
    { fields: { offset: 0 }, cause },
  );
}

/** A socket that fails inside a payload, as by a reset, is a peer that ended (S-TRF-6). */
export function asIncomplete(error: unknown): FxferError {
  return error instanceof FxferError ? error : incomplete(error);
}

/** {@linkcode asIncomplete}, for a `catch`. */
export function throwIncomplete(error: unknown): never {
  throw asIncomplete(error);
}
