/** The target's side: the session arrives. @module */
import { createHash } from "node:crypto";
import { formatEndpoint, parseEndpoint } from "../address.ts";
import { FxferError } from "../errors.ts";
import { omitUndefined } from "../omit_undefined.ts";
import { arrive, type SessionRecord, type UploadRecord } from "../session/mod.ts";
import type { FileStorage, Upload } from "../storage/mod.ts";
import type { SessionStore } from "../store/mod.ts";
import { type HandOver, openHandOver } from "./hand_over.ts";

/** The longest line that is read. A record with a thousand kept replies takes about 2 MiB. */
const MAX_LINE_BYTES = 8 * 1024 * 1024;

type Reader = ReadableStreamDefaultReader<Uint8Array>;

/** What {@linkcode importSession} needs.
 * @category Migration */
export interface ImportOptions {
  /** The store of the server that the session comes to, which may be running. It must be persistent. */
  readonly store: SessionStore;
  /** The storage of the same server. */
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
 * missing or wrong; `storage_full`. After any of these nothing was imported; after
 * `store_unavailable` it may have been.
 * @throws {RangeError} If `address` is no `host:port`.
 *
 * @example
 * ```ts
 * import { DiskStorage, importMigrationKey, importSession, SqliteSessionStore } from "../../mod.ts";
 *
 * async function receive(folder: string, address: string, secret: Uint8Array): Promise<string> {
 *   await using storage = await DiskStorage.open(folder);
 *   await using store = await SqliteSessionStore.open(`${folder}/sessions.db`);
 *   const key = await importMigrationKey(secret);
 *   const file = await Deno.open("session.blob");
 *   const { id } = await importSession(file.readable, { store, storage, key, address });
 *   return id;
 * }
 * console.assert(typeof receive === "function");
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
  const reader = blob.getReader();
  await using _end = { [Symbol.asyncDispose]: () => reader.cancel().catch(() => {}) };
  const [line, rest] = await readLine(reader);
  const address = formatEndpoint(endpoint);
  const { session, partial } = await openHandOver(line, key, { address, now: now() });
  // Checked before anything is written, and again at the save.
  arrive(session, await store.load(session.id), null, now());
  const upload = storage.partials !== undefined && partial !== null
    ? await receivePartial(storage, session, partial, rest, reader)
    : null;
  // One save makes the session this server's. Before it only a file was written that no record names.
  const kept = await store.load(session.id);
  try {
    if (!(await store.save(arrive(session, kept, upload, now())))) {
      throw new FxferError("replay_detected", "Cannot import session: another import was faster");
    }
  } catch (error) {
    // After store_unavailable the session may be in the store and need the file; if not, a sweep removes it.
    const sure = error instanceof FxferError && error.code === "replay_detected";
    if (sure && upload !== null) await storage.partials?.remove(upload);
    throw error;
  }
  // The open file of an earlier stay here is of no use any more.
  if (kept?.upload) await storage.partials?.remove(kept.upload);
  return { id: session.id, partialBytes: upload?.offset ?? 0 };
}

/** Writes the bytes of the open file into a partial file of this server. */
async function receivePartial(
  storage: FileStorage,
  { id, clientAddress, upload: known }: SessionRecord,
  { size, sha256 }: NonNullable<HandOver["partial"]>,
  rest: Uint8Array,
  reader: Reader,
): Promise<UploadRecord> {
  const { openedBy, mimeType, name, uploadId, length, mtimeMs, executable, onClash, user } = known!;
  const file: Upload = await storage.begin({
    mimeType,
    session: { id, sequence: openedBy },
    reserve: length ?? size,
    clientAddress,
    ...omitUndefined({ name, uploadId, mtimeMs, executable, onClash, user }),
  });
  try {
    const hash = createHash("sha256");
    let arrived: Uint8Array | undefined = rest;
    for (let left = size; left > 0;) {
      if (arrived === undefined) {
        throw new FxferError("incomplete", "Cannot import session: bytes of its file are missing");
      }
      const bytes = arrived.subarray(0, left);
      left -= bytes.length;
      hash.update(bytes);
      await file.write(bytes);
      if (left > 0) arrived = (await reader.read()).value;
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

/**
 * The line of a blob, and what has arrived of the bytes behind it.
 *
 * @throws {FxferError} `malformed_header` if no line ends within 8 MiB.
 */
async function readLine(reader: Reader): Promise<[line: string, rest: Uint8Array]> {
  const decoder = new TextDecoder();
  let line = "";
  for (let size = 0; size <= MAX_LINE_BYTES;) {
    const { value: bytes } = await reader.read();
    if (bytes === undefined) break;
    const end = bytes.indexOf(10);
    if (end >= 0) {
      return [line + decoder.decode(bytes.subarray(0, end)), bytes.subarray(end + 1)];
    }
    size += bytes.length;
    line += decoder.decode(bytes, { stream: true });
  }
  throw new FxferError("malformed_header", "Cannot import session: this is no exported session");
}
