/** The target's side: the session arrives. @module */
import { createHash } from "node:crypto";
import { formatEndpoint, parseEndpoint } from "../address.ts";
import { FxferError } from "../errors.ts";
import { omitUndefined } from "../omit_undefined.ts";
import { arrive, type SessionRecord, type UploadRecord } from "../session/mod.ts";
import type { FileStorage, Upload } from "../storage/mod.ts";
import type { SessionStore } from "../store/mod.ts";
import { BlobReader } from "./blob_reader.ts";
import { type HandOver, openHandOver } from "./hand_over.ts";

/** What {@linkcode importSession} needs.
 * @category Migration */
export interface ImportOptions {
  /** Of the server the session comes to, which may be running: a store that outlives its process. */
  readonly store: SessionStore;
  /** Of the same server. */
  readonly storage: FileStorage;
  /** The key both servers share; see {@linkcode importMigrationKey}. */
  readonly key: CryptoKey;
  /** This server: `host:port` as clients reach it. A blob for another one is refused. */
  readonly address: string;
  /** Milliseconds since the epoch, for tests. @default {Date.now} */
  readonly now?: () => number;
}

/** A session that has arrived.
 * @category Migration */
export interface ImportedSession {
  /** The session. */
  readonly id: string;
  /** How many bytes of an open file came with it. */
  readonly partialBytes: number;
}

/**
 * Gives a server a session that another one has exported. It is detached, and expires as if its
 * connection had just ended.
 *
 * @param blob As `exportSession` made it.
 * @throws {FxferError} `malformed_header`: this is no exported session; `unauthorized`: it was changed,
 * or exported with another key; `invalid_field`: it is for another server; `session_expired`: its time
 * is over; `replay_detected`: it was imported before; `incomplete`, `checksum_mismatch`: bytes are
 * missing or others; `storage_full`. After any of these nothing was imported; after
 * `store_unavailable` it may have been.
 * @throws {RangeError} If `address` is no `host:port`.
 *
 * @example
 * ```ts
 * import { DiskStorage, importMigrationKey, importSession, SqliteSessionStore } from "../../mod.ts";
 *
 * async function settle(folder: string, address: string, secret: Uint8Array): Promise<string> {
 *   await using storage = await DiskStorage.open(folder);
 *   await using store = await SqliteSessionStore.open(`${folder}/sessions.db`);
 *   const key = await importMigrationKey(secret);
 *   const file = await Deno.open("session.blob");
 *   const { id } = await importSession(file.readable, { store, storage, key, address });
 *   return id;
 * }
 * console.assert(typeof settle === "function");
 * ```
 * @category Migration
 */
export async function importSession(
  blob: ReadableStream<Uint8Array>,
  options: ImportOptions,
): Promise<ImportedSession> {
  const { store, storage, key, now = Date.now } = options;
  const endpoint = parseEndpoint(options.address);
  if (endpoint === undefined) {
    throw new RangeError("Cannot import session: address must be host:port");
  }
  if (!store.persistent) {
    throw new TypeError("Cannot import session: the store dies with this process");
  }
  await using reader = new BlobReader(blob);
  const line = await reader.line();
  const address = formatEndpoint(endpoint);
  const { session, partial } = await openHandOver(line, key, { address, now: now() });
  // Before anything is written: most of what is refused is refused here.
  arrive(session, await store.load(session.id), null, now());
  const upload = storage.partials !== undefined && partial !== null
    ? await carry(storage, session, partial, reader)
    : null;
  await settleIn(options, session, upload);
  return { id: session.id, partialBytes: upload?.offset ?? 0 };
}

/** The bytes of the open file, into a file of this server. */
async function carry(
  storage: FileStorage,
  { id, clientAddress, upload: known }: SessionRecord,
  { size, sha256 }: NonNullable<HandOver["partial"]>,
  reader: BlobReader,
): Promise<UploadRecord> {
  const { openedBy, mimeType, name, uploadId, length } = known!;
  const file: Upload = await storage.begin({
    mimeType,
    session: { id, sequence: openedBy },
    reserve: length ?? size,
    clientAddress,
    ...omitUndefined({ name, uploadId }),
  });
  try {
    const hash = createHash("sha256");
    for await (const bytes of reader.bytes(size)) {
      hash.update(bytes);
      await file.write(bytes);
    }
    if (hash.digest("hex") !== sha256) {
      throw new FxferError("checksum_mismatch", "Cannot import session: its file has changed");
    }
    const { temporaryPath, finalPath } = file;
    const offset = await file.checkpoint();
    await file.release();
    return { ...known!, offset, temporaryPath, finalPath };
  } catch (error) {
    await file.discard();
    throw error;
  }
}

/** Makes the session this server's, in one save: before it only a file was written that no record names. */
async function settleIn(
  { store, storage, now = Date.now }: ImportOptions,
  session: SessionRecord,
  upload: UploadRecord | null,
): Promise<void> {
  const kept = await store.load(session.id);
  try {
    if (!(await store.save(arrive(session, kept, upload, now())))) {
      throw new FxferError("replay_detected", "Cannot import session: another import was faster");
    }
  } catch (error) {
    // A store that cannot tell may have it: then the file is needed, and else it is swept.
    const sure = error instanceof FxferError && error.code === "replay_detected";
    if (sure && upload !== null) await storage.partials?.remove(upload);
    throw error;
  }
  // Of an earlier stay.
  if (kept?.upload) await storage.partials?.remove(kept.upload);
}
