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
 * Only the connection that has raised the epoch touches files: of two that resume at once, the loser
 * must not cut what the winner is writing. A file of this process stays parked until the record that
 * names it is saved, so that no open file is forgotten.
 *
 * @module
 */
import { FxferError } from "../errors.ts";
import type { Events } from "../events.ts";
import { omitUndefined } from "../omit_undefined.ts";
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
import { lastPart, stepBetween, tell, tellFile, type Telling } from "./tell.ts";

/** A saved record, with the open file that belongs to it. */
export interface Restored {
  readonly record: SessionRecord;
  readonly upload: Upload | undefined;
}

/**
 * The file parked in this process, if the record speaks of it, and no other process has written the session
 * since: the record has the file's epoch, or one more by an attach of this process whose save seemed to
 * have failed.
 */
export async function parkedFile(
  { attachments, options }: SessionServices,
  { id, epoch, instance, upload, intent }: SessionRecord,
): Promise<Upload | undefined> {
  const parked = attachments.parked(id);
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
 * @param connection The number of the connection that attached, for events.
 */
export async function restore(
  services: SessionServices,
  record: SessionRecord,
  parked: Upload | undefined,
  contended: boolean,
  connection: number,
): Promise<Restored> {
  const { attachments, options, storage, events } = services;
  const { id, upload: known, intent } = record;
  if (intent !== null) {
    const { next, stored } = await finishIntent(services, record, intent, parked);
    const restored = await keep(services, next, undefined);
    tellFinished(services, record, next, stored, connection);
    return restored;
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
    const next = dropUpload(record, options.now());
    const restored = await keep(services, next, undefined);
    tell(events, "transfer.dropped", "S-TRF-4", record, next, { reason: "lost" }, connection);
    return restored;
  }
  const { temporaryPath } = upload;
  if (temporaryPath === known.temporaryPath) return { record, upload };
  // The upload is a copy: a former holder that still runs may go on writing to the first file.
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
    // The saved record may not name this copy; the orphan sweep removes it if so.
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
    ...omitUndefined({ name: upload?.name, uploadId: upload?.uploadId }),
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
  { storage }: Pick<IntentParts, "storage">,
  intent: Intent,
  upload: Upload | undefined,
): Promise<StoredFile | undefined> {
  if (upload === undefined) {
    // Asked twice: a former holder that still runs may rename the file while the first call looks for it.
    return await storage.recover?.(intent) ?? await storage.recover?.(intent);
  }
  try {
    return await upload.publish();
  } catch (error) {
    if (error instanceof FxferError && error.class === "fatal") return undefined;
    throw error;
  }
}

/** What it takes to bring an intent to its end, and who hears of it. */
export interface IntentParts extends Telling {
  readonly storage: FileStorage;
  readonly options: Pick<StatefulOptions, "maxInflight" | "now">;
  readonly events: Events;
}

/**
 * Brings the intent of a session to its end (S-SEQ-5). To be called only by the one who has raised the
 * session's epoch.
 *
 * @param record In a state in which it could be served.
 * @param upload The file, if this process still has it.
 * @returns The record one version on, to be saved, and the file if there is one.
 */
export async function finishIntent(
  parts: IntentParts,
  record: SessionRecord,
  intent: Intent,
  upload?: Upload,
): Promise<{ readonly next: SessionRecord; readonly stored: StoredFile | undefined }> {
  const stored = await finishFile(parts, intent, upload);
  return { next: afterIntent(parts, record, intent, stored), stored };
}

/** The record one version on, with its intent fulfilled, or dropped when nothing was stored. */
export function afterIntent(
  services: IntentParts,
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

/** Tells what became of the intent of `before`, after `after` was saved; without `stored` it is dropped. */
export function tellFinished(
  parts: IntentParts,
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
  const step = { ...omitUndefined({ connection }), ...stepBetween(before, after), sequence };
  const file = lastPart(stored.path);
  tellFile(parts, stored, specOf(before), { ...step, file, recovered: true });
}

/** The record one version on, without its open file and what was to happen to it. */
export function dropFile(record: SessionRecord, now: number): SessionRecord {
  return { ...dropIntent(dropUpload(record, now), now), version: record.version + 1 };
}

/**
 * Removes the partial file of a session that has ended. A file that had got its final name before a
 * crash keeps it, and gets its line in the manifest.
 *
 * @param record As it was while it lived; without an open file if another instance has ended it.
 * @param ended As it is now.
 */
export async function removePartial(
  services: SessionServices,
  record: SessionRecord,
  ended: SessionRecord,
): Promise<void> {
  const { attachments, storage, events } = services;
  const { id, upload, intent } = record;
  const parked = attachments.unpark(id);
  if (parked !== undefined) await parked.discard();
  else if (upload !== null) await storage.partials?.remove(upload);
  if (intent !== null) {
    tellFinished(services, record, ended, await storage.recover?.(intent));
  } else if (upload !== null) {
    tell(events, "transfer.dropped", "S-TRF-4", ended, ended, { reason: "ended" });
  }
}

/** Writes down that a session expired and removes its partial file; another's write in between wins (S-CLK-3). */
export async function endExpired(services: SessionServices, record: SessionRecord): Promise<void> {
  const { store, options, events } = services;
  const expired = expire(record, options.now());
  if (!(await store.save(expired))) return;
  tell(events, "session.expired", "S-CLK-1", record, expired, {});
  await removePartial(services, record, expired);
}
