/**
 * The open file of a session: how it begins, grows, is cut short, and ends without being stored.
 *
 * While bytes come in, or the store is away, the offset in the record may be smaller than that of the file.
 * {@linkcode finishPending} makes both equal before the next frame, so no byte is written twice or left out.
 *
 * @module
 */
import { FxferError } from "../errors.ts";
import { omitUndefined } from "../omit_undefined.ts";
import { CHECKPOINT_BYTES, CHECKPOINT_MS, type TransferRequest } from "../protocol/mod.ts";
import { checkpoint, dropUpload, openUpload, type UploadRecord } from "../session/mod.ts";
import type { PutSpec, Upload } from "../storage/mod.ts";
import type { Attachment } from "./attachments.ts";
import { inBackground } from "./storing.ts";
import { afterIntent, dropFile, finishFile, tellFinished } from "./recovery.ts";
import type { Payload } from "./types.ts";

/** One transfer frame under way. */
export interface TransferRun {
  readonly attachment: Attachment;
  readonly request: TransferRequest;
  readonly sequence: number;
  readonly fingerprint: string;
  readonly spec: PutSpec;
}

/**
 * Puts right what a failed save or a failed write left behind, before the next frame is judged. If the
 * store was lost in the middle of a commit and is back, the commit is brought to its end first.
 */
export async function finishPending(attachment: Attachment): Promise<void> {
  if (attachment.stale) await attachment.refresh();
  const { services, record: { intent, upload: known }, upload } = attachment;
  if (intent !== null) {
    const stored = await finishFile(services.storage, intent, upload);
    const before = await attachment.save((r) => afterIntent(services, r, intent, stored));
    await abandon(attachment); // what was published stays
    tellFinished(services, before, attachment.record, stored, attachment.context.connectionId);
  } else if (known === null) {
    if (upload !== undefined) await abandon(attachment);
  } else if (upload === undefined) {
    const before = await attachment.save(dropUpload);
    attachment.tell("transfer.dropped", "S-TRF-4", before, { reason: "lost" });
  } else if (upload.offset !== known.offset) {
    await saveOffset(attachment, upload.offset); // flushed by the frame that failed
  }
}

/** Begins the file of a frame. */
export async function openFile(run: TransferRun): Promise<Upload> {
  const { attachment, spec } = run;
  const upload = await attachment.services.storage.begin(spec);
  attachment.upload = upload;
  const record = recordOf(run, upload);
  try {
    const before = await attachment.save((r, now) => openUpload(r, record, now));
    attachment.tell("transfer.begun", "S-TRF-1", before, { sequence: record.sequence });
  } catch (error) {
    await abandon(attachment);
    throw error;
  }
  return upload;
}

/** What the session remembers of a file that this frame opened. */
export function recordOf({ request, sequence }: TransferRun, upload: Upload): UploadRecord {
  const { header: { mimeType }, data: { length, uploadId, name } } = request;
  const { offset, temporaryPath, finalPath } = upload;
  const known = omitUndefined({ length, uploadId, name });
  return { openedBy: sequence, sequence, offset, mimeType, temporaryPath, finalPath, ...known };
}

/**
 * Writes the payload into the file. The offset is saved every 8 MiB or second, and where the
 * connection is cut inside the payload: everything received is kept (S-TRF-4).
 *
 * @throws What cut the payload short, with the durable `offset`; what storage threw.
 */
export async function receivePayload(
  run: TransferRun,
  upload: Upload,
  payload: Payload,
): Promise<void> {
  const { attachment, request } = run;
  let end = request.data.offset;
  if (upload.offset !== end) throw new TypeError("Cannot receive: the file is at another offset");
  let since = end;
  let at = performance.now();
  let writing: void | Promise<void> = undefined;
  for (;;) {
    let bytes: Uint8Array | undefined;
    let cut: unknown;
    try {
      bytes = await payload.next();
    } catch (error) {
      cut = error;
    }
    let offset: number;
    try {
      await writing;
      if (bytes !== undefined) {
        writing = inBackground(upload.write(bytes));
        end += bytes.length;
        const now = performance.now();
        if (end - since < CHECKPOINT_BYTES && now - at < CHECKPOINT_MS) continue;
        since = end;
        at = now;
        await writing;
      } else if (cut === undefined) return;
      offset = await upload.checkpoint();
    } catch (error) {
      return await failUpload(attachment, error);
    }
    try {
      await saveOffset(attachment, offset);
    } catch (error) {
      // S-DEG-2: a store that is away is no reason to stop receiving.
      if (!(error instanceof FxferError) || error.code !== "store_unavailable") throw error;
      attachment.context.log.warn("checkpoint.unsaved", { offset, cause: error });
    }
    if (cut instanceof FxferError) {
      const { code, message, fields, cause } = cut;
      throw new FxferError(code, message, { fields: { ...fields, offset }, cause });
    }
    if (cut !== undefined) throw cut;
  }
}

/** Saves how much of the open file is durable. */
async function saveOffset(attachment: Attachment, offset: number): Promise<void> {
  const before = await attachment.save((r, now) => checkpoint(r, offset, now));
  attachment.tell("transfer.checkpointed", "S-TRF-4", before, { offset });
}

/**
 * A storage error is final for its file: what was received is dropped, so that the next try starts
 * at 0 and no offset is promised that may not be there.
 *
 * @throws `error`, always.
 */
export async function failUpload(attachment: Attachment, error: unknown): Promise<never> {
  try {
    await abandon(attachment);
    const before = await attachment.save(dropFile);
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
