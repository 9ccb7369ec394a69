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
import {
  checkpoint,
  dropUpload,
  type Intent,
  openUpload,
  type SessionRecord,
  type UploadRecord,
} from "../session/mod.ts";
import type { PutSpec, StoredFile, Upload } from "../storage/mod.ts";
import type { Attachment } from "./attachments.ts";
import { inBackground } from "./storing.ts";
import { afterIntent, chargeFinished, finishFile, reopenFile, tellFinished } from "./recovery.ts";
import type { Payload } from "./types.ts";

/** One transfer frame under way. */
export interface TransferRun {
  readonly attachment: Attachment;
  readonly request: TransferRequest;
  readonly sequence: number;
  /** Every reply up to this number has been read by the client (S-SEQ-6). */
  readonly received: number | undefined;
  readonly fingerprint: string;
  readonly spec: PutSpec;
}

/**
 * Puts right what a failed save or a failed write left behind, before the next frame is judged. If the
 * store was lost in the middle of a commit and is back, the commit is brought to its end first. If the frame
 * has the number of that commit and is another request, its client has given the file up (S-SEQ-10).
 *
 * @returns Undefined where there is nothing to be put right, as before most frames.
 */
export function finishPending(
  attachment: Attachment,
  sequence: number,
  fingerprint: string,
): Promise<void> | undefined {
  const { restoring, stale, upload, record } = attachment;
  const isNothing = restoring === undefined && !stale && upload === undefined &&
    record.intent === null && record.upload === null;
  return isNothing ? undefined : putRight(attachment, sequence, fingerprint);
}

async function putRight(
  attachment: Attachment,
  sequence: number,
  fingerprint: string,
): Promise<void> {
  const { restoring } = attachment;
  attachment.restoring = undefined;
  await restoring;
  if (attachment.stale) await attachment.refresh();
  const { services, record: { intent, upload: known } } = attachment;
  // A store that came back with an older state speaks of another file than the one that is open here.
  const named = (intent ?? known)?.temporaryPath;
  if (named !== undefined && attachment.upload?.temporaryPath !== named) await abandon(attachment);
  const { upload } = attachment;
  if (intent !== null) {
    const mayPublish = () => attachment.mustHold();
    const { finishing } = attachment;
    const isGivenUp = intent.sequence === sequence && intent.fingerprint !== fingerprint;
    attachment.finishing = undefined;
    let stored: StoredFile | undefined;
    try {
      stored = await (finishing ??
        finishFile(services.storage, attachment.record, upload, mayPublish));
    } catch (error) {
      if (!isGivenUp || attachment.displaced) throw error;
      return await withdraw(attachment, intent);
    }
    await chargeFinished(services.options.quotas, attachment.record, stored);
    const before = await attachment.save((r) => afterIntent(services, r, intent, stored));
    await abandon(attachment); // what was published stays
    tellFinished(services, before, attachment.record, stored, attachment.context.connectionId);
    if (isGivenUp && stored !== undefined) throw ranMeanwhile(attachment.record);
  } else if (known === null) {
    if (upload !== undefined) await abandon(attachment);
  } else if (upload === undefined) {
    await reopenFile(attachment); // see failUpload()
  } else if (upload.offset !== known.offset) {
    await saveOffset(attachment, upload.offset); // flushed by the frame that failed
  }
}

/** Drops a file that cannot be stored now, because its client goes on with another request (S-SEQ-10). */
async function withdraw(attachment: Attachment, { temporaryPath }: Intent): Promise<void> {
  const { upload, services: { storage } } = attachment;
  // This save is the right to remove what stands under either name.
  const before = await attachment.save(dropUpload);
  attachment.upload = undefined;
  if (upload?.withdraw !== undefined) await upload.withdraw();
  else if (upload !== undefined) await upload.discard();
  else await storage.partials?.remove({ temporaryPath });
  attachment.tell("transfer.dropped", "S-SEQ-10", before, { reason: "failed" });
}

/** The answer to a frame whose number has just been used up by the file that its client had given up. */
function ranMeanwhile({ lastSequence }: SessionRecord): FxferError {
  const text = "Cannot run frame: the request that had its number has run meanwhile";
  return new FxferError("sequence_gap", text, { fields: { expected: lastSequence + 1 } });
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
export function recordOf({ request, sequence, spec }: TransferRun, upload: Upload): UploadRecord {
  const { header: { mimeType }, data: { length, uploadId, name } } = request;
  const { offset, temporaryPath, finalPath } = upload;
  const { mtimeMs, executable, onClash } = request.data;
  const kept = { length, uploadId, name, mtimeMs, executable, onClash, user: spec.user };
  const known = omitUndefined(kept);
  return { openedBy: sequence, sequence, offset, mimeType, temporaryPath, finalPath, ...known };
}

/**
 * Writes the payload into the file. The offset is saved every 8 MiB and, whether or not bytes come, every
 * second; and where the connection is cut inside the payload: everything received is kept (S-TRF-4).
 *
 * @param isSlow Bytes were gathered for so long that they are to be saved at once.
 * @throws {FxferError} What the payload or the storage threw. With `incomplete`, `stalled` and the like
 * comes the `offset` to go on from.
 */
export async function receivePayload(
  run: TransferRun,
  upload: Upload,
  payload: Payload,
  isSlow: boolean,
): Promise<void> {
  const { attachment, request } = run;
  let end = request.data.offset;
  const whole = end + request.header.size;
  if (upload.offset !== end) throw new TypeError("Cannot receive: the file is at another offset");
  let saved = isSlow ? end - CHECKPOINT_BYTES : end;
  let writing: void | Promise<void> = undefined;
  let saving: Promise<unknown> | undefined;
  const save = async (): Promise<number> => {
    let offset: number;
    saved = end;
    try {
      await writing;
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
    return offset;
  };
  // While one save runs no other one begins, and nothing is written. One that failed stays, to be thrown.
  const timer = setInterval(() => {
    if (saving !== undefined || (end === saved && !attachment.leaseIsOld)) return;
    saving = save().then(() => saving = undefined);
    saving.catch(() => {});
  }, CHECKPOINT_MS);
  try {
    for (;;) {
      let bytes: Uint8Array | undefined;
      let cut: unknown;
      try {
        bytes = await payload.next();
      } catch (error) {
        cut = error;
      }
      if (saving !== undefined) await saving;
      if (bytes !== undefined) {
        try {
          await writing;
          writing = inBackground(upload.write(bytes));
          end += bytes.length;
        } catch (error) {
          return await failUpload(attachment, error);
        }
        // The end of the frame is saved with its reply.
        if (end - saved >= CHECKPOINT_BYTES && end < whole) await save();
      } else if (cut === undefined) {
        clearInterval(timer);
        break;
      } else if (cut instanceof FxferError) {
        const { code, message, fields, cause } = cut;
        throw new FxferError(code, message, { fields: { ...fields, offset: await save() }, cause });
      } else {
        await save();
        throw cut;
      }
    }
  } finally {
    clearInterval(timer);
  }
  try {
    await writing;
  } catch (error) {
    return await failUpload(attachment, error);
  }
}

/** Saves how much of the open file is durable. */
async function saveOffset(attachment: Attachment, offset: number): Promise<void> {
  const before = await attachment.save((r, now) => checkpoint(r, offset, now));
  attachment.tell("transfer.checkpointed", "S-TRF-4", before, { offset });
}

/**
 * Storage could not write. What was durable before stays, and the next frame goes on from there
 * (S-TRF-10), where storage can open the file again; elsewhere, and where the file itself is refused, it
 * is dropped.
 *
 * @throws `error`, always; with the durable `offset` if the file stays.
 */
export async function failUpload(attachment: Attachment, error: unknown): Promise<never> {
  const reason = await attachment.reasonFor(error);
  if (attachment.displaced) throw reason; // what was received is another connection's
  const { upload, record, services: { storage } } = attachment;
  const refused = !(error instanceof FxferError) || error.class !== "retry";
  if (!refused && record.upload !== null && storage.partials !== undefined) {
    attachment.upload = undefined; // finishPending() opens it again
    await upload?.release();
    const { code, message, fields, cause } = error;
    const { offset } = record.upload;
    throw new FxferError(code, message, { fields: { ...fields, offset }, cause });
  }
  try {
    const before = await attachment.save(dropUpload);
    await abandon(attachment); // only now: that save was the right to
    if (before.upload !== null) {
      attachment.tell("transfer.dropped", "S-TRF-4", before, { reason: "failed" });
    }
  } catch (cause) {
    attachment.upload = undefined; // finishPending() opens or drops it before the next frame
    await upload?.release();
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
