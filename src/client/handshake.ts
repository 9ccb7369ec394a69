/** Opens a connection, sends its first request, the connect, and reads the reply (S-CON). @module */
import type { Endpoint } from "../address.ts";
import { CODES, FxferError } from "../errors.ts";
import { omitUndefined } from "../omit_undefined.ts";
import { type ConnectData, encodeRequest, type Mode, type ReplyFrame } from "../protocol/mod.ts";
import { LATE, within } from "../within.ts";
import { ClientConnection } from "./client_connection.ts";
import { isLost, lost, refusal } from "./client_errors.ts";
import { resumptionOf, termsOf } from "./replies.ts";
import type { Resumption } from "./requests.ts";
import type { Client, ConnectOptions, Terms } from "./types.ts";

/** Where version 1 is allowed, a server that is silent for so long counts as version 1 (S-VER-5). */
const V1_SILENCE_MS = 2000;

/** Where version 1 is not allowed the reply may take longer, since the server's store may be slow. */
const REPLY_TIMEOUT_MS = 10_000;

/** What the client asks for in a connect. */
export interface HandshakeRequest extends ConnectData {
  /** null for a new session. */
  readonly id: string | null;
  readonly mode: Mode;
  /** Whether the client may take a silent server for a version 1 server. */
  readonly allowV1: boolean;
}

/** What the server gave. */
export interface HandshakeReply {
  readonly terms: Terms;
  /** null if the server serves this client without a session. */
  readonly sessionId: string | null;
  /** The secret of a new session. */
  readonly token?: string | undefined;
  /** Only of a session that is resumed. */
  readonly resumption?: Resumption | undefined;
  /** Why there is no session although the client asked for one. */
  readonly degraded?: string | undefined;
}

/** The server does not speak version 2 (S-VER-5). */
export class NotVersion2 extends FxferError {
  constructor(cause: unknown) {
    super("unsupported_version", "Cannot connect: the server does not speak version 2", { cause });
  }
}

/** What to ask for. Some options are only for a client that was not `attachedBefore` to any server. */
export function handshakeRequest(
  options: ConnectOptions,
  { sessionId: id, token, mode }: Pick<Client, "sessionId" | "token"> & { readonly mode: Mode },
  attachedBefore: boolean,
): HandshakeRequest {
  const { wantToken = true, keepaliveS, sessionExpiryS } = options;
  const clean = options.clean === true && !attachedBefore && id !== null;
  // The fallback is only for a client without a session: waiting for an earlier session is better.
  const mayFallBack = (options.mode ?? "auto") === "auto" && id === null;
  const fallback = mayFallBack ? "stateless" as const : undefined;
  return {
    id,
    mode,
    allowV1: options.allowV1 === true && !attachedBefore,
    wantToken: wantToken && (id === null || clean),
    clean,
    ...omitUndefined({ token, keepaliveS, sessionExpiryS, fallback }),
  };
}

/**
 * Connects to a server and asks it for a session, or for its terms without one.
 *
 * @param signal An abort ends the handshake at once, with the error of the step that was under way.
 * @throws {FxferError} The server's code; `connection_lost`; {@linkcode NotVersion2}.
 */
export async function openConnection(
  server: Endpoint,
  request: HandshakeRequest,
  now: () => number,
  signal: AbortSignal,
): Promise<{ readonly connection: ClientConnection; readonly reply: HandshakeReply }> {
  const connection = await ClientConnection.open(server, now, signal);
  const close = () => connection.close();
  signal.addEventListener("abort", close);
  try {
    return { connection, reply: await shakeHands(connection, request) };
  } catch (error) {
    close();
    throw error;
  } finally {
    signal.removeEventListener("abort", close);
  }
}

async function shakeHands(
  connection: ClientConnection,
  { id, mode, allowV1, ...data }: HandshakeRequest,
): Promise<HandshakeReply> {
  const withData = mode === "stateful" ? { data } : {};
  await connection.write(encodeRequest({ id, mode, sequence: 0, action: "connect", ...withData }));
  const { header: { session: { id: sessionId } }, body } = await firstReply(connection, allowV1);
  if (CODES[body.code].class !== "success") throw refusal("Cannot connect", body);
  const terms = termsOf(body);
  if (body.code === "ok" || sessionId === null) {
    const degraded = mode === "stateless" ? undefined : String(body.degraded ?? "mode_not_allowed");
    return { terms, sessionId: null, degraded };
  }
  const token = typeof body.token === "string" ? body.token : undefined;
  const resumption = body.code === "session_resumed" ? resumptionOf(body) : undefined;
  return { terms, sessionId, token, resumption };
}

async function firstReply(connection: ClientConnection, allowV1: boolean): Promise<ReplyFrame> {
  const answer = connection.receive().catch((cause) => {
    throw isLost(cause) ? cause : new NotVersion2(cause);
  });
  const reply = await within(allowV1 ? V1_SILENCE_MS : REPLY_TIMEOUT_MS, answer);
  if (reply === LATE) {
    const error = lost("Cannot connect: no answer");
    throw allowV1 && !connection.heard ? new NotVersion2(error) : error;
  }
  if (reply !== undefined) return reply;
  throw lost("Cannot connect: the server closed the connection");
}
