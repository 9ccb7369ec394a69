/**
 * transfer in a session: exactly once, resumable (wire §5, §6).
 *
 * The order of writes, and what a crash between two of them leaves:
 *
 * 1. upload opened (store), bytes (storage), checkpoints (storage, then store): a partial file and
 *    an offset that is durable; the frame goes on from there.
 * 2. sealed (storage), intent (store), published (storage): see recovery.ts.
 * 3. executed (store): the commit. Only after it is the reply sent, so a lost reply is asked for
 *    again and answered from the ring.
 *
 * A small file that is wholly in memory, at level `process` and with a store that dies with the
 * process, takes one step: nothing can come between its publication and the commit.
 *
 * @module
 */
import { FxferError } from "../errors.ts";
import {
  CHECKPOINT_BYTES,
  CHECKPOINT_MS,
  type ReplyBody,
  type TransferRequest,
} from "../protocol/mod.ts";
import {
  checkpoint,
  dropUpload,
  execute,
  fingerprint,
  intend,
  judge,
  openUpload,
  type UploadRecord,
} from "../session/mod.ts";
import type { PutSpec, Upload } from "../storage/mod.ts";
import { admit } from "./admission.ts";
import type { Attachment } from "./attachments.ts";
import { checkDigest, storedBefore, storedReply } from "./receive.ts";
import { settleIntent } from "./recovery.ts";
import type { SessionServices } from "./services.ts";
import type { Payload, Reply } from "./types.ts";

/** One frame under way. */
interface Run {
  readonly services: SessionServices;
  readonly attachment: Attachment;
  readonly request: TransferRequest;
  readonly fingerprint: string;
}

/** Runs, repeats or refuses one transfer frame. */
export async function transfer(
  services: SessionServices,
  attachment: Attachment,
  request: TransferRequest,
  payload: Payload,
): Promise<Reply> {
  if (attachment.stale) await services.keeper.refresh(attachment);
  await finishIntent(services, attachment);
  const print = fingerprintOf(request, attachment);
  const verdict = judge(attachment.record, request.header.session.sequence, print);
  if (verdict.kind === "replay") return { body: verdict.reply as ReplyBody };
  if (verdict.kind === "refuse") throw verdict.error;

  const run: Run = { services, attachment, request, fingerprint: print };
  const { data, header } = request;
  if (data.cancel) return await cancel(run);
  admit(services.options, attachment.record, request);
  const before = storedBefore(services.storage, data.uploadId, data.sha256);
  if (before !== undefined) {
    await abandon(attachment);
    return await commit(run, storedReply(before, services.storage.durability, data.uploadId));
  }
  if (fitsOneStep(run)) {
    const reply = await storeInOneStep(run, payload);
    if (reply !== undefined) return reply;
  }
  const upload = attachment.upload ?? await open(run);
  if (data.length === undefined) upload.reserve(header.size);
  await receive(run, upload, payload);
  return data.complete ? await publish(run, upload) : await acknowledge(run, upload);
}

/** A store that was lost in mid-commit is back: the commit is brought to its end first. */
async function finishIntent(services: SessionServices, attachment: Attachment): Promise<void> {
  const { intent } = attachment.record;
  if (intent === null) return;
  const settled = await settleIntent(services, attachment.record, intent, attachment.upload);
  attachment.upload = undefined;
  const version = attachment.record.version + 1;
  await services.keeper.save(attachment, () => ({ ...settled, version }));
}

function fingerprintOf({ header, data }: TransferRequest, { record }: Attachment): string {
  return fingerprint({
    action: data.cancel ? "cancel" : "transfer",
    uploadId: data.uploadId,
    name: data.name,
    mimeType: header.mimeType,
    length: data.length,
    sha256: data.sha256,
    complete: data.complete,
    end: data.offset + header.size,
    principal: record.tokenHash === null ? "address" : "token",
  });
}

function fitsOneStep(
  { services: { store, storage }, attachment, request: { data } }: Run,
): boolean {
  return attachment.record.upload === null && data.complete && !store.persistent &&
    storage.durability === "process";
}

/** Undefined: the payload is too large or did not arrive in one go, and has to be streamed. */
async function storeInOneStep(run: Run, payload: Payload): Promise<Reply | undefined> {
  const { services: { storage }, request } = run;
  let bytes: Uint8Array | undefined;
  try {
    const gathered = payload.whole();
    bytes = gathered instanceof Promise ? await gathered : gathered;
  } catch {
    // The connection is being cut: streaming keeps what has arrived, and meets the same error.
  }
  if (bytes === undefined) return undefined;
  try {
    const stored = storage.put(specOf(run), bytes);
    const file = stored instanceof Promise ? await stored : stored;
    return await commit(run, storedReply(file, storage.durability, request.data.uploadId));
  } catch (error) {
    return await commitFailure(run, error);
  }
}

function specOf({ attachment, request: { header, data } }: Run): PutSpec {
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

async function open(run: Run): Promise<Upload> {
  const { services, attachment, request: { header, data } } = run;
  const upload = await services.storage.begin(specOf(run));
  attachment.upload = upload;
  const record: UploadRecord = {
    openedBy: header.session.sequence,
    sequence: header.session.sequence,
    offset: 0,
    mimeType: header.mimeType,
    temporaryPath: upload.temporaryPath,
    finalPath: upload.finalPath,
    ...(data.length === undefined ? {} : { length: data.length }),
    ...(data.uploadId === undefined ? {} : { uploadId: data.uploadId }),
    ...(data.name === undefined ? {} : { name: data.name }),
  };
  try {
    await services.keeper.save(attachment, (r) => openUpload(r, record, services.options.now()));
  } catch (error) {
    attachment.upload = undefined;
    await upload.discard();
    throw error;
  }
  return upload;
}

/** The payload into the upload, with a checkpoint every 8 MiB or second and at the cut (S-TRF-4). */
async function receive(run: Run, upload: Upload, payload: Payload): Promise<void> {
  const { attachment } = run;
  let since = upload.offset;
  let at = performance.now();
  for (;;) {
    let bytes: Uint8Array | undefined;
    try {
      bytes = await payload.next();
    } catch (error) {
      throw await cut(run, upload, error);
    }
    if (bytes === undefined) return;
    try {
      const writing = upload.write(bytes);
      if (writing !== undefined) await writing;
    } catch (error) {
      await abandon(attachment);
      await run.services.keeper.save(attachment, (r) => dropUpload(r, run.services.options.now()));
      throw error;
    }
    const now = performance.now();
    if (upload.offset - since < CHECKPOINT_BYTES && now - at < CHECKPOINT_MS) continue;
    await keepOffset(run, upload);
    since = upload.offset;
    at = now;
  }
}

/** Flushes and saves the offset. A store that is away is no reason to stop receiving (S-DEG-2). */
async function keepOffset({ services, attachment }: Run, upload: Upload): Promise<number> {
  const offset = await upload.checkpoint();
  try {
    await services.keeper.save(attachment, (r) => checkpoint(r, offset, services.options.now()));
  } catch (error) {
    if (!(error instanceof FxferError) || error.code !== "store_unavailable") throw error;
    attachment.context.log.warn("checkpoint.unsaved", { offset, cause: error });
  }
  return offset;
}

/** The connection ended, or is made to end, inside the payload: everything received is kept. */
async function cut(run: Run, upload: Upload, error: unknown): Promise<unknown> {
  const offset = await keepOffset(run, upload);
  if (!(error instanceof FxferError)) return error;
  return new FxferError(error.code, error.message, {
    fields: { ...error.fields, offset },
    cause: error.cause,
  });
}

/** A part that is not the last: its bytes are durable, and the sequence moves on. */
async function acknowledge(run: Run, upload: Upload): Promise<Reply> {
  const offset = await upload.checkpoint();
  const { upload: record } = run.attachment.record;
  if (record === null) throw new TypeError("Cannot acknowledge part: the record has no upload");
  const sequence = run.request.header.session.sequence;
  return await commit(run, { code: "partial", offset }, { ...record, offset, sequence });
}

/** The last part: sealed, announced, published, committed. */
async function publish(run: Run, upload: Upload): Promise<Reply> {
  const { services, attachment, request: { data, header } } = run;
  const sealed = await upload.seal();
  try {
    checkDigest(data.sha256, sealed.sha256);
  } catch (error) {
    await abandon(attachment);
    return await commitFailure(run, error);
  }
  const intent = { ...sealed, sequence: header.session.sequence, fingerprint: run.fingerprint };
  await services.keeper.save(attachment, (r) => intend(r, intent, services.options.now()));
  const file = await upload.publish();
  const uploadId = attachment.record.upload?.uploadId ?? data.uploadId;
  const reply = await commit(run, storedReply(file, services.storage.durability, uploadId));
  attachment.upload = undefined;
  return reply;
}

/** Drops the partial file because the client asked for it. */
async function cancel(run: Run): Promise<Reply> {
  await abandon(run.attachment);
  return await commit(run, { code: "partial", offset: 0, cancelled: true });
}

async function abandon(attachment: Attachment): Promise<void> {
  const { upload } = attachment;
  attachment.upload = undefined;
  await upload?.discard();
}

/** The commit: sequence, reply and upload in one save, before the reply is sent. */
async function commit(
  run: Run,
  body: ReplyBody,
  upload: UploadRecord | null = null,
): Promise<Reply> {
  const { services: { keeper, options }, attachment, request: { header } } = run;
  const stored = body.code === "ok" && body.replayed !== true ? body.file : undefined;
  await keeper.save(attachment, (record) =>
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
      path: stored.path,
      bytes: stored.size,
    });
  }
  return { body };
}

/** A request that ran and failed is remembered with its error; a refusal is not (S-SEQ-2). */
async function commitFailure(run: Run, error: unknown): Promise<Reply> {
  if (!(error instanceof FxferError) || error.code !== "checksum_mismatch") throw error;
  return await commit(run, { ...error.fields, code: error.code });
}
