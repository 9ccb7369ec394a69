/** The action `fetch`: a stored file, or a part of it, as the payload of the reply (S-GET). @module */
import { FxferError } from "../errors.ts";
import type { FetchData } from "../protocol/mod.ts";
import type { OpenedFile } from "../storage/mod.ts";
import type { Identity } from "./identity.ts";
import {
  type Asker,
  catalogueFor,
  type FileParts,
  infoOf,
  notFound,
  notOffered,
  seenBy,
  shownPath,
  unnamed,
} from "./stored_files.ts";
import type { Reply, ReplyPayload } from "./types.ts";

/** Answers with a stored file. No lock is held: the file may be removed while it is sent (S-GET-3). */
export function fetchFile(
  parts: FileParts,
  data: FetchData,
  who: Identity,
  asker: Asker,
): Reply | Promise<Reply> {
  const catalogue = catalogueFor(parts, who, "get");
  if (catalogue.open === undefined) throw notOffered("get");
  const { path, name } = data;
  if (path === undefined && name === undefined) throw unnamed("path");
  const key = path === undefined ? { name: name! } : { path };
  const opening = catalogue.open({ ...seenBy(who), ...key });
  const reply = (opened: OpenedFile | undefined) => replyWith(opened, parts, data, asker);
  return opening instanceof Promise ? opening.then(reply) : reply(opening);
}

function replyWith(
  opened: OpenedFile | undefined,
  parts: FileParts,
  { offset, length = Infinity }: FetchData,
  asker: Asker,
): Reply {
  if (opened === undefined) throw notFound();
  const { file } = opened;
  if (offset > file.size) {
    opened[Symbol.dispose]();
    // S-GET-1
    throw new FxferError("offset_mismatch", "Cannot fetch file: it ends before the offset", {
      fields: { size: file.size },
    });
  }
  const size = Math.min(length, file.size - offset);
  const payload = payloadOf(opened, offset, size, (ms) => {
    const facts = { ...asker, path: shownPath(file.path), offset, bytes: size, ms };
    parts.events.emit({ type: "file.fetched", rule: "S-GET-1", ...facts });
  });
  return { body: { code: "ok", file: infoOf(file), offset }, payload };
}

/** The bytes of an open file from `offset` on. @param sent Called once all of them are sent. */
function payloadOf(
  opened: OpenedFile,
  offset: number,
  size: number,
  sent: (ms: number) => void,
): ReplyPayload {
  const begun = performance.now();
  let at = offset;
  const within = (into: Uint8Array) => {
    const left = offset + size - at;
    return into.length > left ? into.subarray(0, left) : into;
  };
  const came = (count: number | null) => {
    at += count ?? 0;
    return count;
  };
  return {
    mimeType: opened.file.mimeType,
    size,
    read: async (into) => came(await opened.read(at, within(into))),
    readNow: opened.readNow && ((into) => came(opened.readNow!(at, within(into)))),
    end(isSent) {
      opened[Symbol.dispose]();
      if (isSent) sent(Math.round(performance.now() - begun));
    },
  };
}
