/** The end of a transfer frame: its number, its reply and its file are saved, then told. @module */
import { CODES } from "../errors.ts";
import { omitUndefined } from "../omit_undefined.ts";
import type { ReplyBody } from "../protocol/mod.ts";
import type { SessionRecord, UploadRecord } from "../session/mod.ts";
import type { GatheredFile, StoredFile } from "../storage/mod.ts";
import { abandon, type TransferRun } from "./open_file.ts";
import { isCounted } from "./quotas.ts";
import { executed } from "./recovery.ts";
import { storedReply } from "./storing.ts";
import { lastPart, senderOf, stepBetween, tellFile } from "./tell.ts";
import type { Reply } from "./types.ts";

/** The commit of a file that is stored, now or before. */
export function commitFile(
  run: TransferRun,
  stored: StoredFile,
  gathered?: GatheredFile,
): Promise<Reply> {
  const { context: { identity }, record: { id }, services, unannounced } = run.attachment;
  const file: CommittedFile = stored.replayed && unannounced?.has(stored)
    ? { ...stored, replayed: false, recovered: true }
    : stored;
  const { storage: { durability }, options: { quotas } } = services;
  const body = storedReply(file, durability, run.request.data.uploadId);
  if (quotas === undefined || !isCounted(identity)) return commit(run, body, null, file, gathered);
  // Before the commit: if that is cut short, whoever finishes it charges the same file again.
  return quotas.charge(identity.user!, file, id).then(() => commit(run, body, null, file));
}

/** A file that is stored; one that an earlier run of its frame has stored, which no save speaks of, is new. */
type CommittedFile = StoredFile & { readonly recovered?: true };

/** By what a file is known if its frame comes again. */
const nameOf = ({ sequence, spec: { name, uploadId } }: TransferRun) => (
  { sequence, name, uploadId }
);

/** The commit: sequence, reply, and the file still open or just finished, saved before the reply is sent. */
export async function commit(
  run: TransferRun,
  body: ReplyBody,
  upload: UploadRecord | null = null,
  file?: CommittedFile,
  gathered?: GatheredFile,
): Promise<Reply> {
  const { attachment, attachment: { services: { options, store }, record } } = run;
  const change = (record: SessionRecord) => executed(options, record, run, body, upload, file);
  const isOpen = upload !== null || record.upload !== null || attachment.upload !== undefined;
  if ((store.persistent || gathered !== undefined) && !isOpen) {
    const saved = attachment.runAhead(change, {
      gathered,
      file: file?.replayed === false ? { ...file, ...omitUndefined(nameOf(run)) } : undefined,
      saved: (before, after) => tellCommit(run, before, after, body, file),
    });
    return { body, saved };
  }
  const before = await attachment.save(change);
  // Only now: this save was the right to remove what was received. A file that is published stays.
  if (upload === null && attachment.upload !== undefined) await abandon(attachment);
  tellCommit(run, before, attachment.record, body, file);
  return { body };
}

/** Tells what became of a frame that ran. */
function tellCommit(
  { attachment, sequence, spec }: TransferRun,
  before: SessionRecord,
  record: SessionRecord,
  { code }: ReplyBody,
  file?: CommittedFile,
): void {
  const { services, context: { connectionId } } = attachment;
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
      const facts = { ...stepBetween(before, record, connectionId), sequence };
      const sender = senderOf(attachment.context, spec);
      const found = file.recovered ? { recovered: true as const } : {};
      tellFile(services, file, spec, { ...facts, file: lastPart(file.path), ...sender, ...found });
    }
  } else if (code !== "partial") {
    const facts = { sequence, code, reason: CODES[code].message };
    attachment.tell("transfer.refused", "S-TRF-5", before, facts);
  }
}
