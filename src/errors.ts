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

/** Every code with its class, its fixed text and its exit code. A code never changes its meaning.
 * @category Errors */
export const CODES = {
  ok: { class: "success", message: "stored", exit: 0 },
  partial: { class: "success", message: "part received", exit: 0 },
  session_created: { class: "success", message: "session created", exit: 0 },
  session_resumed: { class: "success", message: "session resumed", exit: 0 },
  session_closed: { class: "success", message: "session closed", exit: 0 },
  pong: { class: "success", message: "alive", exit: 0 },

  busy: { class: "retry", message: "the server is busy", exit: 2 },
  rate_limited: { class: "retry", message: "too many requests from this address", exit: 2 },
  too_many_connections: {
    class: "retry",
    message: "the server has no room for another connection",
    exit: 2,
  },
  max_sessions: { class: "retry", message: "the server has no room for another session", exit: 2 },
  store_unavailable: { class: "retry", message: "the session store cannot be reached", exit: 2 },
  storage_full: { class: "retry", message: "no room left in storage", exit: 2 },
  server_shutting_down: { class: "retry", message: "the server is stopping", exit: 2 },
  use_another_server: { class: "retry", message: "the session lives on another server", exit: 2 },
  handshake_timeout: { class: "retry", message: "no header arrived in time", exit: 2 },
  header_timeout: { class: "retry", message: "the header was not finished in time", exit: 2 },
  stalled: { class: "retry", message: "the payload stopped arriving", exit: 2 },
  too_slow: { class: "retry", message: "the payload arrived too slowly", exit: 2 },
  keepalive_timeout: {
    class: "retry",
    message: "nothing was heard within the keep-alive time",
    exit: 2,
  },
  takeover_flapping: { class: "retry", message: "the session changes hands too often", exit: 2 },
  internal_error: { class: "retry", message: "the server failed", exit: 2 },

  offset_mismatch: { class: "resync", message: "the offset is not the durable offset", exit: 3 },
  sequence_gap: { class: "resync", message: "a sequence number is missing", exit: 3 },
  replay_too_old: {
    class: "resync",
    message: "the sequence number is older than the kept replies",
    exit: 3,
  },
  incomplete: {
    class: "resync",
    message: "the connection ended before all bytes arrived",
    exit: 3,
  },
  session_unknown: { class: "resync", message: "no such session", exit: 3 },
  session_expired: { class: "resync", message: "the session has ended", exit: 3 },
  checksum_mismatch: {
    class: "resync",
    message: "the bytes do not have the announced sha256",
    exit: 5,
  },
  not_connected: { class: "resync", message: "connect to a session first", exit: 3 },

  malformed_header: { class: "fatal", message: "the header is not a valid JSON header", exit: 3 },
  header_too_long: { class: "fatal", message: "the header is too long", exit: 3 },
  invalid_field: { class: "fatal", message: "a field has an invalid value", exit: 3 },
  unsupported_version: {
    class: "fatal",
    message: "this protocol version is not spoken here",
    exit: 3,
  },
  unsupported_feature: { class: "fatal", message: "a required feature is not supported", exit: 3 },
  protocol_error: { class: "fatal", message: "this frame is not allowed here", exit: 3 },
  too_large: { class: "fatal", message: "larger than the limit", exit: 3 },
  length_mismatch: {
    class: "fatal",
    message: "the bytes do not fit the announced length",
    exit: 3,
  },
  quota_exceeded: { class: "fatal", message: "the quota is used up", exit: 3 },
  sequence_reuse: {
    class: "fatal",
    message: "the sequence number was used for another request",
    exit: 3,
  },
  not_found: { class: "fatal", message: "no such file", exit: 3 },
  name_taken: { class: "fatal", message: "another file has this name", exit: 3 },
  forbidden: { class: "fatal", message: "this client may not do that", exit: 4 },
  unauthorized: { class: "fatal", message: "not authorised", exit: 4 },
  hmac_required: { class: "fatal", message: "a message authentication code is required", exit: 4 },
  clock_skew: { class: "fatal", message: "the clocks of both ends differ too much", exit: 4 },
  replay_detected: { class: "fatal", message: "a replayed message was detected", exit: 4 },
  mode_not_allowed: { class: "fatal", message: "this mode is not offered here", exit: 3 },
  session_taken_over: {
    class: "fatal",
    message: "another connection has taken the session over",
    exit: 7,
  },
  session_revoked: { class: "fatal", message: "the session was revoked", exit: 4 },

  // These are never in a reply: they happen on one side, and the other side is not told.
  connection_lost: { class: "local", message: "the connection was lost", exit: 2 },
  sent_unconfirmed: {
    class: "local",
    message: "sent to a version 1 server that confirms nothing",
    exit: 6,
  },
  local_io: { class: "local", message: "a local file cannot be used", exit: 8 },
  source_changed: { class: "local", message: "the file changed while it was sent", exit: 8 },
  some_failed: { class: "local", message: "some files were not stored", exit: 9 },
  interrupted: { class: "local", message: "interrupted", exit: 130 },
  usage: { class: "local", message: "wrong usage", exit: 1 },
  config_invalid: { class: "local", message: "the configuration is invalid", exit: 1 },
} as const;

/** A code of the table, such as `"ok"` or `"storage_full"`.
 * @category Errors */
export type Code = keyof typeof CODES;

/** Whether a text, for example of a reply, is a code of the table.
 * @category Errors */
export function isCode(text: string): text is Code {
  return Object.hasOwn(CODES, text);
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
