/**
 * The action `transfer` in a session: exactly once, resumable (S-SEQ, S-TRF).
 *
 * The module's text of this folder has the table of an open file: who may do what, and what a crash leaves.
 * The store first hears of a small file, which is wholly in memory, by its intent.
 *
 * @module
 */
import { FxferError } from "../errors.ts";
import type { ReplyBody, TransferRequest } from "../protocol/mod.ts";
import {
  authMethodOf,
  fingerprint,
  intend,
  intendWhole,
  judge,
  type SessionRecord,
} from "../session/mod.ts";
import type { SealedFile, StoredFile, Upload } from "../storage/mod.ts";
import type { Attachment } from "./attachments.ts";
import { commit, commitFile } from "./commit.ts";
import { takenOver } from "./kept_session.ts";
import type { Quotas } from "./quotas.ts";
import {
  abandon,
  failUpload,
  finishPending,
  openFile,
  receivePayload,
  recordOf,
  type TransferRun,
} from "./open_file.ts";
import { gatherBurst, specOf, storedBefore } from "./storing.ts";
import type { StatefulOptions } from "./stateful_options.ts";
import type { Payload, Reply } from "./types.ts";

/** Runs, repeats or refuses one transfer frame. @param quotas Counts the file; given for users with a quota. */
export async function transfer(
  attachment: Attachment,
  request: TransferRequest,
  payload: Payload,
  quotas?: Quotas,
): Promise<Reply> {
  const { storage, store, options } = attachment.services;
  const { header, data } = request;
  const { sequence, received } = header.session;
  const print = fingerprint({
    action: data.cancel ? "cancel" : "transfer",
    uploadId: data.uploadId,
    name: data.name,
    mimeType: header.mimeType,
    length: data.length,
    sha256: data.sha256,
    complete: data.complete,
    end: data.offset + header.size,
    principal: authMethodOf(attachment.record),
  });
  const pending = finishPending(attachment, sequence, print);
  if (pending !== undefined) await pending;
  // S-SEQ-1: a frame that has run is answered from memory; a number that is not the next is refused.
  let verdict = judge(attachment.record, sequence, print);
  const settling = verdict.kind === "run" ? undefined : attachment.settle();
  if (settling !== undefined) {
    await settling; // only what is saved is repeated, or told as the reason of a refusal
    verdict = judge(attachment.record, sequence, print);
  }
  if (verdict.kind === "refuse") throw verdict.error;
  if (verdict.kind === "replay") {
    attachment.tell("transfer.replayed", "S-SEQ-1", attachment.record, { sequence });
    return { body: verdict.reply as ReplyBody };
  }

  const { record: { id, clientAddress, epoch }, context: { identity } } = attachment;
  const spec = specOf(request, { clientAddress, identity }, { id, sequence });
  if (epoch === 1) spec.sole = true; // each further holder raises the epoch
  const run: TransferRun = { attachment, request, sequence, received, fingerprint: print, spec };
  if (data.cancel) return await commit(run, { code: "partial", offset: 0, cancelled: true });

  // S-TRF-1, S-TRF-2: the frame fits the open file and the limits.
  admit(options, attachment.record, request);

  // S-TRF-9: a file whose upload id and digest are known is stored already.
  const found = storedBefore(storage, data.uploadId, data.sha256);
  const before = found instanceof Promise ? await found : found;
  if (before !== undefined) return await commitFile(run, before);
  if (quotas !== undefined) {
    await quotas.reserve(identity, id, Math.max(data.length ?? 0, data.offset + header.size));
  }

  // A file that is wholly in memory takes as few steps as the promises of store and storage allow.
  let bytes: Uint8Array | undefined;
  let isSlow = false;
  if (attachment.record.upload === null && data.complete) {
    try {
      const whole = payload.whole();
      bytes = whole instanceof Promise ? await whole : whole;
      isSlow = bytes === undefined && whole !== undefined;
    } catch {
      // The connection is being cut: receivePayload() keeps what has arrived, and meets the same error.
    }
  }
  const { unannounced } = attachment;
  if (bytes !== undefined) {
    const known = unannounced?.matchBytes(spec, bytes, payload.digest);
    if (known !== undefined) return await commitFile(run, known);
  }
  // What counts for a quota is announced: it counts although its client may never come back.
  const journal = quotas === undefined ? unannounced?.journal : undefined;
  // A session is held in one step, and what counts for a quota takes several.
  const cannotHold = store.persistent || (store.hold !== undefined && quotas !== undefined);
  const isAnnounced = cannotHold && journal === undefined;
  if (bytes !== undefined && !isAnnounced && storage.durability === "process") {
    const mayPublish = () => {
      attachment.mustHold();
      // Another thread may have taken the session over, and the word of it is still on the way.
      if (store.hold?.(id, attachment.record.epoch) === false) throw takenOver();
      attachment.committing = !store.persistent;
    };
    let settling: Promise<void> | undefined;
    try {
      const noted = journal === undefined ? spec : { ...spec, journal };
      const gathered = quotas === undefined && store.hold === undefined
        ? gatherBurst(storage, noted, bytes, payload, mayPublish)
        : undefined;
      if (gathered !== undefined) return await commitFile(run, gathered.file, gathered);
      // A file that is gathered may fail yet, and then this frame must not have run.
      settling = attachment.settleGathered();
      if (settling !== undefined) await settling;
      settling = undefined;
      const stored = storage.put(noted, bytes, payload.crowded, mayPublish, payload.digest);
      return await commitFile(run, stored instanceof Promise ? await stored : stored);
    } catch (error) {
      // S-SEQ-2: a wrong digest uses the number up, so its reply is kept; any other error leaves it free.
      if (error instanceof FxferError && error.code === "checksum_mismatch") {
        return await commit(run, { ...error.fields, code: error.code });
      }
      if (journal === undefined || settling !== undefined) throw error;
      if (journal.stands) throw await attachment.reasonFor(error);
      unannounced!.lose(); // whoever has lost the session learns of it when the file is announced
    } finally {
      if (!attachment.gathers) attachment.committing = false;
      store.letGo?.(id);
    }
  }

  let { upload } = attachment;
  if (bytes !== undefined) {
    if (quotas === undefined) unannounced?.begin();
    upload = await storage.begin(spec);
    attachment.upload = upload;
    try {
      await upload.write(bytes, payload.digest);
    } catch (error) {
      await abandon(attachment);
      throw error;
    }
  } else {
    upload ??= await openFile(run);
    upload.reserve(data.offset + header.size); // S-TRF-3
    await receivePayload(run, upload, payload, isSlow);
  }
  if (data.complete) return await publish(run, upload);

  // S-TRF-4: a part that is not the last is acknowledged when its bytes are durable.
  let offset: number;
  try {
    offset = await upload.checkpoint();
  } catch (error) {
    return await failUpload(attachment, error);
  }
  const { upload: known } = attachment.record;
  if (known === null) throw new TypeError("Cannot acknowledge part: nothing is open");
  const length = data.length === undefined ? {} : { length: data.length };
  return await commit(run, { code: "partial", offset }, { ...known, offset, sequence, ...length });
}

/**
 * Checks a transfer frame against the session's open file and the limits, before its payload is read.
 *
 * @throws {FxferError} `too_large`, `offset_mismatch` with the right `offset`, `length_mismatch`,
 * `quota_exceeded`: nothing was written, and the sequence does not advance.
 */
function admit(
  { maxRequestSize, maxUploadSize, sessionQuota }: StatefulOptions,
  { upload: open, totalBytes }: SessionRecord,
  { header: { size }, data }: TransferRequest,
): void {
  if (size > maxRequestSize) {
    throw new FxferError("too_large", "Cannot take frame: larger than max_request_size", {
      fields: { limit: maxRequestSize },
      limit: "max_request_size",
    });
  }
  const offset = open?.offset ?? 0;
  if (data.offset !== offset || (open !== null && data.uploadId !== open.uploadId)) {
    throw new FxferError("offset_mismatch", `Cannot take frame: the durable offset is ${offset}`, {
      fields: { offset, upload_id: open?.uploadId ?? null },
    });
  }
  const end = data.offset + size;
  // The length may be told by a later frame, as that of standard input is, but does not change after that.
  const length = data.length ?? open?.length;
  const otherLength = length !== (open?.length ?? length);
  if (otherLength || (length !== undefined && (end > length || (data.complete && end < length)))) {
    const text = "Cannot take frame: it does not fit the file's length";
    const fields = { length: open?.length ?? length ?? null };
    throw new FxferError("length_mismatch", text, { fields });
  }
  const least = Math.max(length ?? 0, end);
  if (maxUploadSize > 0 && least > maxUploadSize) {
    throw new FxferError("too_large", "Cannot take file: larger than max_upload_size", {
      fields: { limit: maxUploadSize },
      limit: "max_upload_size",
    });
  }
  if (sessionQuota > 0 && totalBytes + least > sessionQuota) {
    throw new FxferError("quota_exceeded", "Cannot take file: the session's quota is used up", {
      fields: { limit: sessionQuota },
      limit: "session_quota",
    });
  }
}

/** S-SEQ-5: a file whose bytes are all here is sealed, announced, published and committed, in this order. */
async function publish(run: TransferRun, upload: Upload): Promise<Reply> {
  const { attachment, request: { data } } = run;
  const { storage } = attachment.services;
  for (;;) {
    let sealed: SealedFile;
    let before: StoredFile | undefined;
    try {
      sealed = await upload.seal();
      const found = storedBefore(storage, data.uploadId, sealed.sha256);
      before = (found instanceof Promise ? await found : found) ?? sealed.existing;
      const { size, sha256 } = sealed;
      before ??= attachment.unannounced?.match(run.spec, { size, sha256: () => sha256 });
    } catch (error) {
      return await failUpload(attachment, error);
    }
    // S-TRF-5: a wrong digest uses the number up, as above.
    if (data.sha256 !== undefined && data.sha256 !== sealed.sha256) {
      return await commit(run, { sha256: sealed.sha256, code: "checksum_mismatch" });
    }
    if (before !== undefined) return await commitFile(run, before); // nothing new to announce
    await announce(run, upload, sealed);
    // If a step fails from here on, finishPending() or the next connect brings the intent to its end.
    let file: StoredFile;
    try {
      file = await upload.publish(() => attachment.mustHold());
    } catch (error) {
      // S-NAM-3: another file was faster. This one is sealed again, under another name.
      if (error instanceof FxferError && error.code === "name_taken") continue;
      throw await attachment.reasonFor(error);
    }
    return await commitFile(run, file);
  }
}

/** Saves what is about to happen. */
async function announce(run: TransferRun, upload: Upload, sealed: SealedFile): Promise<void> {
  const { attachment, sequence } = run;
  const intent = { ...sealed, sequence, fingerprint: run.fingerprint };
  let known: SessionRecord;
  try {
    known = await attachment.save((record, now) =>
      record.upload === null // a whole file from memory: the store hears of it now
        ? intendWhole(record, recordOf(run, upload), intent, now)
        : intend(record, intent, now)
    );
  } catch (error) {
    // A file that the store has not heard of is removed. When the attachment is stale, the store may
    // have the intent, and then finishPending() publishes the file.
    if (attachment.record.upload === null && !attachment.stale) await abandon(attachment);
    throw error;
  }
  attachment.unannounced?.confirm();
  attachment.tell("transfer.announced", "S-SEQ-5", known, { sequence, bytes: sealed.size });
}
