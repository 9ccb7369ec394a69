/**
 * The action `remove` in a session: exactly once (S-ACT-1, S-REM-1).
 *
 * The record first says which file is about to go, then the file goes, then number and reply are saved. If a
 * crash comes between, the frame that comes again finds the record: the file is removed if it is still there,
 * and the reply is the one that the first try would have got. A file that has taken the path meanwhile is
 * another one, and stays.
 *
 * @module
 */
import { omitUndefined } from "../omit_undefined.ts";
import type { FileInfo, RemoveRequest, ReplyBody } from "../protocol/mod.ts";
import { authMethodOf, fingerprint, intendRemoval, judge } from "../session/mod.ts";
import type { Attachment } from "./attachments.ts";
import { finishPending } from "./open_file.ts";
import { executed } from "./recovery.ts";
import { tellRemoved } from "./remove.ts";
import { type Asker, catalogueFor, infoOf, notFound, seenBy, unnamed } from "./stored_files.ts";
import type { Reply } from "./types.ts";

/** Runs, repeats or refuses one remove frame. */
export async function removeOnce(
  attachment: Attachment,
  { header, data }: RemoveRequest,
  asker: Asker,
): Promise<Reply> {
  const { services, context: { identity } } = attachment;
  const { sequence, received } = header.session;
  const print = fingerprint({
    action: "remove",
    name: data.path,
    mimeType: "",
    complete: true,
    end: 0,
    principal: authMethodOf(attachment.record),
  });
  await finishPending(attachment, sequence, print);
  const verdict = judge(attachment.record, sequence, print);
  if (verdict.kind === "refuse") throw verdict.error;
  if (verdict.kind === "replay") return { body: verdict.reply as ReplyBody };

  const catalogue = catalogueFor(services, identity, "remove");
  const { path } = data;
  if (path === undefined) throw unnamed("path");
  const session = { id: attachment.record.id, sequence };
  const by = { ...seenBy(identity), ...omitUndefined({ user: identity.user }), session };
  const find = () => catalogue.find({ ...seenBy(identity), path });
  let found = await find();
  const begun = attachment.record.removal;
  let file = begun?.sequence === sequence && begun.fingerprint === print
    ? begun.file as unknown as FileInfo
    : undefined;
  if (file === undefined) {
    // What is not there may have been removed a moment ago, by a try whose answer was lost.
    const gone = found ?? await catalogue.remove(path, by);
    if (gone === undefined) throw notFound();
    file = infoOf(gone);
    const removal = { sequence, fingerprint: print, file: { ...file } };
    await attachment.save((record, now) => intendRemoval(record, removal, now));
    found = await find(); // others may have removed it meanwhile, and stored another one there
  }
  attachment.mustHold();
  const isThere = found !== undefined && infoOf(found).stored_at === file.stored_at;
  if (isThere) await catalogue.remove(path, by);
  // What another one counts under this path is not given back.
  const isFree = isThere || found === undefined;
  if (isFree && file.user !== undefined) {
    await services.options.quotas?.giveBack(file.user, file.path);
  }
  const body: ReplyBody = { code: "ok", file };
  const frame = { sequence, received, fingerprint: print };
  await attachment.save((record, now) => {
    const { options } = services;
    const next = executed(options, record, frame, body, record.upload, undefined, "remove");
    return { ...intendRemoval(next, null, now), version: next.version };
  });
  if (isThere) tellRemoved(services, file, asker);
  return { body };
}
