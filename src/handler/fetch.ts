/** The action `fetch`: a stored file, or a part of it, as the payload of the reply (S-GET). @module */
import { FxferError } from "../errors.ts";
import type { FetchData } from "../protocol/mod.ts";
import type { FileKey, OpenedFile } from "../storage/mod.ts";
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
export async function fetchFile(
  parts: FileParts,
  data: FetchData,
  who: Identity,
  asker: Asker,
): Promise<Reply> {
  const { find, open } = bound(parts, who);
  const { path, name, offset } = data;
  if (path === undefined && name === undefined) throw unnamed("path");
  const key = path === undefined ? { name: name! } : { path };
  const found = await find({ ...seenBy(who), ...key });
  const opened = found && await open(found.path);
  if (opened === undefined) throw notFound();
  const { file } = opened;
  if (offset > file.size) {
    opened[Symbol.dispose]();
    // S-GET-1
    throw new FxferError("offset_mismatch", "Cannot fetch file: it ends before the offset", {
      fields: { size: file.size },
    });
  }
  const size = Math.min(data.length ?? Infinity, file.size - offset);
  const payload = payloadOf(opened, offset, size, (ms) => {
    const facts = { ...asker, path: shownPath(file.path), offset, bytes: size, ms };
    parts.events.emit({ type: "file.fetched", rule: "S-GET-1", ...facts });
  });
  return { body: { code: "ok", file: infoOf(file), offset }, payload };
}

/** What of the catalogue a fetch needs. */
function bound(parts: FileParts, who: Identity) {
  const catalogue = catalogueFor(parts, who, "get");
  const open = catalogue.open ?? notOffered("get");
  return { find: (key: FileKey) => catalogue.find(key), open };
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
  return {
    mimeType: opened.file.mimeType,
    size,
    async read(into) {
      const left = offset + size - at;
      const count = await opened.read(at, into.length > left ? into.subarray(0, left) : into);
      at += count ?? 0;
      return count;
    },
    end(isSent) {
      opened[Symbol.dispose]();
      if (isSent) sent(Math.round(performance.now() - begun));
    },
  };
}
