/** The source's side: the session leaves. @module */
import { createHash } from "node:crypto";
import { formatEndpoint, parseEndpoint } from "../address.ts";
import { FxferError } from "../errors.ts";
import { Events, type ServerEvent } from "../events.ts";
import {
  afterIntent,
  COMMIT_MS,
  DEFAULT_STATEFUL_OPTIONS,
  finishFile,
  hashToken,
  MAX_TRIES,
  newSecret,
  tell,
  tellFinished,
} from "../handler/mod.ts";
import { authMethodOf, depart, departing, type SessionRecord } from "../session/mod.ts";
import type { FileStorage } from "../storage/mod.ts";
import type { SessionStore } from "../store/mod.ts";
import { HAND_OVER_MS, type HandOver, MAX_HAND_OVER_MS, sealHandOver } from "./hand_over.ts";

/** What {@linkcode exportSession} needs.
 * @category Migration */
export interface ExportOptions {
  /** The store of the session's server, which may be running. It must be persistent. */
  readonly store: SessionStore;
  /** The storage of the same server. */
  readonly storage: FileStorage;
  /** The key both servers share; see {@linkcode importMigrationKey}. */
  readonly key: CryptoKey;
  /** The session. */
  readonly id: string;
  /** The server it goes to: `host:port`, as clients reach it. */
  readonly to: string;
  /** How long the blob can be used, in milliseconds, above 0 up to 30 min. @default {600000} */
  readonly validMs?: number;
  /** Replies the server keeps for a session, 1 or more. @default {16} */
  readonly maxInflight?: number;
  /** Called when the session has moved, and with what became of a commit that was cut short. */
  readonly onEvent?: (event: ServerEvent) => unknown;
  /** Milliseconds since the epoch, for tests. @default {Date.now} */
  readonly now?: () => number;
}

/** A session that has left.
 * @category Migration */
export interface ExportedSession {
  /** The session. */
  readonly id: string;
  /** `host:port` of the server it is for, in normal form. */
  readonly to: string;
  /** Until when it can be imported, in milliseconds since the epoch. */
  readonly expiresAt: number;
  /** How many bytes of an open file go with it. */
  readonly partialBytes: number;
  /** The blob: one signed line, then those bytes. To be read once; exporting again makes another. */
  readonly blob: ReadableStream<Uint8Array>;
}

/**
 * Takes a session from its server and writes it down for another one. When this returns, the source
 * serves it no more, whatever becomes of the blob; the same call makes another blob of the same
 * hand-over.
 *
 * @throws {FxferError} `session_unknown`, `session_expired`; `use_another_server` if it went elsewhere
 * before; `store_unavailable`.
 * @throws {RangeError} If `to` is no `host:port`, or `validMs` is out of its range.
 *
 * @example
 * ```ts
 * import { DiskStorage, exportSession, importMigrationKey, SqliteSessionStore } from "../../mod.ts";
 *
 * // Takes a session from the server on `folder`; another one imports what is written.
 * async function leave(folder: string, id: string, to: string, secret: Uint8Array) {
 *   await using storage = await DiskStorage.open(folder);
 *   await using store = await SqliteSessionStore.open(`${folder}/sessions.db`);
 *   const key = await importMigrationKey(secret);
 *   const { blob } = await exportSession({ store, storage, key, id, to });
 *   await Deno.writeFile("session.blob", blob, { createNew: true, mode: 0o600 });
 * }
 * console.assert(typeof leave === "function");
 * ```
 * @category Migration
 */
export async function exportSession(options: ExportOptions): Promise<ExportedSession> {
  const { store, storage, key, now = Date.now, validMs = HAND_OVER_MS } = options;
  const endpoint = parseEndpoint(options.to);
  if (endpoint === undefined) throw new RangeError("Cannot export session: to must be host:port");
  if (!(validMs > 0 && validMs <= MAX_HAND_OVER_MS)) {
    throw new RangeError(
      `Cannot export session: validMs must be above 0 up to ${MAX_HAND_OVER_MS}`,
    );
  }
  if (!store.persistent) {
    throw new TypeError("Cannot export session: its store dies with its process");
  }
  const to = formatEndpoint(endpoint);
  const left = await endAtSource(options, to);
  const partial = await digestOf(storage, left);
  const { moved, ...rest } = left;
  const session: SessionRecord = {
    ...rest,
    upload: partial === null ? null : left.upload,
    // The target gets neither the token nor its hash.
    tokenHash: hashToken(moved!.ticket),
    principal: authMethodOf(left),
  };
  const issuedAt = now();
  const expiresAt = issuedAt + validMs;
  const line = await sealHandOver({ to, issuedAt, expiresAt, session, partial }, key);
  return {
    id: left.id,
    to,
    expiresAt,
    partialBytes: partial?.size ?? 0,
    blob: ReadableStream.from(pieces(storage, line, session)),
  };
}

/** Ends the session at the source: its record says where the session went, and no commit is half done. */
async function endAtSource(options: ExportOptions, to: string): Promise<SessionRecord> {
  const { store, storage, id, now = Date.now, maxInflight = DEFAULT_STATEFUL_OPTIONS.maxInflight } =
    options;
  const events = new Events();
  if (options.onEvent !== undefined) events.subscribe(options.onEvent);
  const parts = { storage, options: { maxInflight, now }, events };
  let waited = false;
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const loaded = await store.load(id);
    if (loaded === undefined) {
      throw new FxferError("session_unknown", "Cannot export session: there is none with this id");
    }
    if (departing(loaded, to, now())) {
      if (loaded.intent === null) return loaded;
      // S-SEQ-5: a commit that was begun is finished here, or else its frame runs again at the target.
      const stored = await finishFile(storage, loaded);
      const servable = { ...loaded, state: "active" } as const;
      const next = afterIntent(parts, servable, loaded.intent, stored);
      const { state, instance, endedAt } = loaded;
      const finished = { ...next, state, instance, endedAt };
      if (!(await store.save(finished))) continue;
      tellFinished(parts, loaded, finished, stored);
      return finished;
    }
    if (loaded.intent !== null && !waited) {
      waited = true;
      await new Promise((resolve) => setTimeout(resolve, COMMIT_MS));
      continue;
    }
    const ticket = newSecret();
    const left = depart(loaded, { address: to, ticket }, now());
    if (!(await store.save(left))) continue;
    const facts = { address: to, epoch: left.epoch };
    tell(events, "session.moved", "S-TAKE-2", loaded, left, facts);
    // The save is what counts: other servers see it even if the announcement is lost (S-TAKE-3).
    await store.announce?.(id, left.epoch).catch(() => {});
    if (left.intent === null) return left;
  }
  throw new FxferError("store_unavailable", "Cannot export session: others keep writing it");
}

/** Size and digest of the bytes that go along; null if none do, and the client sends the file again. */
async function digestOf(
  storage: FileStorage,
  { upload }: SessionRecord,
): Promise<HandOver["partial"]> {
  if (upload === null || upload.offset === 0 || storage.partials?.read === undefined) return null;
  const hash = createHash("sha256");
  try {
    for await (const bytes of storage.partials.read(upload)) hash.update(bytes);
  } catch (error) {
    if (error instanceof FxferError && error.code === "incomplete") return null;
    throw error;
  }
  return { size: upload.offset, sha256: hash.digest("hex") };
}

async function* pieces(
  storage: FileStorage,
  line: string,
  { upload }: SessionRecord,
): AsyncGenerator<Uint8Array> {
  yield new TextEncoder().encode(`${line}\n`);
  if (upload === null) return;
  // The reader of the stream may keep a piece for longer than the storage leaves it unchanged.
  for await (const bytes of storage.partials!.read!(upload)) yield bytes.slice();
}
