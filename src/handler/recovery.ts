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
 * An open file stays parked until the record that speaks of it is saved: storage is asked again
 * rather than a file forgotten.
 *
 * @module
 */
import { FxferError } from "../errors.ts";
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
  /** It is parked as well: to be taken out once the record is saved. */
  readonly upload: Upload | undefined;
}

/**
 * What an attaching connection goes on with.
 *
 * @param loaded The record as it is in the store.
 * @param record The same one, attached.
 */
export async function restore(
  services: SessionServices,
  loaded: SessionRecord,
  record: SessionRecord,
): Promise<Restored> {
  const { attachments, options, storage } = services;
  const { id } = record;
  const parked = await parkedFile(services, loaded);
  if (record.intent !== null) {
    const stored = await finishFile(services, record.intent, parked);
    return { record: settled(services, record, record.intent, stored), upload: undefined };
  }
  if (record.upload === null) {
    attachments.unpark(id);
    await parked?.discard();
    return { record, upload: undefined };
  }
  const upload = parked ?? await storage.reopen({
    temporaryPath: record.upload.temporaryPath,
    finalPath: record.upload.finalPath,
    offset: record.upload.offset,
    spec: specOf(record),
  });
  if (upload === undefined) return { record: dropUpload(record, options.now()), upload };
  attachments.park(id, upload, loaded.epoch);
  // What came after the last checkpoint is here all the same, and was flushed when its connection
  // ended: the offset goes up (S-TRF-4).
  return { record: checkpoint(record, upload.offset, options.now()), upload };
}

/**
 * The file parked in this process, if nobody else has written the session since: the epoch is the
 * file's, or one above it by an attach of ours whose save was taken for lost.
 */
async function parkedFile(
  { attachments, options }: SessionServices,
  { id, epoch, instance }: SessionRecord,
): Promise<Upload | undefined> {
  const parked = attachments.parked(id);
  if (parked === undefined || parked.epoch === epoch) return parked?.upload;
  if (parked.epoch + 1 === epoch && instance === options.instance) return parked.upload;
  // Another instance has written since: the record speaks of its file, not of ours.
  attachments.unpark(id);
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
 * Gives an intent's file its final name, if it has not got it yet.
 *
 * @param upload The file, if this process still has it; asking it twice does nothing twice.
 * @return Undefined when it can never have it: it is gone, or its upload id names another file.
 * @throws {FxferError} When storage cannot do it now.
 */
export async function finishFile(
  { storage }: SessionServices,
  intent: Intent,
  upload: Upload | undefined,
): Promise<StoredFile | undefined> {
  if (upload === undefined) return await storage.recover(intent);
  try {
    return await upload.publish();
  } catch (error) {
    if (error instanceof FxferError && error.class === "fatal") return undefined;
    throw error;
  }
}

/** The record one version on, with its intent fulfilled, or dropped when nothing was stored. */
export function settled(
  services: SessionServices,
  record: SessionRecord,
  intent: Intent,
  stored: StoredFile | undefined,
): SessionRecord {
  const now = services.options.now();
  if (stored === undefined) return dropFile(record, now);
  return execute(record, {
    sequence: intent.sequence,
    fingerprint: intent.fingerprint,
    reply: storedReply(stored, services.storage.durability, record.upload?.uploadId),
    upload: null,
    storedBytes: stored.replayed ? 0 : stored.size,
    storedFiles: stored.replayed ? 0 : 1,
    maxInflight: services.options.maxInflight,
    now,
    input: "transfer",
  });
}

/** The record one version on, without its open file and what was to happen to it. */
export function dropFile(record: SessionRecord, now: number): SessionRecord {
  return { ...dropIntent(dropUpload(record, now), now), version: record.version + 1 };
}

/** Removes the partial file of a session that has ended. */
export async function removePartial(
  services: SessionServices,
  record: SessionRecord,
): Promise<void> {
  const parked = services.attachments.unpark(record.id);
  if (parked !== undefined) await parked.discard();
  else if (record.upload !== null) await services.storage.remove(record.upload);
}

/** Writes down that a session expired and removes its partial file; another's write in between wins (S-CLK-3). */
export async function endExpired(services: SessionServices, record: SessionRecord): Promise<void> {
  if (!(await services.store.save(expire(record, services.options.now())))) return;
  services.log.info("session.expired", { session: record.id.slice(0, 8) });
  await removePartial(services, record);
}
