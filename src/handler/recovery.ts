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
 * Only who has raised the epoch touches files: of two that resume at once, the one that loses must
 * not cut what the other is writing. A file of this process stays parked until the record that speaks
 * of it is saved: storage is asked again rather than a file forgotten.
 *
 * @module
 */
import { FxferError } from "../errors.ts";
import {
  dropIntent,
  dropUpload,
  execute,
  expire,
  type Intent,
  type SessionRecord,
} from "../session/mod.ts";
import type { FileSpec, FileStorage, StoredFile, Upload } from "../storage/mod.ts";
import { storedReply } from "./receive.ts";
import type { SessionServices, StatefulOptions } from "./services.ts";

/** A saved record, with the open file that belongs to it. */
export interface Restored {
  readonly record: SessionRecord;
  readonly upload: Upload | undefined;
}

/**
 * The file parked in this process, if nobody else has written the session since: the epoch is the
 * file's, or one above it by an attach of ours whose save was taken for lost.
 */
export async function parkedFile(
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

/**
 * The same version of a record, with what came after the last checkpoint: it is here all the same,
 * and was flushed when its connection ended, so the offset goes up (S-TRF-4).
 */
export function resumedAt(record: SessionRecord, parked: Upload | undefined): SessionRecord {
  const { upload, intent } = record;
  if (parked === undefined || upload === null || intent !== null) return record;
  return { ...record, upload: { ...upload, offset: Math.max(upload.offset, parked.offset) } };
}

/**
 * What an attached connection goes on with.
 *
 * @param record As saved: the session is this process's.
 * @param parked The open file, if it is in this process.
 * @param contended Whether another process may still be writing to the file.
 */
export async function restore(
  services: SessionServices,
  record: SessionRecord,
  parked: Upload | undefined,
  contended: boolean,
): Promise<Restored> {
  const { attachments, options, storage } = services;
  const { id, upload: known, intent } = record;
  if (intent !== null) {
    const stored = await finishFile(services, intent, parked);
    return await keep(services, settled(services, record, intent, stored), undefined);
  }
  if (known === null) {
    attachments.unpark(id);
    await parked?.discard();
    return { record, upload: undefined };
  }
  if (parked !== undefined) {
    attachments.unpark(id);
    return { record, upload: parked };
  }
  const upload = await storage.partials?.reopen({
    temporaryPath: known.temporaryPath,
    finalPath: known.finalPath,
    offset: known.offset,
    spec: specOf(record),
    contended,
  });
  if (upload === undefined) {
    return await keep(services, dropUpload(record, options.now()), undefined);
  }
  const { temporaryPath } = upload;
  if (temporaryPath === known.temporaryPath) return { record, upload };
  // A copy, so that a holder that wakes writes to nobody's file.
  await upload.checkpoint();
  const version = record.version + 1;
  const copied = await keep(
    services,
    { ...record, version, upload: { ...known, temporaryPath } },
    upload,
  );
  await storage.partials?.remove(known);
  return copied;
}

/** Saves what was put right; the session may have changed hands once more. */
async function keep(
  { attachments, store }: SessionServices,
  record: SessionRecord,
  upload: Upload | undefined,
): Promise<Restored> {
  let saved = false;
  try {
    saved = await store.save(record);
  } finally {
    // Whatever the record says now, it may not speak of this copy: sweeping finds it if it does not.
    if (!saved) await upload?.release();
  }
  if (!saved) {
    throw new FxferError("session_taken_over", "Cannot attach: another connection was faster");
  }
  attachments.unpark(record.id);
  return { record, upload };
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
  { storage }: Pick<SettleParts, "storage">,
  intent: Intent,
  upload: Upload | undefined,
): Promise<StoredFile | undefined> {
  if (upload === undefined) {
    // Twice: a holder that wakes may give it its name between two steps of the first.
    return await storage.recover?.(intent) ?? await storage.recover?.(intent);
  }
  try {
    return await upload.publish();
  } catch (error) {
    if (error instanceof FxferError && error.class === "fatal") return undefined;
    throw error;
  }
}

/** What it takes to bring an intent to its end. */
export interface SettleParts {
  readonly storage: FileStorage;
  readonly options: Pick<StatefulOptions, "maxInflight" | "now">;
}

/**
 * Brings the intent of a session to its end that nobody serves any more (S-SEQ-5), and gives the record
 * one version on. To be called by who has raised its epoch, and by nobody else.
 *
 * @param record In a state in which it could be served; one without an intent is returned as it is.
 */
export async function settleIntent(
  parts: SettleParts,
  record: SessionRecord,
): Promise<SessionRecord> {
  const { intent } = record;
  if (intent === null) return record;
  return settled(parts, record, intent, await finishFile(parts, intent, undefined));
}

/** The record one version on, with its intent fulfilled, or dropped when nothing was stored. */
export function settled(
  services: SettleParts,
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

/**
 * Removes the partial file of a session that has ended. A file that had got its final name before a
 * crash keeps it, and gets its line in the manifest.
 */
export async function removePartial(
  services: SessionServices,
  record: SessionRecord,
): Promise<void> {
  const parked = services.attachments.unpark(record.id);
  if (parked !== undefined) await parked.discard();
  else if (record.upload !== null) await services.storage.partials?.remove(record.upload);
  if (record.intent !== null) await services.storage.recover?.(record.intent);
}

/** Writes down that a session expired and removes its partial file; another's write in between wins (S-CLK-3). */
export async function endExpired(services: SessionServices, record: SessionRecord): Promise<void> {
  if (!(await services.store.save(expire(record, services.options.now())))) return;
  services.log.info("session.expired", { session: record.id.slice(0, 8) });
  await removePartial(services, record);
}
