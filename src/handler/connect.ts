/** connect: a new session, a resumed one, or the fallback (S-CON, S-DEG-1). @module */
import { FxferError } from "../errors.ts";
import type { Events } from "../events.ts";
import type { ConnectData, ConnectRequest } from "../protocol/mod.ts";
import {
  type AttachInit,
  authorised,
  createSession,
  FLAP_RETRY_MS,
  isFlapping,
  lifeOf,
} from "../session/mod.ts";
import type { FileStorage } from "../storage/mod.ts";
import { Attachment } from "./attachments.ts";
import { base64url, hashToken, randomBytes } from "./secrets.ts";
import type { SessionServices, StatefulOptions } from "./services.ts";
import { sweep } from "./sweeper.ts";
import { checkAlive, closeOld, letGo, take, unknownSession } from "./takeover.ts";
import { sessionTerms, statelessTerms } from "./terms.ts";
import type { ConnectionContext, Reply } from "./types.ts";

/** After this a client that found no room tries again. */
const RETRY_MS = 1000;

/** What a fallback is for: the session cannot be had now, and the client said that it can do without. */
const DEGRADABLE: ReadonlySet<string> = new Set([
  "busy",
  "max_sessions",
  "store_unavailable",
  "mode_not_allowed",
]);

/** Attaches the connection to a session, or throws why not. */
export async function connect(
  services: SessionServices,
  frame: ConnectRequest,
  context: ConnectionContext,
): Promise<Reply> {
  if (services.attachments.of(context) !== undefined) {
    throw new FxferError("protocol_error", "Cannot connect: this connection has a session");
  }
  await services.storage.refresh?.(); // what other instances have stored (S-TRF-9)
  const { header: { session: { id } }, data } = frame;
  return id === null
    ? await create(services, data, context)
    : await services.attachments.inTurn(id, () => resume(services, id, data, context));
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

/** S-DEG-1: the answer to a connect that asked for a fallback; rethrows what it does not cover. */
export function degrade(
  services: FallbackTerms,
  data: ConnectData,
  { connectionId: connection }: ConnectionContext,
  error: unknown,
): Reply {
  if (data.fallback !== "stateless" || services.options.offersStateless === false) throw error;
  if (!(error instanceof FxferError) || !DEGRADABLE.has(error.code)) throw error;
  const { storage, options: { instance, maxRequestSize }, events } = services;
  const { code, limit } = error;
  if (limit !== undefined) events?.emit({ type: "limit.reached", connection, limit, code });
  events?.emit({ type: "connection.degraded", rule: "S-DEG-1", connection, code });
  const terms = statelessTerms(storage, instance, maxRequestSize);
  return {
    body: { code: "ok", mode: "stateless", degraded: code, ...terms },
    id: null,
    mode: "stateless",
  };
}

async function create(
  services: SessionServices,
  data: ConnectData,
  context: ConnectionContext,
): Promise<Reply> {
  const { options, store, events } = services;
  options.admitSession(context.clientAddress);
  await makeRoom(services);
  const token = data.wantToken === true ? base64url(randomBytes(32)) : undefined;
  const record = createSession({
    id: crypto.randomUUID(),
    tokenHash: token === undefined ? null : await hashToken(token),
    ...attachInit(services, data, context),
  });
  // Of all that connect at once, and got here, the store lets in no more than there is room for.
  if (!(await store.save(record, options.maxSessions))) throw noRoom();
  const attachment = new Attachment(record, context, undefined, events);
  hold(services, attachment);
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

async function makeRoom(services: SessionServices): Promise<void> {
  const { store, options: { admitLoad, maxSessions } } = services;
  let { live } = await store.stats();
  if (live >= maxSessions) {
    await sweep(services); // what has expired must not stand in the way of a new session
    ({ live } = await store.stats());
  }
  admitLoad(live);
  if (live >= maxSessions) throw noRoom();
}

function noRoom(): FxferError {
  return new FxferError("max_sessions", "Cannot create session: max_sessions are alive", {
    fields: { retry_after_ms: RETRY_MS },
    limit: "max_sessions",
  });
}

async function resume(
  services: SessionServices,
  id: string,
  data: ConnectData,
  context: ConnectionContext,
): Promise<Reply> {
  const { store, options } = services;
  const found = await store.load(id);
  if (found === undefined) throw unknownSession();
  const tokenHash = data.token === undefined ? null : await hashToken(data.token);
  const shown = { tokenHash, clientAddress: context.clientAddress };
  if (!authorised(found, shown, options.ipBinding)) {
    throw new FxferError("unauthorized", "Cannot attach: not this session's client");
  }
  await checkAlive(services, found);
  if (data.clean === true) {
    await letGo(services, id);
    await closeOld(services, id, context);
    return await create(services, data, context);
  }
  if (lifeOf(found, options.now()) === "attached" && isFlapping(found, options.now())) {
    throw new FxferError(
      "takeover_flapping",
      "Cannot attach: the session changes hands too often",
      {
        fields: { retry_after_ms: FLAP_RETRY_MS },
      },
    );
  }
  await letGo(services, id);
  const init = attachInit(services, data, context);
  const { record, upload } = await take(services, id, init, context.connectionId);
  hold(services, new Attachment(record, context, upload, services.events));
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

function hold(services: SessionServices, attachment: Attachment): void {
  services.attachments.add(attachment);
  attachment.context.keepaliveMs = attachment.record.keepaliveMs;
}

/** The terms agreed: a client may ask for less than the server's, not for more. */
function attachInit(
  { options }: SessionServices,
  data: ConnectData,
  context: ConnectionContext,
): AttachInit {
  const least = (asked: number | undefined, ours: number) =>
    asked === undefined ? ours : Math.min(ours, Math.max(1, asked) * 1000);
  return {
    now: options.now(),
    clientAddress: context.clientAddress,
    instance: options.instance,
    keepaliveMs: least(data.keepaliveS, options.keepaliveMs),
    expiryMs: least(data.sessionExpiryS, options.sessionTimeoutMs),
  };
}
