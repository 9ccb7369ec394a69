/** The action `list`: a page of the list of stored files (S-LST). @module */
import { FxferError } from "../errors.ts";
import { omitUndefined } from "../omit_undefined.ts";
import {
  type FileInfo,
  type ListData,
  MAX_CURSOR_LENGTH,
  MAX_SESSION_DATA_BYTES,
} from "../protocol/mod.ts";
import { type Asker, catalogueFor, type FileParts, infoOf, seenBy } from "./stored_files.ts";
import type { ConnectionContext, Reply } from "./types.ts";

/** So many bytes the files of a page may take: the rest of the session data is `next` and the code. */
const MAX_FILES_BYTES = MAX_SESSION_DATA_BYTES - MAX_CURSOR_LENGTH - 512;

/** About so many files of the usual length fit. */
const USUAL_LIMIT = 160;

const UTF8 = new TextEncoder();

/**
 * Answers with a page. If the page is too long for a reply, storage is asked again for a shorter one,
 * because only storage knows the `next` of a page.
 */
export async function listFiles(
  parts: FileParts,
  data: ListData,
  context: Pick<ConnectionContext, "identity" | "listNext">,
  asker: Asker,
): Promise<Reply> {
  const { identity: who, listNext } = context;
  // Behind a page that is refused there is none.
  context.listNext = undefined;
  const catalogue = catalogueFor(parts, who, "list");
  const { limit: asked, order, prefix, name, session, follows = false } = data;
  if (asked === 0) {
    const fields = { field: "limit" };
    throw new FxferError("invalid_field", "Cannot list files: limit is 0", { fields });
  }
  const after = follows ? listNext : data.after;
  if (follows && after === undefined) {
    // S-LST-2
    throw new FxferError("sequence_gap", "Cannot list files: the page before was not given out");
  }
  const answer = (files: readonly FileInfo[], next: string | null): Reply => {
    context.listNext = next;
    parts.events.emit({ type: "file.listed", rule: "S-LST-1", ...asker, files: files.length });
    return { body: { code: "ok", files, next } };
  };
  if (after === null) return answer([], null);
  const wanted = { ...seenBy(who), order, ...omitUndefined({ prefix, name, session, after }) };
  for (let limit = Math.min(asked, USUAL_LIMIT);;) {
    const page = await catalogue.list({ ...wanted, limit });
    const files = page.files.map(infoOf);
    const bytes = UTF8.encode(JSON.stringify(files)).length;
    if (bytes <= MAX_FILES_BYTES) return answer(files, page.next);
    if (limit === 1) throw new RangeError("Cannot list files: one file is too long for a reply");
    // A little less than what fits on average.
    limit = Math.max(1, Math.floor(0.9 * files.length * MAX_FILES_BYTES / bytes));
  }
}
