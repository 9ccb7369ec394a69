/**
 * What a connection that has just got a session puts right: it reopens the open file, and brings a commit
 * to its end that was cut short (S-SEQ-5).
 *
 * A commit writes in this order: intent (store), final name and manifest line (storage), reply and
 * sequence (store). If the server crashes or the store is lost between two of them, an intent stays in
 * the record. Then the file decides: if it is whole under its final name, or can get that name, the
 * commit is brought to its end, and a retry of the frame is answered from memory; if not, the intent is
 * dropped, and the frame runs again. Either way there is one file.
 *
 * Only the connection that has raised the epoch touches files: if two resume at once, the slower one must
 * not cut off what the faster one is writing. A file of this process stays parked until the record that
 * names it is saved, so that no open file is forgotten.
 *
 * @module
 */
import { FxferError } from "../errors.ts";
import type { Events } from "../events.ts";
import { omitUndefined } from "../omit_undefined.ts";
import type { ReplyBody } from "../protocol/mod.ts";
import {
  dropUpload,
  execute,
  type Execution,
  type Intent,
  type SessionRecord,
  type UploadRecord,
} from "../session/mod.ts";
import type { FileSpec, FileStorage, MayPublish, StoredFile, Upload } from "../storage/mod.ts";
import { LATE, within } from "../within.ts";
import type { Attachment, SessionServices } from "./attachments.ts";
import { isTaken } from "./kept_session.ts";
import { storedReply } from "./storing.ts";
import type { Quotas } from "./quotas.ts";
import type { StatefulOptions } from "./stateful_options.ts";
import { lastPart, stepBetween, tell, tellFile, type Telling } from "./tell.ts";

/** For how long a connect waits for the commit that its session has announced, or for its file, in milliseconds. */
const FINISH_MS = 1500;

/**
 * The file parked in this process, if the record names it, and no other process has written the session
 * since: the record has the file's epoch, or one more by an attach of this process whose save seemed to
 * have failed.
 */
export async function parkedFile(
  { attachments, options }: SessionServices,
  { id, epoch, instance, upload, intent }: SessionRecord,
): Promise<Upload | undefined> {
  const parked = attachments.parked.get(id);
  if (parked === undefined) return undefined;
  const named = (intent ?? upload)?.temporaryPath ?? parked.upload.temporaryPath;
  if (named === parked.upload.temporaryPath) {
    if (parked.epoch === epoch) return parked.upload;
    if (parked.epoch + 1 === epoch && instance === options.instance) return parked.upload;
  }
  // Another process has written since, or the store has lost data: the record names another file.
  attachments.unpark(id);
  await parked.upload.release();
  return undefined;
}

/**
 * The same version of a record, with the offset of the parked file (S-TRF-4): the bytes after the last
 * checkpoint are durable as well, because they were flushed when their connection ended.
 */
export function resumedAt(record: SessionRecord, parked: Upload | undefined): SessionRecord {
  const { upload, intent } = record;
  if (parked === undefined || upload === null || intent !== null) return record;
  return { ...record, upload: { ...upload, offset: Math.max(upload.offset, parked.offset) } };
}

/**
 * Gives an attachment the open file of its session.
 *
 * @param attachment Its record is saved, so the session belongs to this process.
 * @param parked The open file, if this process still has it.
 * @param contended Whether another process may still be writing to the file.
 */
export async function restoreFile(
  attachment: Attachment,
  parked: Upload | undefined,
  contended: boolean,
): Promise<void> {
  const { services, record, context: { connectionId } } = attachment;
  const { attachments, storage } = services;
  const { id, upload: known, intent } = record;
  if (intent !== null) {
    const finishing = finishFile(storage, record, parked, () => attachment.mustHold());
    const stored = await within(FINISH_MS, finishing).catch((error): typeof LATE => {
      // While only room is missing, the client gets its session: it may go on with something else (S-SEQ-10).
      if (error instanceof FxferError && error.code === "storage_full") return LATE;
      throw error;
    });
    if (stored === LATE) {
      attachment.upload = attachments.unpark(id);
      attachment.finishing = finishing; // finishPending() waits for it
      finishing.catch(() => attachment.finishing = undefined); // and tries once more
      return;
    }
    await chargeFinished(services.options.quotas, record, stored);
    await saveRepaired(attachment, (record) => afterIntent(services, record, intent, stored));
    return tellFinished(services, record, attachment.record, stored, connectionId);
  }
  if (known === null) {
    attachments.unpark(id);
    return await parked?.discard();
  }
  if (parked !== undefined) {
    attachments.unpark(id);
    attachment.upload = parked;
    if (await within(FINISH_MS, isStillThere(parked)) !== false) return;
    attachment.upload = undefined; // what the folder has decides from here on
    await parked.release();
  }
  attachment.contended = contended;
  const restoring = reopenFile(attachment);
  // A large file that must be copied is copied while the client hears where to go on.
  if (await within(FINISH_MS, restoring) === LATE) attachment.restoring = restoring;
}

/** Whether a parked file has all its bytes: somebody may have removed or cut it while nobody wrote to it. */
async function isStillThere(parked: Upload): Promise<boolean> {
  return await parked.checkpoint().then(() => true, () => false);
}

/** Opens the partial file of a session at its durable offset. When it is gone, the record forgets it. */
export async function reopenFile(attachment: Attachment): Promise<void> {
  const { services: { options, storage }, record, contended } = attachment;
  const known = record.upload!;
  const { temporaryPath, finalPath, offset } = known;
  const file = { temporaryPath, finalPath, offset, spec: specOf(record), contended };
  const upload = await storage.partials?.reopen(file);
  if (upload === undefined) {
    await saveRepaired(attachment, (record) => dropUpload(record, options.now()));
    return attachment.tell("transfer.dropped", "S-TRF-4", record, { reason: "lost" });
  }
  if (attachment.displaced) return await upload.release(); // the connection has gone meanwhile
  attachment.upload = upload;
  if (upload.temporaryPath === temporaryPath) return;
  // The upload is a copy: a former holder that still runs may go on writing to the first file.
  await upload.checkpoint();
  const copy = { ...known, temporaryPath: upload.temporaryPath };
  await saveRepaired(
    attachment,
    (record) => ({ ...record, version: record.version + 1, upload: copy }),
  );
  await storage.partials?.remove(known);
}

/** Saves the repaired record, unless another connection has taken the session meanwhile. */
async function saveRepaired(
  attachment: Attachment,
  repair: (record: SessionRecord) => SessionRecord,
): Promise<void> {
  const { attachments, store } = attachment.services;
  const { id, epoch } = attachment.record;
  let repaired: SessionRecord;
  let saved = false;
  try {
    for (;;) {
      repaired = repair(attachment.record);
      saved = await store.save(repaired);
      if (saved) break;
      // The former holder's process may have counted the takeover meanwhile: then the epoch is the same.
      const kept = await store.load(id);
      if (kept?.epoch !== epoch || isTaken(attachment.record, kept)) {
        throw new FxferError("session_taken_over", "Cannot attach: another connection was faster");
      }
      attachment.record = kept;
    }
  } finally {
    // If no saved record names this copy, the orphan sweep removes it.
    if (!saved) await attachment.upload?.release();
  }
  attachments.unpark(id);
  attachment.record = repaired;
}

/** What storage was told when the file was begun. */
function specOf({ id, clientAddress, user, upload }: SessionRecord): FileSpec {
  return {
    mimeType: upload?.mimeType ?? "application/octet-stream",
    session: { id, sequence: upload?.openedBy ?? 0 },
    reserve: upload?.length ?? upload?.offset ?? 0,
    clientAddress,
    ...omitUndefined({
      name: upload?.name,
      uploadId: upload?.uploadId,
      mtimeMs: upload?.mtimeMs,
      executable: upload?.executable,
      onClash: upload?.onClash,
      user: upload?.user ?? user,
    }),
  };
}

/**
 * Gives an intent's file its final name, if it has not got it yet.
 *
 * @param record Of the session; it has the intent.
 * @param upload The file, if this process still has it open. @param mayPublish Whether it may publish.
 * @returns Undefined when the file can never have it: it is gone, or its upload id names another file.
 * @throws {FxferError} When storage cannot do it now.
 */
export async function finishFile(
  storage: FileStorage,
  record: SessionRecord,
  upload?: Upload,
  mayPublish?: MayPublish,
): Promise<StoredFile | undefined> {
  try {
    if (upload !== undefined) return await upload.publish(mayPublish);
  } catch (error) {
    if (error instanceof FxferError && error.class === "fatal") return undefined;
    mayPublish?.();
    if (storage.recover === undefined) throw error;
    // What stands in the folder decides from here on: bytes that are gone never come back.
    await upload?.release();
  }
  // Asked twice: a former holder that still runs may rename the file while the first call looks for it.
  const recover = () => storage.recover?.(record.intent!, specOf(record));
  return await recover() ?? await recover();
}

/** What it takes to bring an intent to its end, and to tell of it. */
export interface IntentParts extends Telling {
  readonly storage: FileStorage;
  readonly options: Pick<StatefulOptions, "maxInflight" | "now">;
  readonly events: Events;
}

/** Counts a file that was finished later for its user: once, although its commit may have counted it too. */
export async function chargeFinished(
  quotas: Quotas | undefined,
  { id, user }: SessionRecord,
  stored: StoredFile | undefined,
): Promise<void> {
  if (quotas === undefined || user === undefined) return;
  if (stored === undefined) await quotas.release(user, id);
  else await quotas.charge(user, { ...stored, replayed: false }, id);
}

/** The next version of a record, with its intent fulfilled, or dropped when nothing was stored. */
export function afterIntent(
  { storage, options }: IntentParts,
  record: SessionRecord,
  intent: Intent,
  stored: StoredFile | undefined,
): SessionRecord {
  if (stored === undefined) return dropUpload(record, options.now());
  const reply = storedReply(stored, storage.durability, record.upload?.uploadId);
  return executed(options, record, intent, reply, null, stored);
}

/** What is noted of a frame that has run. */
type RunFrame = Pick<Intent, "sequence" | "fingerprint"> & Pick<Execution, "received">;

/** The next version of a record, after a frame that left `upload` open or has finished `file`. */
export function executed(
  options: IntentParts["options"],
  record: SessionRecord,
  { sequence, fingerprint, received }: RunFrame,
  reply: ReplyBody,
  upload: UploadRecord | null,
  file: StoredFile | undefined,
  input: "transfer" | "disconnect" | "remove" = "transfer",
): SessionRecord {
  const isNew = file?.replayed === false;
  return execute(record, {
    sequence,
    fingerprint,
    reply,
    upload,
    storedBytes: isNew ? file.size : 0,
    storedFiles: isNew ? 1 : 0,
    maxInflight: options.maxInflight,
    received,
    now: options.now(),
    input,
  });
}

/** Tells what became of the intent of `before`, after `after` was saved; without `stored` it is dropped. */
export function tellFinished(
  parts: Omit<IntentParts, "options">,
  before: SessionRecord,
  after: SessionRecord,
  stored: StoredFile | undefined,
  connection?: number,
): void {
  const { sequence } = before.intent!;
  if (stored === undefined) {
    const facts = { sequence, reason: "lost" } as const;
    return tell(parts.events, "transfer.dropped", "S-SEQ-5", before, after, facts, connection);
  }
  const step = { ...stepBetween(before, after, connection), sequence, file: lastPart(stored.path) };
  tellFile(parts, stored, specOf(before), { ...step, recovered: true });
}
