/** Makes replies of errors, and tells each refusal as an event. @module */
import { type Code, CODES, FxferError } from "../errors.ts";
import type { Events, Rule, Sender } from "../events.ts";
import type { Request } from "../handler/mod.ts";
import { describeError, type Logger } from "../log.ts";
import { omitUndefined } from "../omit_undefined.ts";
import { FIRST_VERSION, type ReplyBody, type ReplyHeader } from "../protocol/mod.ts";

/** The header of a frame that answers no request. */
export const NOTICE: ReplyHeader = {
  version: FIRST_VERSION,
  id: null,
  mode: "stateless",
  sequence: 0,
  action: "disconnect",
};

/** What is refused, as the beginning of the event that tells of it. */
export type Refused =
  | { readonly type: "connection.refused"; readonly address: string }
  | Sender & { readonly type: "request.refused"; readonly connection: number }
  | Sender & {
    readonly type: "transfer.refused";
    readonly connection: number;
    readonly session?: string;
    readonly sequence?: number;
  };

/** What is refused on a connection: the request, or the connection itself where no request is given. */
export function refusedOf(connection: number, sender: Sender, request?: Request): Refused {
  if (request?.version === 1) return { type: "transfer.refused", connection, ...sender };
  if (request?.frame.action !== "transfer") {
    return { type: "request.refused", connection, ...sender };
  }
  const { id, sequence } = request.frame.header.session;
  const step = id === null ? {} : { session: id.slice(0, 8), sequence };
  return { type: "transfer.refused", connection, ...sender, ...step };
}

/** A connection ends with these: its peer does not keep to the wire, or somebody changes it (S-VER-6, S-MAC-1). */
export const ENDS_CONNECTION: ReadonlySet<string> = new Set([
  "protocol_error",
  "malformed_header",
  "replay_detected",
]);

/** The rule behind a code, where there is one. */
// deno-fmt-ignore: one line for each group of rules.
const RULES: Readonly<Partial<Record<Code, Rule>>> = {
  malformed_header: "S-FRM-2", header_too_long: "S-FRM-6", invalid_field: "S-FRM-1", unsupported_feature: "S-FRM-4",
  unsupported_version: "S-VER-1", protocol_error: "S-VER-6",
  session_unknown: "S-CON-4", session_expired: "S-CON-4", unauthorized: "S-CON-5", not_connected: "S-CON-7",
  sequence_gap: "S-SEQ-2", sequence_reuse: "S-SEQ-1", replay_too_old: "S-SEQ-2",
  offset_mismatch: "S-TRF-1", length_mismatch: "S-TRF-2", too_large: "S-TRF-2", quota_exceeded: "S-TRF-2",
  storage_full: "S-TRF-3", checksum_mismatch: "S-TRF-5", incomplete: "S-TRF-6",
  session_taken_over: "S-TAKE-3", takeover_flapping: "S-TAKE-5", use_another_server: "S-TAKE-2",
  not_found: "S-ACT-2", name_taken: "S-NAM-3",
  busy: "S-DEG-1", max_sessions: "S-DEG-1", mode_not_allowed: "S-DEG-1", store_unavailable: "S-DEG-2",
  server_shutting_down: "S-DRN-1",
  forbidden: "S-ACT-2", hmac_required: "S-MAC-1", replay_detected: "S-MAC-1", clock_skew: "S-KEY-3",
  session_revoked: "S-KEY-6",
};

/**
 * The reply to a request that failed. An error that is no {@linkcode FxferError}, or whose code never
 * travels, becomes `internal_error` and is logged with its cause.
 */
export function refusalOf(
  error: unknown,
  refused: Refused,
  { log, events }: { readonly log: Logger; readonly events: Events },
): ReplyBody {
  if (!(error instanceof FxferError) || CODES[error.code].class === "local") {
    log.error("request.failed", { cause: error });
    return { code: "internal_error" };
  }
  const { code, message: reason, fields } = error;
  if (code === "internal_error") log.error("request.failed", { cause: error });
  else {
    // Storage may be full by its budget or by the disk.
    const limit = error.limit ?? (code === "storage_full" ? "storage" : undefined);
    if (limit !== undefined) {
      const where = "connection" in refused ? { connection: refused.connection } : {};
      events.emit({ type: "limit.reached", ...where, limit, code });
    }
    const cause = error.cause === undefined ? undefined : describeError(error.cause);
    const facts = omitUndefined({ rule: RULES[code], cause });
    events.emit({ ...refused, code, reason, ...facts });
  }
  return { ...fields, code };
}
