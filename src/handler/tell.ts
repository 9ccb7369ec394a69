/** How handlers tell what they have done: as events, and to `onStored`. @module */
import type { Events, SessionStep } from "../events.ts";
import type { Logger } from "../log.ts";
import { omitUndefined } from "../omit_undefined.ts";
import { type SessionRecord, STATE_NAMES } from "../session/mod.ts";
import type { FileSpec, StoredFile } from "../storage/mod.ts";
import type { Attachment } from "./attachments.ts";

/** A file that was stored, and what is known of its sender. */
export interface Stored
  extends
    Omit<StoredFile, "replayed">,
    Pick<FileSpec, "name" | "uploadId" | "session" | "clientAddress"> {}

/** Who hears of what a handler does. */
export interface Telling {
  /** Where events are told. @default nowhere */
  readonly events?: Events;
  /**
   * Called once for each file that was stored, after its commit; what was stored before and is only
   * sent again is no new file. The answer does not wait for a promise that it returns. What it throws
   * is logged and changes no answer.
   */
  readonly onStored?: (stored: Stored) => unknown;
}

/** Hands a stored file on, whatever the one who gets it makes of it. */
export function handOn(
  onStored: NonNullable<Telling["onStored"]>,
  { path, size, sha256, mimeType }: Omit<StoredFile, "replayed">,
  { name, uploadId, session, clientAddress }: FileSpec,
  log: Logger,
): void {
  const failed = (cause: unknown) => log.error("on_stored.failed", { path, cause });
  try {
    const sender = omitUndefined({ name, uploadId, session, clientAddress });
    const returned = onStored({ path, size, sha256, mimeType, ...sender });
    if (returned instanceof Promise) returned.catch(failed);
  } catch (cause) {
    failed(cause);
  }
}

/** The facts of a session that has gone from one record to another. */
export function stepBetween(before: SessionRecord, after: SessionRecord): SessionStep {
  return {
    session: after.id.slice(0, 8),
    from: STATE_NAMES[before.state],
    to: STATE_NAMES[after.state],
  };
}

/** What a session has done in all. */
export function totalsOf(
  { filesTransferred, totalBytes, messageCount }: SessionRecord,
): { readonly files: number; readonly bytes: number; readonly messages: number } {
  return { files: filesTransferred, bytes: totalBytes, messages: messageCount };
}

/** The same for an attached session. @param before Its record before the last save. */
export function stepOf(
  { context, record }: Attachment,
  before: SessionRecord = record,
): SessionStep {
  return { connection: context.connectionId, ...stepBetween(before, record) };
}
