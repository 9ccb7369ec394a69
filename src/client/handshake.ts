/** Opens a connection, sends its first request, the connect, and reads the reply (S-CON). @module */
import { type Endpoint, formatEndpoint } from "../address.ts";
import { CODES, FxferError } from "../errors.ts";
import type { Key } from "../keys/mod.ts";
import { omitUndefined } from "../omit_undefined.ts";
import { type ConnectData, encodeRequest, type Mode, type ReplyFrame } from "../protocol/mod.ts";
import { LATE, within } from "../within.ts";
import { ClientConnection } from "./client_connection.ts";
import { isLost, lost, type LostReason, refusal } from "./client_errors.ts";
import { loadHashing } from "./file_digest.ts";
import type { ResolvedOptions } from "./options.ts";
import { resumptionOf, termsOf } from "./replies.ts";
import type { Resumption } from "./requests.ts";
import type { ShownKey } from "./shown_key.ts";
import type { Terms } from "./terms.ts";
import type { Client, ConnectOptions } from "./types.ts";

/** Where version 1 is allowed, a server that is silent for so long counts as version 1 (S-VER-5). */
const V1_SILENCE_MS = 2000;

/** Where version 1 is not allowed the reply may take longer, since the server's store may be slow. */
const REPLY_TIMEOUT_MS = 10_000;

/** Where the reply takes longer, what hashes many files is loaded meanwhile: that takes some 20 ms. */
const FAR_MS = 15;

/** What the client asks for in a connect. */
export interface HandshakeRequest extends ConnectData {
  /** null for a new session. */
  readonly id: string | null;
  readonly mode: Mode;
  /** Whether the client may take a silent server for a version 1 server. */
  readonly allowV1: boolean;
  /** The user's key. */
  readonly key: Key | undefined;
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
  /** Milliseconds from the connect to this reply. */
  readonly roundTripMs: number;
}

/** How other servers begin what they say. */
const OTHER_PROTOCOLS: readonly (readonly [RegExp, string])[] = [
  [/^SSH-/, "an SSH server"],
  [/^HTTP\/|^\s*<(!doctype|html|\?xml)/i, "a web server"],
  // deno-lint-ignore no-control-regex
  [/^[\x15\x16]\x03/, "a server that wants TLS, as fxfers:// and --tls do"],
  [/^220[ -]|^421[ -]|^\+OK|^\* /, "a mail or FTP server"],
  [/^-[A-Z]+ /, "a Redis server"],
];

/** The server does not speak version 2 (S-VER-5). */
export class NotVersion2 extends FxferError {
  /** Whether the server is known to be of another kind, so that it does not speak version 1 either. */
  readonly isOther: boolean;

  constructor({ server, greeting }: ClientConnection, cause: unknown) {
    const place = formatEndpoint(server);
    const [, other] = OTHER_PROTOCOLS.find(([pattern]) => pattern.test(greeting)) ?? [];
    const words = other === undefined
      ? "the server does not speak version 2 (is it an older one, or another kind?)"
      : `this looks like ${other} (is the port right?)`;
    const fields = { reason: "other_protocol" satisfies LostReason, server: place };
    super("unsupported_version", `Cannot connect to ${place}: ${words}`, { fields, cause });
    this.isOther = other !== undefined;
  }
}

/** Whether a client was told to connect with TLS. */
export function usesTls({ tls = false }: ConnectOptions): boolean {
  return tls !== false;
}

/** What to ask for. Some options are only for a client that was not `attachedBefore` to any server. */
export function handshakeRequest(
  options: ConnectOptions,
  { sessionId: id, token, mode }: Pick<Client, "sessionId" | "token"> & { readonly mode: Mode },
  attachedBefore: boolean,
  mayFallBack: boolean,
  key: Key | undefined,
): HandshakeRequest {
  const { wantToken = true, wantMac = false, keepaliveS, sessionExpiryS } = options;
  const clean = options.clean === true && !attachedBefore && id !== null;
  // The fallback is only for a client without a session: waiting for an earlier session is better.
  const fallBack = mayFallBack && (options.mode ?? "auto") === "auto" && id === null;
  const fallback = fallBack ? "stateless" as const : undefined;
  return {
    id,
    mode,
    // S-TLS-3: nobody is brought down to a version that proves and encrypts nothing.
    allowV1: options.allowV1 === true && !usesTls(options) && !attachedBefore && key === undefined,
    key,
    wantToken: wantToken && key === undefined && (id === null || clean),
    wantMac,
    clean,
    ...omitUndefined({ token, keepaliveS, sessionExpiryS, fallback }),
  };
}

/** A connection on which a connect was sent. */
export interface Opening {
  readonly connection: ClientConnection;
  /**
   * Reads what the server answers; to be called at once.
   *
   * @throws {FxferError} The server's code; `connection_lost`; {@linkcode NotVersion2}. The connection is
   * closed then.
   */
  reply(): Promise<HandshakeReply>;
}

/**
 * Connects to a server and asks it for a session, or for its terms without one.
 *
 * @param signal An abort ends the handshake at once, with the error of the step that was under way.
 * @throws {FxferError} `connection_lost`, and as {@linkcode Opening.reply}.
 */
export async function openConnection(
  server: Endpoint,
  request: HandshakeRequest,
  options: Pick<ResolvedOptions, "now" | "verifier">,
  signal: AbortSignal,
): Promise<Opening> {
  const connection = await ClientConnection.open(server, options, signal);
  const orClosed = async <T>(step: Promise<T>): Promise<T> => {
    const close = () => connection.close();
    signal.addEventListener("abort", close);
    if (signal.aborted) close();
    try {
      return await step;
    } catch (error) {
      close();
      throw error;
    } finally {
      signal.removeEventListener("abort", close);
    }
  };
  const reply = await orClosed(sendConnect(connection, request));
  return { connection, reply: () => orClosed(reply()) };
}

/** Sends the connect; the function that is returned reads the answer. */
async function sendConnect(
  connection: ClientConnection,
  request: HandshakeRequest,
): Promise<() => Promise<HandshakeReply>> {
  const { id, mode, allowV1: _, key, ...data } = request;
  const { wantMac } = data;
  const withData = mode === "stateful" ? { data } : wantMac ? { data: { wantMac } } : {};
  const frame = { id, mode, sequence: 0, action: "connect", ...withData } as const;
  const shown = key && await shownKey(key);
  await connection.write(shown?.encode(frame) ?? encodeRequest(frame));
  const { sentAt } = connection;
  return async () => {
    const reply = await firstReply(connection, request.allowV1);
    shown?.check(reply, connection.server);
    const understood = understand(reply, connection, request, shown);
    return { ...understood, roundTripMs: connection.heardAt - sentAt };
  };
}

/** With a key, frames may need codes. */
async function shownKey(key: Key): Promise<ShownKey> {
  const [{ ShownKey }] = await Promise.all([import("./shown_key.ts"), loadHashing()]);
  return new ShownKey(key);
}

/** What the answer to a connect means. @throws {FxferError} What it refuses. */
function understand(
  reply: ReplyFrame,
  connection: ClientConnection,
  { id, mode, key, wantMac }: HandshakeRequest,
  shown: ShownKey | undefined,
): Omit<HandshakeReply, "roundTripMs"> {
  const { header: { session: { id: sessionId } }, body } = reply;
  const what = `Cannot connect to ${formatEndpoint(connection.server)}`;
  if (CODES[body.code].class !== "success") {
    const clock = body.code === "clock_skew" ? shown?.clockWords(body) ?? "" : "";
    if (clock !== "") throw new FxferError("clock_skew", `${what}: ${clock}`, { fields: body });
    if (body.code === "unauthorized" && id === null) {
      const why = key === undefined
        ? "it serves only those who have a key"
        : `it does not take this key of ${key.name}, which may be mistyped, revoked or expired`;
      const text = `${what}: not authorised (${why})`;
      throw new FxferError("unauthorized", text, { fields: body });
    }
    throw refusal(what, body);
  }
  const terms = termsOf(body, sessionId !== null);
  connection.macs = shown?.macsOf(body);
  if (wantMac && connection.macs === undefined) {
    throw new FxferError("unsupported_feature", `${what}: the server makes no codes of frames`);
  }
  if (body.code === "ok" || sessionId === null) {
    const degraded = mode === "stateless" ? undefined : String(body.degraded ?? "mode_not_allowed");
    return { terms, sessionId: null, degraded };
  }
  const token = typeof body.token === "string" ? body.token : undefined;
  const resumption = body.code === "session_resumed" ? resumptionOf(body) : undefined;
  return { terms, sessionId, token, resumption };
}

async function firstReply(connection: ClientConnection, allowV1: boolean): Promise<ReplyFrame> {
  const { server } = connection;
  const answer = within(allowV1 ? V1_SILENCE_MS : REPLY_TIMEOUT_MS, connection.receive());
  const waiting = setTimeout(loadHashing, FAR_MS);
  const reply = await answer.catch((cause: unknown) => cause as Error);
  clearTimeout(waiting);
  if (reply !== undefined && reply !== LATE && !(reply instanceof Error)) return reply;
  // What is no reply comes whole or in part, from a server that goes on waiting or closes.
  const isNoReply = reply instanceof Error && !isLost(reply);
  const isOther = connection.greeting !== "" && !connection.greeting.startsWith("{");
  const isSilent = allowV1 && reply === LATE && connection.greeting === "";
  if (isNoReply || isOther || isSilent) throw new NotVersion2(connection, reply);
  const words = reply === LATE
    ? "it says nothing (is this an fxfer server, or does it stand still?)"
    : "it closed the connection without an answer (is this an fxfer server?)";
  throw lost("connect to", server, words, { reason: "no_answer", cause: reply });
}
