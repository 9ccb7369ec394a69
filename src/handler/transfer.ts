/**
 * transfer in a session: exactly once, resumable (S-SEQ, S-TRF).
 *
 * The order of writes, and what a crash between two of them leaves:
 *
 * 1. upload opened (store), bytes (storage), checkpoints (storage, then store): a partial file and
 *    an offset that is durable; the frame goes on from there. See incoming.ts.
 * 2. sealed (storage), intent (store), published (storage): see commit.ts and recovery.ts.
 * 3. executed (store): the commit. Only after it is the reply sent, so a lost reply is asked for
 *    again and answered from the ring.
 *
 * The store first hears of a small file, which is wholly in memory, by its intent: a crash before that
 * leaves bytes that no record names, and the frame runs again. At level `process`, with a store that dies
 * with the process, there is no intent either: nothing comes between publication and commit.
 *
 * @module
 */
import type { ReplyBody, TransferRequest } from "../protocol/mod.ts";
import { authMethodOf, fingerprint, judge } from "../session/mod.ts";
import { admit } from "./admission.ts";
import type { Attachment } from "./attachments.ts";
import { acknowledge, commit, commitFailure, commitFile, publish, publishWhole } from "./commit.ts";
import { abandon, finishPending, open, receive, specOf, type TransferRun } from "./incoming.ts";
import { storedBefore } from "./receive.ts";
import type { SessionServices } from "./services.ts";
import type { Payload, Reply } from "./types.ts";

/** Runs, repeats or refuses one transfer frame. */
export async function transfer(
  services: SessionServices,
  attachment: Attachment,
  request: TransferRequest,
  payload: Payload,
): Promise<Reply> {
  await finishPending(services, attachment);
  const print = fingerprintOf(request, attachment);
  const { sequence } = request.header.session;
  const verdict = judge(attachment.record, sequence, print);
  if (verdict.kind === "replay") {
    attachment.tell("transfer.replayed", "S-SEQ-1", attachment.record, { sequence });
    return { body: verdict.reply as ReplyBody };
  }
  if (verdict.kind === "refuse") throw verdict.error;

  const run: TransferRun = { services, attachment, request, fingerprint: print };
  const { data, header } = request;
  if (data.cancel) return await cancel(run);
  admit(services.options, attachment.record, request);
  const found = storedBefore(services.storage, data.uploadId, data.sha256);
  const before = found instanceof Promise ? await found : found;
  if (before !== undefined) {
    await abandon(attachment);
    return await commitFile(run, before);
  }
  if (attachment.record.upload === null && data.complete) {
    const bytes = await wholeOf(payload);
    if (bytes !== undefined) return await store(run, bytes, payload.crowded);
  }
  const upload = attachment.upload ?? await open(run);
  upload.reserve(data.offset + header.size);
  await receive(run, upload, payload);
  return data.complete ? await publish(run, upload) : await acknowledge(run, upload);
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
    principal: authMethodOf(record),
  });
}

/** Undefined: the payload is too large or did not arrive in one go, and has to be streamed. */
async function wholeOf(payload: Payload): Promise<Uint8Array | undefined> {
  try {
    const gathered = payload.whole();
    return gathered instanceof Promise ? await gathered : gathered;
  } catch {
    // The connection is being cut: streaming keeps what has arrived, and meets the same error.
    return undefined;
  }
}

/** A file that is wholly in memory: in as few steps as what the store outlives allows. */
async function store(
  run: TransferRun,
  bytes: Uint8Array,
  crowded: boolean | undefined,
): Promise<Reply> {
  const { services: { storage, store } } = run;
  if (store.persistent || storage.durability !== "process") return await publishWhole(run, bytes);
  try {
    const stored = storage.put(specOf(run), bytes, crowded);
    const file = stored instanceof Promise ? await stored : stored;
    return await commitFile(run, file);
  } catch (error) {
    return await commitFailure(run, error);
  }
}

/** Drops the partial file because the client asked for it. */
async function cancel(run: TransferRun): Promise<Reply> {
  await abandon(run.attachment);
  return await commit(run, { code: "partial", offset: 0, cancelled: true });
}
