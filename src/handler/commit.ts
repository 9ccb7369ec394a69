/**
 * The end of a transfer frame: published, committed, answered (S-SEQ-5).
 *
 * @module
 */
import { type Code, CODES, FxferError } from "../errors.ts";
import type { ReplyBody } from "../protocol/mod.ts";
import {
  execute,
  intend,
  intendWhole,
  type Intent,
  type SessionRecord,
  type UploadRecord,
} from "../session/mod.ts";
import { checkDigest, type SealedFile, type StoredFile, type Upload } from "../storage/mod.ts";
import { abandon, failUpload, flush, recordOf, specOf, type TransferRun } from "./incoming.ts";
import { storedBefore, storedReply } from "./receive.ts";
import { lastPart, stepBetween, tellFile } from "./tell.ts";
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
      return await writer.save(attachment, (r) => intendWhole(r, record, intent, options.now()));
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
  announce: (intent: Intent) => Promise<SessionRecord>,
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
    return await commitFile(run, before);
  }
  const { sequence } = header.session;
  const known = await announce({ ...sealed, sequence, fingerprint: run.fingerprint });
  attachment.tell("transfer.announced", "S-SEQ-5", known, { sequence, bytes: sealed.size });
  // From here on a failure leaves the intent, and finishPending() or the next connect brings it to its end.
  const file = await upload.publish();
  const reply = await commitFile(run, file);
  attachment.upload = undefined;
  return reply;
}

/** The commit of a file that is stored, now or before. */
export function commitFile(run: TransferRun, file: StoredFile): Promise<Reply> {
  const { services: { storage }, request: { data } } = run;
  return commit(run, storedReply(file, storage.durability, data.uploadId), null, file);
}

/**
 * The commit: sequence, reply and upload in one save, before the reply is sent.
 *
 * @param upload What of a file is still open after it.
 * @param file The file that the frame has finished.
 */
export async function commit(
  run: TransferRun,
  body: ReplyBody,
  upload: UploadRecord | null = null,
  file?: StoredFile,
): Promise<Reply> {
  const { services: { writer, options }, attachment, request: { header } } = run;
  const stored = file?.replayed === false ? file : undefined;
  const before = await writer.save(attachment, (record) =>
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
  tellCommit(run, before, body.code, file);
  return { body };
}

/** Tells what a frame that ran has brought. */
function tellCommit(run: TransferRun, before: SessionRecord, code: Code, file?: StoredFile): void {
  const { services, attachment, request: { header } } = run;
  const { record, context: { connectionId: connection } } = attachment;
  const { sequence } = header.session;
  if (record.upload !== null) {
    const { offset } = record.upload;
    return attachment.tell("transfer.checkpointed", "S-TRF-4", before, { sequence, offset });
  }
  if (before.upload !== null && file?.replayed !== false) {
    const reason = file !== undefined ? "known" : code === "partial" ? "cancelled" : "failed";
    attachment.tell("transfer.dropped", "S-TRF-4", before, { sequence, reason });
  }
  if (file !== undefined) {
    if (file.replayed || services.onStored || services.events.wants("transfer.stored")) {
      const facts = { connection, ...stepBetween(before, record), sequence };
      tellFile(services, file, specOf(run), { ...facts, file: lastPart(file.path) });
    }
  } else if (code !== "partial") {
    const facts = { sequence, code, reason: CODES[code].message };
    attachment.tell("transfer.refused", "S-TRF-5", before, facts);
  }
}

/** A request that ran and failed is remembered with its error; a refusal is not (S-SEQ-2). */
export async function commitFailure(run: TransferRun, error: unknown): Promise<Reply> {
  if (!(error instanceof FxferError) || error.code !== "checksum_mismatch") throw error;
  return await commit(run, { ...error.fields, code: error.code });
}
