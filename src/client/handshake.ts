/** The first frame of a connection and what its answer means (wire §4). @module */
import { CODES, FxferError } from "../errors.ts";
import {
  CHECKPOINT_BYTES,
  type ConnectData,
  DEFAULT_MAX_INFLIGHT,
  DEFAULT_MAX_REQUEST_SIZE,
  encodeRequest,
  type Mode,
  type ReplyBody,
  type ReplyFrame,
} from "../protocol/mod.ts";
import { type Address, ClientConnection } from "./client_connection.ts";
import { isLost } from "./failures.ts";
import type { Resumption } from "./items.ts";
import type { ConnectOptions, Terms } from "./types.ts";

/** A server of version 2 answers at once; S-VER-5 names the time for those that may be older. */
const V1_SILENCE_MS = 2000;
/** Long enough for a server whose store is slow. */
const REPLY_TIMEOUT_MS = 10_000;
/** The keep-alive of a server that states none. */
export const DEFAULT_KEEPALIVE_S = 30;

/** What a connect asks. */
export interface Asked extends ConnectData {
  /** null for a new session. */
  readonly id: string | null;
  readonly mode: Mode;
  /** Whether silence means version 1. */
  readonly allowV1: boolean;
}

/** What a connect got. */
export type Greeting =
  | {
    readonly kind: "session";
    readonly id: string;
    readonly token: string | undefined;
    readonly resumption: Resumption | undefined;
    readonly terms: Terms;
  }
  | {
    readonly kind: "stateless";
    /** Why there is no session although one was asked for. */
    readonly degraded: string | undefined;
    readonly terms: Terms;
  };

/** The peer speaks nothing newer than version 1 (S-VER-5). */
export class NotVersion2 extends FxferError {
  constructor(cause: unknown) {
    super("unsupported_version", "Cannot connect: the server does not speak version 2", { cause });
  }
}

/** What to ask, by what the caller wants and what is known of the session. */
export function askFor(
  options: ConnectOptions,
  { sessionId: id, token, mode }: {
    readonly sessionId: string | null;
    readonly token: string | undefined;
    readonly mode: Mode;
  },
  attachedBefore: boolean,
): Asked {
  const { wantToken = true, keepaliveS, sessionExpiryS } = options;
  const clean = options.clean === true && !attachedBefore && id !== null;
  return {
    id,
    mode,
    allowV1: options.allowV1 === true && !attachedBefore,
    ...(token === undefined ? {} : { token }),
    ...(wantToken && (id === null || clean) ? { wantToken } : {}),
    ...(clean ? { clean } : {}),
    ...(keepaliveS === undefined ? {} : { keepaliveS }),
    ...(sessionExpiryS === undefined ? {} : { sessionExpiryS }),
    // A session of before is worth waiting for: the fallback is for those who have none.
    ...((options.mode ?? "auto") === "auto" && id === null ? { fallback: "stateless" } : {}),
  };
}

/** A connection that may be used, and on what terms. */
export interface Dialled {
  readonly connection: ClientConnection;
  readonly greeting: Greeting;
}

/**
 * Connects and greets.
 *
 * @param signal Ends it at once, with the error of whatever was under way.
 * @throws {FxferError} The server's code; `connection_lost`; {@linkcode NotVersion2}.
 */
export async function dial(
  address: Address,
  asked: Asked,
  now: () => number,
  signal: AbortSignal,
): Promise<Dialled> {
  const connection = await ClientConnection.open(address, now, signal);
  const close = () => connection.close();
  signal.addEventListener("abort", close);
  try {
    return { connection, greeting: await greet(connection, asked) };
  } catch (error) {
    close();
    throw error;
  } finally {
    signal.removeEventListener("abort", close);
  }
}

/**
 * Asks for a session, or for the terms of stateless mode.
 *
 * @throws {FxferError} The server's code; `connection_lost`; {@linkcode NotVersion2}.
 */
async function greet(connection: ClientConnection, asked: Asked): Promise<Greeting> {
  const { id, mode, allowV1, ...data } = asked;
  await connection.write(
    encodeRequest({
      id,
      mode,
      sequence: 0,
      action: "connect",
      ...(mode === "stateful" ? { data } : {}),
    }),
  );
  const { header, body } = await firstReply(connection, allowV1);
  if (CODES[body.code].class !== "success") {
    const { code, ...fields } = body;
    throw new FxferError(code, `Cannot connect: ${CODES[code].message}`, { fields });
  }
  const terms = termsOf(body);
  const { id: sessionId } = header.session;
  if (body.code === "ok" || sessionId === null) {
    const degraded = mode === "stateless" ? undefined : String(body.degraded ?? "mode_not_allowed");
    return { kind: "stateless", degraded, terms };
  }
  return {
    kind: "session",
    id: sessionId,
    token: typeof body.token === "string" ? body.token : undefined,
    resumption: body.code === "session_resumed" ? resumptionOf(body) : undefined,
    terms,
  };
}

async function firstReply(connection: ClientConnection, allowV1: boolean): Promise<ReplyFrame> {
  let silent = false;
  const timer = setTimeout(() => {
    silent = true;
    connection.close();
  }, allowV1 ? V1_SILENCE_MS : REPLY_TIMEOUT_MS);
  try {
    const reply = await connection.receive();
    if (reply !== undefined) return reply;
    throw new FxferError("connection_lost", "Cannot connect: the server closed the connection");
  } catch (cause) {
    if (silent && allowV1 && !connection.heard) throw new NotVersion2(cause);
    if (silent) throw new FxferError("connection_lost", "Cannot connect: no answer", { cause });
    if (isLost(cause)) throw cause;
    throw new NotVersion2(cause);
  } finally {
    clearTimeout(timer);
  }
}

function termsOf(body: ReplyBody): Terms {
  const limits = record(body.limits);
  return {
    keepaliveS: count(body.keepalive_s, DEFAULT_KEEPALIVE_S),
    sessionExpiryS: count(body.session_expiry_s, 0),
    maxInflight: count(body.max_inflight, DEFAULT_MAX_INFLIGHT) || 1,
    limits: {
      maxRequestSize: count(limits.max_request_size, DEFAULT_MAX_REQUEST_SIZE),
      maxUploadSize: count(limits.max_upload_size, 0),
      checkpointBytes: count(limits.checkpoint_bytes, CHECKPOINT_BYTES),
    },
    server: record(body.server),
    ...(typeof body.challenge === "string" ? { challenge: body.challenge } : {}),
  };
}

function resumptionOf(body: ReplyBody): Resumption {
  const upload = record(body.upload);
  const { upload_id: uploadId } = upload;
  return {
    nextSequence: count(body.next_sequence, 1),
    upload: typeof upload.offset === "number"
      ? {
        uploadId: typeof uploadId === "string" ? uploadId : undefined,
        offset: upload.offset,
      }
      : undefined,
  };
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? value as Record<string, unknown> : {};
}

function count(value: unknown, absent: number): number {
  return typeof value === "number" && value >= 0 ? value : absent;
}
