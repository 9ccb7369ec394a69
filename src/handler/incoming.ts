/**
 * The open file of a session: how it begins, grows, is cut, and ends without being stored.
 *
 * The record's offset may lag behind the file's while bytes come in or the store is away; between two
 * frames {@linkcode finishPending} makes them one again, so no byte is written twice or left out.
 *
 * @module
 */
import { FxferError } from "../errors.ts";
import { CHECKPOINT_BYTES, CHECKPOINT_MS, type TransferRequest } from "../protocol/mod.ts";
import { checkpoint, dropUpload, openUpload, type UploadRecord } from "../session/mod.ts";
import type { PutSpec, Upload } from "../storage/mod.ts";
import type { Attachment } from "./attachments.ts";
import { started } from "./receive.ts";
import { afterIntent, dropFile, finishFile, tellFinished } from "./recovery.ts";
import type { SessionServices } from "./services.ts";
import type { Payload } from "./types.ts";

/** One transfer frame under way. */
export interface TransferRun {
  readonly services: SessionServices;
  readonly attachment: Attachment;
  readonly request: TransferRequest;
  readonly fingerprint: string;
}

/**
 * Puts right what a failed save or a failed write left behind, before the next frame is judged: a
 * store that was lost in mid-commit is back, and the commit is brought to its end first.
 */
export async function finishPending(
  services: SessionServices,
  attachment: Attachment,
): Promise<void> {
  const { writer, options } = services;
  if (attachment.stale) await writer.refresh(attachment);
  const { record: { intent, upload: known } } = attachment;
  // A store that came back with an older state speaks of another file than the one that is open here.
  const named = (intent ?? known)?.temporaryPath;
  if (named !== undefined && attachment.upload?.temporaryPath !== named) await abandon(attachment);
  const { upload } = attachment;
  if (intent !== null) {
    const stored = await finishFile(services, intent, upload);
    const before = await writer.save(attachment, (r) => afterIntent(services, r, intent, stored));
    await abandon(attachment); // what was published stays
    const { record, context: { connectionId } } = attachment;
    tellFinished(services, before, record, stored, connectionId);
  } else if (known === null) {
    if (upload !== undefined) await abandon(attachment);
  } else if (upload === undefined) {
    const before = await writer.save(attachment, (r) => dropUpload(r, options.now()));
    attachment.tell("transfer.dropped", "S-TRF-4", before, { reason: "lost" });
  } else if (upload.offset !== known.offset) {
    // Flushed by the frame that failed.
    await saveOffset(services, attachment, upload.offset);
  }
}

/** What storage is told of a frame's file. */
export function specOf({ attachment, request: { header, data } }: TransferRun): PutSpec {
  return {
    mimeType: header.mimeType,
    session: { id: attachment.record.id, sequence: header.session.sequence },
    reserve: data.length ?? header.size,
    clientAddress: attachment.record.clientAddress,
    ...(data.name === undefined ? {} : { name: data.name }),
    ...(data.uploadId === undefined ? {} : { uploadId: data.uploadId }),
    ...(data.sha256 === undefined ? {} : { sha256: data.sha256 }),
  };
}

/** Begins the file of a frame. */
export async function open(run: TransferRun): Promise<Upload> {
  const { services: { storage, writer, options }, attachment } = run;
  const upload = await storage.begin(specOf(run));
  attachment.upload = upload;
  const record = recordOf(run, upload);
  try {
    const before = await writer.save(attachment, (r) => openUpload(r, record, options.now()));
    attachment.tell("transfer.begun", "S-TRF-1", before, { sequence: record.sequence });
  } catch (error) {
    await abandon(attachment);
    throw error;
  }
  return upload;
}

/** What the session remembers of a file that this frame opened. */
export function recordOf({ request: { header, data } }: TransferRun, upload: Upload): UploadRecord {
  return {
    openedBy: header.session.sequence,
    sequence: header.session.sequence,
    offset: upload.offset,
    mimeType: header.mimeType,
    temporaryPath: upload.temporaryPath,
    finalPath: upload.finalPath,
    ...(data.length === undefined ? {} : { length: data.length }),
    ...(data.uploadId === undefined ? {} : { uploadId: data.uploadId }),
    ...(data.name === undefined ? {} : { name: data.name }),
  };
}

/** The payload into the file, with a checkpoint every 8 MiB or second and at the cut (S-TRF-4). */
export async function receive(run: TransferRun, upload: Upload, payload: Payload): Promise<void> {
  const { offset } = run.request.data;
  if (upload.offset !== offset) {
    throw new TypeError("Cannot receive: the file is at another offset");
  }
  let end = offset;
  let since = offset;
  let at = performance.now();
  let writing: void | Promise<void> = undefined;
  for (;;) {
    let bytes: Uint8Array | undefined;
    try {
      bytes = await payload.next();
    } catch (error) {
      await written(run, writing);
      throw await cut(run, upload, error);
    }
    await written(run, writing);
    if (bytes === undefined) return;
    end += bytes.length;
    try {
      writing = started(upload.write(bytes));
    } catch (error) {
      return await failUpload(run, error);
    }
    const now = performance.now();
    if (end - since < CHECKPOINT_BYTES && now - at < CHECKPOINT_MS) continue;
    await written(run, writing);
    await keepOffset(run, upload);
    since = end;
    at = now;
  }
}

/** Waits for a write that went on while more was read. */
async function written(run: TransferRun, writing: void | Promise<void>): Promise<void> {
  try {
    await writing;
  } catch (error) {
    await failUpload(run, error);
  }
}

/** The connection ended, or is made to end, inside the payload: everything received is kept. */
async function cut(run: TransferRun, upload: Upload, error: unknown): Promise<unknown> {
  const offset = await keepOffset(run, upload);
  if (!(error instanceof FxferError)) return error;
  return new FxferError(error.code, error.message, {
    fields: { ...error.fields, offset },
    cause: error.cause,
  });
}

/** Flushes and saves the offset. A store that is away is no reason to stop receiving (S-DEG-2). */
async function keepOffset(run: TransferRun, upload: Upload): Promise<number> {
  const { services, attachment } = run;
  const offset = await flush(run, upload);
  try {
    await saveOffset(services, attachment, offset);
  } catch (error) {
    if (!(error instanceof FxferError) || error.code !== "store_unavailable") throw error;
    attachment.context.log.warn("checkpoint.unsaved", { offset, cause: error });
  }
  return offset;
}

/** Saves how much of the open file is durable. */
async function saveOffset(
  { writer, options }: SessionServices,
  attachment: Attachment,
  offset: number,
): Promise<void> {
  const before = await writer.save(attachment, (r) => checkpoint(r, offset, options.now()));
  attachment.tell("transfer.checkpointed", "S-TRF-4", before, { offset });
}

/** Flushes what has come so far; the offset that is durable. */
export async function flush(run: TransferRun, upload: Upload): Promise<number> {
  try {
    return await upload.checkpoint();
  } catch (error) {
    return await failUpload(run, error);
  }
}

/**
 * A storage error is final for its file: what was received is dropped, so that the next try starts
 * at 0 and no offset is promised that may not be there.
 *
 * @throws `error`, always.
 */
export async function failUpload(run: TransferRun, error: unknown): Promise<never> {
  const { services: { writer, options }, attachment } = run;
  try {
    await abandon(attachment);
    const before = await writer.save(attachment, (r) => dropFile(r, options.now()));
    if (before.upload !== null) {
      attachment.tell("transfer.dropped", "S-TRF-4", before, { reason: "failed" });
    }
  } catch (cause) {
    // finishPending() drops it before the next frame.
    attachment.context.log.warn("upload.undropped", { cause });
  }
  throw error;
}

/** Removes the open file; one that was published stays. */
export async function abandon(attachment: Attachment): Promise<void> {
  const { upload } = attachment;
  attachment.upload = undefined;
  await upload?.discard();
}
