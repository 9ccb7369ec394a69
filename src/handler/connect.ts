/** connect: a new session, a resumed one, or the fallback (S-CON, S-DEG-1), and the terms told. @module */
import { createHash, randomBytes } from "node:crypto";
import { FxferError } from "../errors.ts";
import type { Events } from "../events.ts";
import { omitUndefined } from "../omit_undefined.ts";
import {
  CHECKPOINT_BYTES,
  type ConnectData,
  type ConnectRequest,
  MAX_HEADER_BYTES,
  MAX_SESSION_DATA_BYTES,
  SUPPORTED_VERSIONS,
} from "../protocol/mod.ts";
import {
  type AttachInit,
  authorised,
  createSession,
  FLAP_RETRY_MS,
  isFlapping,
  lifeOf,
  type SessionRecord,
} from "../session/mod.ts";
import type { FileStorage } from "../storage/mod.ts";
import { Attachment, type SessionServices } from "./attachments.ts";
import type { StatefulOptions } from "./stateful_options.ts";
import { makeRoom, noRoom } from "./room.ts";
import { featuresOf } from "./stored_files.ts";
import { checkAlive, closeOld, releaseHolder, takeSession, unknownSession } from "./takeover.ts";
import type { ConnectionContext, Reply } from "./types.ts";

/** What a fallback is for: the session cannot be had now, and the client said that it can do without. */
const DEGRADABLE = new Set(["busy", "max_sessions", "store_unavailable", "mode_not_allowed"]);

/** Attaches the connection to a session; falls back if the client allows it, or throws why not. */
export async function connect(
  services: SessionServices,
  { header: { session: { id } }, data }: ConnectRequest,
  context: ConnectionContext,
): Promise<Reply> {
  const { attachments, storage, health } = services;
  try {
    // S-CON-7: a connection has one session.
    if (attachments.of(context) !== undefined) {
      throw new FxferError("protocol_error", "Cannot connect: this connection has a session");
    }
    await storage.refresh?.(); // what other instances have stored (S-TRF-9)
    const reply = id === null
      ? await create(services, data, context)
      : await attachments.inTurn(id, () => resume(services, id, data, context));
    health.answered();
    return reply;
  } catch (error) {
    health.failed(error);
    return degrade(services, data, context, error);
  }
}

/** What it takes to fall back to service without a session.
 * @category Server */
export interface FallbackTerms {
  /** Where the files of stateless requests go. */
  readonly storage: FileStorage;
  /** The terms that are stated, and whether there is a stateless mode to fall back to. */
  readonly options:
    & Pick<StatefulOptions, "instance" | "maxRequestSize">
    & Partial<Pick<StatefulOptions, "offersStateless">>;
  /** Where the fallback is told. @default nowhere */
  readonly events?: Events;
}

/** S-DEG-1: the reply to a connect that allows a fallback; throws `error` again where that does not help. */
export function degrade(
  { storage, options, events }: FallbackTerms,
  data: ConnectData,
  { connectionId: connection }: ConnectionContext,
  error: unknown,
): Reply {
  if (data.fallback !== "stateless" || options.offersStateless === false) throw error;
  if (!(error instanceof FxferError) || !DEGRADABLE.has(error.code)) throw error;
  const { code, limit } = error;
  if (limit !== undefined) events?.emit({ type: "limit.reached", connection, limit, code });
  events?.emit({ type: "connection.degraded", rule: "S-DEG-1", connection, code });
  const terms = statelessTerms(storage, options);
  const body = { code: "ok", mode: "stateless", degraded: code, ...terms } as const;
  return { body, id: null, mode: "stateless" };
}

async function create(
  services: SessionServices,
  data: ConnectData,
  context: ConnectionContext,
): Promise<Reply> {
  const { attachments, options, store } = services;
  options.admitSession(context.clientAddress);
  await makeRoom(services, context);
  const { user } = context.identity;
  // S-KEY-5: a user's session needs the key and no token.
  const token = data.wantToken === true && user === undefined ? newSecret() : undefined;
  const record = createSession({
    id: crypto.randomUUID(),
    ...omitUndefined({ user }),
    tokenHash: token === undefined ? null : hashToken(token),
    ...attachInit(services, data, context),
  });
  // Of all that connect at once, and got here, the store lets in no more than there is room for.
  if (!(await store.save(record, options.maxSessions))) throw noRoom("max_sessions");
  const attachment = new Attachment(services, record, context);
  attachments.add(attachment);
  const facts = { address: context.clientAddress, secret: token !== undefined };
  attachment.tell("session.created", "S-CON-1", { ...record, state: "idle" }, facts);
  return {
    body: {
      code: "session_created",
      ...(token === undefined ? {} : { token }),
      next_sequence: 1,
      upload: null,
      ...sessionTerms(services, record),
    },
    id: record.id,
  };
}

async function resume(
  services: SessionServices,
  id: string,
  data: ConnectData,
  context: ConnectionContext,
): Promise<Reply> {
  const { attachments, store, options } = services;
  const found = await store.load(id);
  if (found === undefined) throw unknownSession();
  // S-TAKE-1, S-CON-5: the newcomer is authorised first, so that a stranger cannot disturb the session.
  const tokenHash = data.token === undefined ? null : hashToken(data.token);
  const { clientAddress, identity } = context;
  const shown = { tokenHash, clientAddress, user: identity.user };
  if (!authorised(found, shown, options.ipBinding)) {
    throw new FxferError("unauthorized", "Cannot attach: not this session's client");
  }
  await checkAlive(services, found);
  if (data.clean === true) {
    await releaseHolder(services, id);
    await closeOld(services, id, context);
    return await create(services, data, context);
  }
  if (lifeOf(found, options.now()) === "attached" && isFlapping(found, services.wallTime())) {
    const text = "Cannot attach: the session changes hands too often";
    throw new FxferError("takeover_flapping", text, { fields: { retry_after_ms: FLAP_RETRY_MS } });
  }
  const hadHolder = await releaseHolder(services, id);
  const init = attachInit(services, data, context);
  const attachment = await takeSession(services, id, init, context, hadHolder);
  attachments.add(attachment);
  const { record } = attachment;
  return {
    body: {
      code: "session_resumed",
      next_sequence: record.lastSequence + 1,
      upload: record.upload === null ? null : {
        sequence: record.lastSequence + 1,
        offset: record.upload.offset,
        length: record.upload.length ?? null,
        upload_id: record.upload.uploadId ?? null,
      },
      ...sessionTerms(services, record),
    },
    id,
  };
}

/** The terms agreed: a client may ask for less than the server's, not for more. */
function attachInit(
  { options, wallTime }: SessionServices,
  data: ConnectData,
  context: ConnectionContext,
): AttachInit {
  const least = (asked: number | undefined, ours: number) =>
    asked === undefined ? ours : Math.min(ours, Math.max(1, asked) * 1000);
  // A file that is open never makes the time shorter.
  const longest = Math.max(options.sessionTimeoutMs, options.partialTimeoutMs);
  return {
    now: options.now(),
    wallTime: wallTime(),
    clientAddress: context.clientAddress,
    instance: options.instance,
    keepaliveMs: least(data.keepaliveS, options.keepaliveMs),
    expiryMs: least(data.sessionExpiryS, options.sessionTimeoutMs),
    partialExpiryMs: least(data.sessionExpiryS, longest),
  };
}

type Terms = Readonly<Record<string, unknown>>;

/** What a client without a session is told of the server (S-CON-6). */
export function statelessTerms(
  storage: FileStorage,
  { instance, maxRequestSize }: FallbackTerms["options"],
): { readonly limits: Terms; readonly server: Terms } & Terms {
  const { label: tier, durability, find } = storage;
  return {
    features: featuresOf(storage), // S-FEA-1
    limits: {
      max_header: MAX_HEADER_BYTES,
      max_session_data: MAX_SESSION_DATA_BYTES,
      max_request_size: maxRequestSize,
    },
    server: {
      instance,
      tier,
      durability,
      versions: SUPPORTED_VERSIONS,
      // S-TRF-9 cannot be kept without `find`: a retry may store a file twice.
      ...(find === undefined ? { upload_ids: false } : {}),
    },
  };
}

/** What an attached client is told (S-CON-6). */
function sessionTerms({ options, storage }: SessionServices, record: SessionRecord): Terms {
  const { limits, ...terms } = statelessTerms(storage, options);
  return {
    keepalive_s: record.keepaliveMs / 1000,
    session_expiry_s: record.expiryMs / 1000,
    partial_expiry_s: (record.partialExpiryMs ?? record.expiryMs) / 1000,
    max_inflight: options.maxInflight,
    max_unanswered_bytes: options.maxUnansweredBytes,
    limits: {
      ...limits,
      max_upload_size: options.maxUploadSize,
      checkpoint_bytes: CHECKPOINT_BYTES,
    },
    ...terms,
    challenge: newSecret(),
  };
}

/** 256 random bits in base64url: a token, a challenge, a ticket. */
export const newSecret = (): string => randomBytes(32).toString("base64url");

/** The SHA-256 of a token as hex: all that the server keeps of the token (S-CON-1). */
export const hashToken = (token: string): string =>
  createHash("sha256").update(token).digest("hex");
