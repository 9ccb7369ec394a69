/** The errors that the client makes itself, so that each has one text. @module */
import { type Endpoint, formatEndpoint } from "../address.ts";
import { CODES, FxferError, reasonOf } from "../errors.ts";
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

/**
 * Why there is no connection, as the field `reason` of an error; the field `server` is `host:port`.
 * @category Client
 */
export type LostReason =
  /** The machine is there, and nothing listens at the port. */
  | "refused"
  /** There is no host of this name. */
  | "not_found"
  /** No way leads to the machine, or names cannot be looked up now. */
  | "unreachable"
  /** Nothing came back: no connection, or no reply on it. */
  | "no_answer"
  /** Another kind of server answered. */
  | "other_protocol"
  /** A connection that was there has ended. */
  | "lost"
  /** A connection is there, and nothing more is heard on it. */
  | "frozen";

/** A connection was lost or could not be made; another one may go on. */
export function lost(
  action: string,
  server: Endpoint,
  words: string,
  options: { readonly reason?: LostReason; readonly cause?: unknown } = {},
): FxferError {
  const { reason = "lost", cause } = options;
  const place = formatEndpoint(server);
  const fields = { reason, server: place };
  return new FxferError("connection_lost", `Cannot ${action} ${place}: ${words}`, {
    fields,
    cause,
  });
}

/** What the system says of a connection that cannot be made, and what a person can do about it. */
const CONNECT_FAULTS: Readonly<Record<string, readonly [LostReason, string]>> = {
  ECONNREFUSED: ["refused", "connection refused (is the server running, and is this its port?)"],
  ENOTFOUND: ["not_found", "there is no host of this name (is it spelled right?)"],
  EAI_AGAIN: ["unreachable", "its name cannot be looked up now (is this machine online?)"],
  ENETUNREACH: ["unreachable", "no way leads there (is this machine online?)"],
  EHOSTUNREACH: ["unreachable", "no way leads there (is the address right, and the machine on?)"],
  ETIMEDOUT: ["no_answer", "no answer (is the address right, or is a firewall in between?)"],
};

/** The error of a connection that could not be made, from what the system threw. */
export function cannotConnect(server: Endpoint, cause: unknown): FxferError {
  if (cause instanceof Deno.errors.NotCapable) {
    const place = formatEndpoint(server);
    const message = `Cannot connect to ${place}: it is not permitted (--allow-net=${place})`;
    return new FxferError("local_io", message, { cause });
  }
  if (cause instanceof Deno.errors.UnexpectedEof) {
    const words = "it closed the connection during the handshake (is this its port for TLS?)";
    return lost("connect to", server, words, { reason: "no_answer", cause });
  }
  const { code } = cause as { readonly code?: string };
  const [reason, words] = CONNECT_FAULTS[code ?? ""] ?? ["unreachable", reasonOf(cause)];
  return lost("connect to", server, words, { reason, cause });
}

/** Whether an error says only that a connection was lost. */
export function isLost(error: unknown): error is FxferError {
  return error instanceof FxferError && error.code === "connection_lost";
}

/** Any error that ended a connection, as `connection_lost`. */
export function asLost(error: unknown): FxferError {
  if (isLost(error)) return error;
  const message = "Cannot go on: the connection is of no more use";
  return new FxferError("connection_lost", message, { cause: error });
}

/** The program ended the client or gave a file up. */
export function interrupted(reason: unknown): FxferError {
  return new FxferError("interrupted", "Cannot go on: interrupted", { cause: reason });
}

/** The error when so many tries are used up; `last` is that of the last one. */
export function gaveUp(last: FxferError, tries: number): FxferError {
  const code = last.class === "retry" ? last.code : "connection_lost";
  const words = tries === 1 ? "1 try" : `${tries} tries`;
  const fields = { ...last.fields, tries };
  return new FxferError(code, `${last.message}; gave up after ${words}`, { fields, cause: last });
}
