/** What all handlers need to store a file: what storage is told of it, and the reply. @module */
import { FxferError } from "../errors.ts";
import type { Mutable } from "../omit_undefined.ts";
import type { ReplyBody, TransferRequest } from "../protocol/mod.ts";
import type { ConnectionContext, Payload } from "./types.ts";
import type { FileStorage, GatheredFile, MayPublish, PutSpec, StoredFile } from "../storage/mod.ts";

/** Lets a write go on while the caller reads more. The caller awaits it later, and then gets its error. */
export function inBackground(writing: void | Promise<void>): void | Promise<void> {
  writing?.catch(() => {});
  return writing;
}

/** What storage is told of the file of a frame; `session` is given for a frame of a session. */
export function specOf(
  { header, data }: TransferRequest,
  { clientAddress, identity }: Pick<ConnectionContext, "clientAddress" | "identity">,
  session?: PutSpec["session"],
): Mutable<PutSpec> {
  const { user } = identity;
  const { name, uploadId, sha256, mtimeMs, executable, onClash } = data;
  const { mimeType, size } = header;
  // One field after the other: to spread an object for each would take a microsecond of the 40 of a small file.
  const spec: Mutable<PutSpec> = { mimeType, reserve: data.length ?? size, clientAddress };
  if (user !== undefined) spec.user = user;
  if (session !== undefined) spec.session = session;
  if (name !== undefined) spec.name = name;
  if (uploadId !== undefined) spec.uploadId = uploadId;
  if (sha256 !== undefined) spec.sha256 = sha256;
  if (mtimeMs !== undefined) spec.mtimeMs = mtimeMs;
  if (executable !== undefined) spec.executable = executable;
  if (onClash !== undefined) spec.onClash = onClash;
  return spec;
}

/** Stores a file that is in memory. */
export type PutBytes<T> = (
  storage: FileStorage,
  spec: PutSpec,
  bytes: Uint8Array,
  payload: Payload,
) => StoredFile | T | Promise<StoredFile>;

/** Stores it by itself. */
export const putAlone: PutBytes<never> = (storage, spec, bytes, payload) =>
  storage.put(spec, bytes, payload.crowded, undefined, payload.digest);

/** Stores it together with the files that came with it, where that can be. */
export const putTogether: PutBytes<GatheredFile> = (storage, spec, bytes, payload) =>
  gatherBurst(storage, spec, bytes, payload) ?? putAlone(storage, spec, bytes, payload);

/** Gathers a file that came with others; undefined where it is to be put. */
export function gatherBurst(
  storage: FileStorage,
  spec: PutSpec,
  bytes: Uint8Array,
  payload: Payload,
  mayPublish?: MayPublish,
): GatheredFile | undefined {
  if (!payload.inBurst) return undefined;
  return storage.gather?.(spec, bytes, payload.crowded, mayPublish, payload.digest);
}

/** The `ok` of S-TRF-7. */
export function storedReply(file: StoredFile, durability: string, uploadId?: string): ReplyBody {
  const { path, size, sha256, mimeType } = file;
  const reply: Mutable<ReplyBody> = {
    code: "ok",
    file: { path, size, sha256, mime_type: mimeType },
    durability,
  };
  if (uploadId !== undefined) reply.upload_id = uploadId;
  if (file.existing) reply.existing = true;
  else if (file.replayed) reply.replayed = true;
  return reply;
}

/**
 * S-TRF-9: the first result of an upload id, if the file stored then has this digest. Without a digest
 * the result is undefined: only the bytes can tell whether the file is the same.
 *
 * @throws {FxferError} `sequence_reuse` if it is another file.
 */
export function storedBefore(
  storage: FileStorage,
  uploadId: string | undefined,
  sha256: string | undefined,
): StoredFile | undefined | Promise<StoredFile | undefined> {
  if (uploadId === undefined || sha256 === undefined) return undefined;
  // S-TRF-11: another process may have stored it. If that was a moment ago, `put` and `publish` will find it.
  const learning = storage.refresh?.(true);
  const find = () => foundBefore(storage, uploadId, sha256);
  if (learning !== undefined) return learning.then(find);
  if (storage.refresh === undefined) return find();
  if (storage.find?.(uploadId) === undefined) return undefined;
  return storage.refresh()?.then(find) ?? find(); // it may have been removed a moment ago
}

function foundBefore(storage: FileStorage, uploadId: string, sha256: string) {
  const before = storage.find?.(uploadId);
  return before instanceof Promise
    ? before.then((file) => replayOf(file, sha256))
    : replayOf(before, sha256);
}

function replayOf(before: StoredFile | undefined, sha256: string): StoredFile | undefined {
  if (before === undefined) return undefined;
  if (before.sha256 === sha256) return { ...before, replayed: true };
  throw new FxferError("sequence_reuse", "Cannot store file: its upload id names another file", {
    fields: { field: "upload_id" },
  });
}
