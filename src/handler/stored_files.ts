/** What fetch, list and remove have in common: who may, whose files, and how a file is told. @module */
import { FxferError } from "../errors.ts";
import type { Events, SessionStep } from "../events.ts";
import { omitUndefined } from "../omit_undefined.ts";
import type { FileInfo } from "../protocol/mod.ts";
import type { Catalogue, FileStorage, ListedFile, OwnedBy } from "../storage/mod.ts";
import { type Identity, mustMay, type Right } from "./identity.ts";
import type { Quotas } from "./quotas.ts";
import { lastPart } from "./tell.ts";

/** What it takes to serve stored files. */
export interface FileParts {
  /** Gets back what a removed file has counted; absent: nobody counts. */
  readonly quotas?: Quotas;
  readonly storage: FileStorage;
  readonly events: Events;
}

/** Which connection asks, and in which session, for events. */
export type Asker = Partial<SessionStep> & { readonly connection: number };

/**
 * The catalogue of a storage, for a client that may use it so (S-ACT-2).
 *
 * @throws {FxferError} `forbidden`; `unsupported_feature` where the storage has no catalogue.
 */
export function catalogueFor({ storage }: FileParts, who: Identity, right: Right): Catalogue {
  mustMay(who, right);
  return storage.catalogue ?? notOffered(right);
}

/** @throws {FxferError} `unsupported_feature`, always. */
export function notOffered(right: Right): never {
  throw new FxferError(
    "unsupported_feature",
    `Cannot serve request: this storage does not let clients ${right} files`,
  );
}

/** S-ACT-2: a user sees the files of that user, and whoever has no key those of clients without one. */
export const seenBy = ({ user, all }: Identity): OwnedBy => all ? {} : { owner: user ?? null };

/** S-ACT-2: what a client may not see is answered as what does not exist. */
export const notFound = (): FxferError =>
  new FxferError("not_found", "Cannot find file: there is none that this client may see");

/** A request that does not say which file it means. */
export const unnamed = (field: string): FxferError =>
  new FxferError("invalid_field", `Cannot find file: ${field} is missing`, { fields: { field } });

/** A stored file as replies describe it (S-GET-1). */
export function infoOf(file: ListedFile): FileInfo {
  return {
    path: file.path,
    size: file.size,
    sha256: file.sha256,
    mime_type: file.mimeType,
    stored_at: new Date(file.storedAt).toISOString(),
    ...omitUndefined({
      name: file.name,
      mtime_ms: file.mtimeMs,
      executable: file.executable,
      user: file.user,
    }),
  };
}

/** A file's path for events, without the id of a session. */
export const shownPath = (path: string): string =>
  path.startsWith("session_") ? lastPart(path) : path;

/** What a server with this storage offers beyond version 2.0 (S-FEA-1). */
export function featuresOf({ catalogue }: FileStorage): string[] {
  if (catalogue === undefined) return ["names", "received", "early"];
  const fetch = catalogue.open === undefined ? [] : ["fetch"];
  return ["names", ...fetch, "list", "follows", "remove", "received", "early"];
}
