/**
 * What a new holder of a session finds and puts right: an open file to go on with, an intent that
 * was not brought to its end (S-SEQ-5), a session whose time is over.
 *
 * A commit writes in this order: intent (store), final name and manifest line (storage), reply and
 * sequence (store). A crash, or a store lost, between two of them leaves an intent in the record.
 * Then the file decides: whole under its final name, or able to get it, the commit is brought to
 * its end and a retry of the frame is answered from memory; else the intent is dropped and the
 * frame runs again. Either way there is one file.
 *
 * @module
 */
import {
  checkpoint,
  dropIntent,
  dropUpload,
  execute,
  expire,
  type Intent,
  type SessionRecord,
} from "../session/mod.ts";
import type { FileSpec, StoredFile, Upload } from "../storage/mod.ts";
import { storedReply } from "./receive.ts";
import type { SessionServices } from "./services.ts";

/** A record, not saved yet, with the open file that belongs to it. */
export interface Restored {
  readonly record: SessionRecord;
  readonly upload: Upload | undefined;
}

/**
 * What an attaching connection goes on with.
 *
 * @param record The record as attached: its epoch is one above the one the file was written under.
 */
export async function restore(
  services: SessionServices,
  record: SessionRecord,
): Promise<Restored> {
  const now = services.options.now();
  const parked = await takeParked(services, record);
  if (record.intent !== null) {
    return {
      record: await settleIntent(services, record, record.intent, parked),
      upload: undefined,
    };
  }
  if (record.upload === null) {
    await parked?.release();
    return { record, upload: undefined };
  }
  const upload = parked ?? await services.storage.reopen({
    temporaryPath: record.upload.temporaryPath,
    finalPath: record.upload.finalPath,
    offset: record.upload.offset,
    spec: specOf(record),
  });
  if (upload === undefined) return { record: dropUpload(record, now), upload };
  // What came after the last checkpoint is here all the same: the offset goes up (S-TRF-4).
  return { record: checkpoint(record, upload.offset, now), upload };
}

/** The file parked in this process, if it was written under the epoch just before this one. */
async function takeParked(
  services: SessionServices,
  record: SessionRecord,
): Promise<Upload | undefined> {
  const parked = services.attachments.unpark(record.id);
  if (parked === undefined || parked.epoch === record.epoch - 1) return parked?.upload;
  // Another instance has written since: the record speaks of its file, not of ours.
  await parked.upload.release();
  return undefined;
}

/** What storage was told when the file was begun. */
function specOf({ id, clientAddress, upload }: SessionRecord): FileSpec {
  return {
    mimeType: upload?.mimeType ?? "application/octet-stream",
    session: { id, sequence: upload?.openedBy ?? 0 },
    reserve: upload?.length ?? upload?.offset ?? 0,
    clientAddress,
    ...(upload?.name === undefined ? {} : { name: upload.name }),
    ...(upload?.uploadId === undefined ? {} : { uploadId: upload.uploadId }),
  };
}

/**
 * Brings an intent to its end, or drops it.
 *
 * @param upload The file, if this process still has it open; it is used up.
 */
export async function settleIntent(
  services: SessionServices,
  record: SessionRecord,
  intent: Intent,
  upload: Upload | undefined,
): Promise<SessionRecord> {
  const stored = upload === undefined
    ? await services.storage.recover(intent)
    : await upload.publish();
  if (stored !== undefined) return fulfil(services, record, intent, stored);
  const now = services.options.now();
  return dropIntent(dropUpload(record, now), now);
}

/** The record after the commit that its intent announced. */
function fulfil(
  services: SessionServices,
  record: SessionRecord,
  intent: Intent,
  stored: StoredFile,
): SessionRecord {
  return execute(record, {
    sequence: intent.sequence,
    fingerprint: intent.fingerprint,
    reply: storedReply(stored, services.storage.durability, record.upload?.uploadId),
    upload: null,
    storedBytes: stored.replayed ? 0 : stored.size,
    storedFiles: stored.replayed ? 0 : 1,
    maxInflight: services.options.maxInflight,
    now: services.options.now(),
    input: "transfer",
  });
}

/** Removes the partial file of a session that has ended. */
export async function removePartial(
  services: SessionServices,
  record: SessionRecord,
): Promise<void> {
  const parked = services.attachments.unpark(record.id);
  if (parked !== undefined) await parked.upload.discard();
  else if (record.upload !== null) await services.storage.remove(record.upload);
}

/** Writes down that a session expired and removes its partial file; another's write in between wins (S-CLK-3). */
export async function endExpired(services: SessionServices, record: SessionRecord): Promise<void> {
  if (!(await services.store.save(expire(record, services.options.now())))) return;
  services.log.info("session.expired", { session: record.id.slice(0, 8) });
  await removePartial(services, record);
}
