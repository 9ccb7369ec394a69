/**
 * The end of a transfer frame: published, committed, answered (S-SEQ-5).
 *
 * @module
 */
import { FxferError } from "../errors.ts";
import type { ReplyBody } from "../protocol/mod.ts";
import { execute, intend, intendWhole, type Intent, type UploadRecord } from "../session/mod.ts";
import { checkDigest, type SealedFile, type StoredFile, type Upload } from "../storage/mod.ts";
import { abandon, failUpload, flush, recordOf, specOf, type TransferRun } from "./incoming.ts";
import { storedBefore, storedReply } from "./receive.ts";
import type { Reply } from "./types.ts";

/** A part that is not the last: its bytes are durable, and the sequence moves on. */
export async function acknowledge(run: TransferRun, upload: Upload): Promise<Reply> {
  const offset = await flush(run, upload);
  const { attachment: { record }, request: { header, data } } = run;
  if (record.upload === null) throw new TypeError("Cannot acknowledge part: nothing is open");
  return await commit(run, { code: "partial", offset }, {
    ...record.upload,
    offset,
    sequence: header.session.sequence,
    ...(data.length === undefined ? {} : { length: data.length }),
  });
}

/** The last part of a file that the store knows of. */
export function publish(run: TransferRun, upload: Upload): Promise<Reply> {
  const { writer, options } = run.services;
  return finish(
    run,
    upload,
    (intent) => writer.save(run.attachment, (r) => intend(r, intent, options.now())),
  );
}

/** A whole file in memory, which the store knows nothing of: it is told once, of file and intent. */
export async function publishWhole(run: TransferRun, bytes: Uint8Array): Promise<Reply> {
  const { services: { writer, options, storage }, attachment } = run;
  const upload = await storage.begin(specOf(run));
  attachment.upload = upload;
  try {
    await upload.write(bytes);
  } catch (error) {
    await abandon(attachment);
    throw error;
  }
  const record = recordOf(run, upload);
  return await finish(run, upload, async (intent) => {
    try {
      await writer.save(attachment, (r) => intendWhole(r, record, intent, options.now()));
    } catch (error) {
      // Stale: the intent may be in the store, and then finishPending() publishes this file.
      if (!attachment.stale) await abandon(attachment);
      throw error;
    }
  });
}

/** Sealed, announced, published, committed. */
async function finish(
  run: TransferRun,
  upload: Upload,
  announce: (intent: Intent) => Promise<void>,
): Promise<Reply> {
  const { services: { storage }, attachment, request: { data, header } } = run;
  let sealed: SealedFile;
  let before: StoredFile | undefined;
  try {
    sealed = await upload.seal();
    const found = storedBefore(storage, data.uploadId, sealed.sha256);
    before = found instanceof Promise ? await found : found;
  } catch (error) {
    return await failUpload(run, error);
  }
  try {
    checkDigest(data.sha256, sealed.sha256);
  } catch (error) {
    await abandon(attachment);
    return await commitFailure(run, error);
  }
  if (before !== undefined) {
    await abandon(attachment); // nothing new to announce
    return await commit(run, storedReply(before, storage.durability, data.uploadId));
  }
  await announce({ ...sealed, sequence: header.session.sequence, fingerprint: run.fingerprint });
  // From here on a failure leaves the intent, and finishPending() or the next connect brings it to its end.
  const file = await upload.publish();
  const reply = await commit(run, storedReply(file, storage.durability, data.uploadId));
  attachment.upload = undefined;
  return reply;
}

/** The commit: sequence, reply and upload in one save, before the reply is sent. */
export async function commit(
  run: TransferRun,
  body: ReplyBody,
  upload: UploadRecord | null = null,
): Promise<Reply> {
  const { services: { writer, options }, attachment, request: { header } } = run;
  const stored = body.code === "ok" && body.replayed !== true ? body.file : undefined;
  await writer.save(attachment, (record) =>
    execute(record, {
      sequence: header.session.sequence,
      fingerprint: run.fingerprint,
      reply: body,
      upload,
      storedBytes: stored?.size ?? 0,
      storedFiles: stored === undefined ? 0 : 1,
      maxInflight: options.maxInflight,
      now: options.now(),
      input: "transfer",
    }));
  const { log } = attachment.context;
  if (stored !== undefined && log.enabled("info")) {
    log.info("transfer.stored", {
      session: attachment.record.id.slice(0, 8),
      sequence: header.session.sequence,
      // The rest of the path is the session's id.
      file: stored.path.slice(stored.path.lastIndexOf("/") + 1),
      bytes: stored.size,
    });
  }
  return { body };
}

/** A request that ran and failed is remembered with its error; a refusal is not (S-SEQ-2). */
export async function commitFailure(run: TransferRun, error: unknown): Promise<Reply> {
  if (!(error instanceof FxferError) || error.code !== "checksum_mismatch") throw error;
  return await commit(run, { ...error.fields, code: error.code });
}
