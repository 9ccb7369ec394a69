/** The action `remove`: a stored file goes (S-REM-1). @module */
import type { RemoveData } from "../protocol/mod.ts";
import { omitUndefined } from "../omit_undefined.ts";
import type { Identity } from "./identity.ts";
import {
  type Asker,
  catalogueFor,
  type FileParts,
  infoOf,
  notFound,
  seenBy,
  shownPath,
  unnamed,
} from "./stored_files.ts";
import type { Reply } from "./types.ts";

/** Tells that a file is gone: what a client did, and, as for every file that goes, why the storage has it no more. */
export function tellRemoved(
  { events }: FileParts,
  file: { readonly path: string; readonly size: number },
  asker: Asker,
): void {
  const facts = { ...asker, path: shownPath(file.path), bytes: file.size };
  events.emit({ type: "file.removed", rule: "S-REM-1", ...facts });
  events.emit({ type: "storage.removed", path: facts.path, bytes: facts.bytes, reason: "remove" });
}

/**
 * Removes a file outside of a session, or finds that it was removed a moment ago by a try whose answer was
 * lost. removal.ts does so in a session.
 */
export async function removeFile(
  parts: FileParts,
  { path }: RemoveData,
  who: Identity,
  asker: Asker,
): Promise<Reply> {
  const catalogue = catalogueFor(parts, who, "remove");
  if (path === undefined) throw unnamed("path");
  const by = { ...seenBy(who), ...omitUndefined({ user: who.user }) };
  const file = await catalogue.remove(path, by);
  if (file === undefined) throw notFound();
  if (file.user !== undefined) await parts.quotas?.giveBack(file.user, file.path);
  tellRemoved(parts, file, asker);
  return { body: { code: "ok", file: infoOf(file) } };
}
