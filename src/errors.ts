/**
 * The table of codes, and the error class that carries a code.
 *
 * The same code appears in replies, in log lines and in exit codes, so all codes stand in one table.
 * The `message` of a code is a fixed text: it never repeats input, a path or a stack.
 *
 * @module
 */

/**
 * What a client does with a code: go on (`success`), send again (`retry`), adjust to the server and go
 * on (`resync`), or stop (`fatal`). A `local` code is never in a reply.
 * @category Errors
 */
export type CodeClass = "success" | "retry" | "resync" | "fatal" | "local";

/** What the table says of one code.
 * @category Errors */
export interface CodeSpec {
  /** What a client does with it. */
  readonly class: CodeClass;
  /** The fixed text of the reply. */
  readonly message: string;
  /** The exit code of the program when it ends with this code. */
  readonly exit: number;
}

const success = (message: string): CodeSpec => ({ class: "success", message, exit: 0 });
const retry = (message: string): CodeSpec => ({ class: "retry", message, exit: 2 });
const resync = (message: string, exit = 3): CodeSpec => ({ class: "resync", message, exit });
const fatal = (message: string, exit = 3): CodeSpec => ({ class: "fatal", message, exit });
const local = (message: string, exit: number): CodeSpec => ({ class: "local", message, exit });

/** A code of the table. Codes never change their meaning.
 * @category Errors */
export type Code =
  // success
  | "ok"
  | "partial"
  | "session_created"
  | "session_resumed"
  | "session_closed"
  | "pong"
  // retry
  | "busy"
  | "rate_limited"
  | "too_many_connections"
  | "max_sessions"
  | "store_unavailable"
  | "storage_full"
  | "server_shutting_down"
  | "use_another_server"
  | "handshake_timeout"
  | "header_timeout"
  | "stalled"
  | "too_slow"
  | "keepalive_timeout"
  | "takeover_flapping"
  | "internal_error"
  // resync
  | "offset_mismatch"
  | "sequence_gap"
  | "replay_too_old"
  | "incomplete"
  | "session_unknown"
  | "session_expired"
  | "checksum_mismatch"
  | "not_connected"
  // fatal
  | "malformed_header"
  | "header_too_long"
  | "invalid_field"
  | "unsupported_version"
  | "unsupported_feature"
  | "protocol_error"
  | "too_large"
  | "length_mismatch"
  | "quota_exceeded"
  | "sequence_reuse"
  | "unauthorized"
  | "hmac_required"
  | "replay_detected"
  | "mode_not_allowed"
  | "session_taken_over"
  | "session_revoked"
  // local
  | "connection_lost"
  | "sent_unconfirmed"
  | "local_io"
  | "source_changed"
  | "some_failed"
  | "interrupted"
  | "usage"
  | "config_invalid";

const TABLE: Readonly<Record<Code, CodeSpec>> = {
  ok: success("stored"),
  partial: success("part received"),
  session_created: success("session created"),
  session_resumed: success("session resumed"),
  session_closed: success("session closed"),
  pong: success("alive"),

  busy: retry("the server is busy"),
  rate_limited: retry("too many requests from this address"),
  too_many_connections: retry("the server has no room for another connection"),
  max_sessions: retry("the server has no room for another session"),
  store_unavailable: retry("the session store cannot be reached"),
  storage_full: retry("no room left in storage"),
  server_shutting_down: retry("the server is stopping"),
  use_another_server: retry("the session lives on another server"),
  handshake_timeout: retry("no header arrived in time"),
  header_timeout: retry("the header was not finished in time"),
  stalled: retry("the payload stopped arriving"),
  too_slow: retry("the payload arrived too slowly"),
  keepalive_timeout: retry("nothing was heard within the keep-alive time"),
  takeover_flapping: retry("the session changes hands too often"),
  internal_error: retry("the server failed"),

  offset_mismatch: resync("the offset is not the durable offset"),
  sequence_gap: resync("a sequence number is missing"),
  replay_too_old: resync("the sequence number is older than the kept replies"),
  incomplete: resync("the connection ended before all bytes arrived"),
  session_unknown: resync("no such session"),
  session_expired: resync("the session has ended"),
  checksum_mismatch: resync("the bytes do not have the announced sha256", 5),
  not_connected: resync("connect to a session first"),

  malformed_header: fatal("the header is not a valid JSON header"),
  header_too_long: fatal("the header is too long"),
  invalid_field: fatal("a field has an invalid value"),
  unsupported_version: fatal("this protocol version is not spoken here"),
  unsupported_feature: fatal("a required feature is not supported"),
  protocol_error: fatal("this frame is not allowed here"),
  too_large: fatal("larger than the limit"),
  length_mismatch: fatal("the bytes do not fit the announced length"),
  quota_exceeded: fatal("the quota is used up"),
  sequence_reuse: fatal("the sequence number was used for another request"),
  unauthorized: fatal("not authorised", 4),
  hmac_required: fatal("a message authentication code is required", 4),
  replay_detected: fatal("a replayed message was detected", 4),
  mode_not_allowed: fatal("this mode is not offered here"),
  session_taken_over: fatal("another connection has taken the session over", 7),
  session_revoked: fatal("the session was revoked", 4),

  // Never in a reply: only one side knows these.
  connection_lost: local("the connection was lost", 2),
  sent_unconfirmed: local("sent to a version 1 server that confirms nothing", 6),
  local_io: local("a local file cannot be used", 8),
  source_changed: local("the file changed while it was sent", 8),
  some_failed: local("some files were not stored", 9),
  interrupted: local("interrupted", 130),
  usage: local("wrong usage", 1),
  config_invalid: local("the configuration is invalid", 1),
};

/** Every code with its class, its fixed text and its exit code.
 * @category Errors */
export const CODES: Readonly<Record<Code, CodeSpec>> = TABLE;

/** Whether a text, for example of a reply, is a code of the table.
 * @category Errors */
export function isCode(text: string): text is Code {
  return Object.hasOwn(TABLE, text);
}

/** The facts of an error by their names in replies, such as `field`, `offset` and `retry_after_ms`.
 * @category Errors */
export type ErrorFields = Readonly<Record<string, unknown>>;

/** What {@linkcode FxferError} takes besides its code and message.
 * @category Errors */
export interface FxferErrorOptions {
  /** Facts for the reply, by their names there. */
  readonly fields?: ErrorFields;
  /** The limit that was reached, by the name of its setting: told to listeners, never sent. */
  readonly limit?: string;
  /** The error that led to this one; it is logged, and never sent. */
  readonly cause?: unknown;
}

/**
 * The error class of fxfer: a stable code, a sentence for people, and the facts of the reply.
 *
 * @example
 * ```ts
 * import { FxferError } from "../mod.ts";
 *
 * const error = new FxferError("offset_mismatch", "Cannot resume upload: offset is 10", {
 *   fields: { offset: 10 },
 * });
 * console.assert(error.class === "resync" && error.fields.offset === 10);
 * ```
 * @category Errors
 */
export class FxferError extends Error {
  /** Always `FxferError`. */
  override readonly name = "FxferError";
  /** The stable code. */
  readonly code: Code;
  /** The facts that go into the reply. */
  readonly fields: ErrorFields;
  /** The limit that was reached, by the name of its setting; undefined for any other reason. */
  readonly limit: string | undefined;

  /**
   * Makes an error to throw.
   *
   * @param code One of {@linkcode CODES}.
   * @param message For people and logs: action first, no full stop; default the code's fixed text.
   */
  constructor(code: Code, message: string = CODES[code].message, options: FxferErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.fields = options.fields ?? {};
    this.limit = options.limit;
  }

  /** What a client does with the code. */
  get class(): CodeClass {
    return CODES[this.code].class;
  }

  /** The exit code of the program that ends with this error. */
  get exit(): number {
    return CODES[this.code].exit;
  }
}

/** The text of whatever was thrown, in a few words for a message. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
