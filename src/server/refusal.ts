/** Where errors become replies: the one place. @module */
import { CODES, FxferError } from "../errors.ts";
import type { Logger } from "../log.ts";
import type { ReplyBody } from "../protocol/mod.ts";

/**
 * The reply to a request that failed. What is no {@linkcode FxferError}, or has a code that never
 * travels, is `internal_error`, and is logged with its cause.
 */
export function refusalOf(error: unknown, log: Logger): ReplyBody {
  if (!(error instanceof FxferError) || CODES[error.code].class === "local") {
    log.error("request.failed", { cause: error });
    return { code: "internal_error" };
  }
  if (error.code === "internal_error") log.error("request.failed", { cause: error });
  else if (log.enabled("info")) {
    log.info("request.refused", { code: error.code, reason: error.message, ...causeOf(error) });
  }
  return { ...error.fields, code: error.code };
}

function causeOf(error: FxferError): { cause?: unknown } {
  return error.cause === undefined ? {} : { cause: error.cause };
}
