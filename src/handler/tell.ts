/** How handlers tell what they have done: as events, and to `onStored`. @module */
import type {
  EventFacts,
  Events,
  Rule,
  ServerEvent,
  SessionEvent,
  SessionStep,
} from "../events.ts";
import type { Logger } from "../log.ts";
import { omitUndefined } from "../omit_undefined.ts";
import { type SessionRecord, STATE_NAMES } from "../session/mod.ts";
import type { FileSpec, StoredFile } from "../storage/mod.ts";

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

/** Hands a stored file on, whatever becomes of it there. */
export function handOn(
  onStored: NonNullable<Telling["onStored"]>,
  { path, size, sha256, mimeType }: StoredFile,
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

/** The facts of an event besides those of a step. */
export type OwnFacts<T extends SessionEvent> =
  & Omit<EventFacts[T], keyof SessionStep>
  & Pick<SessionStep, "connection">;

/** Tells a step of a session that has gone from one record to another. */
export function tell<T extends SessionEvent>(
  events: Events,
  type: T,
  rule: Rule,
  before: SessionRecord,
  after: SessionRecord,
  facts: OwnFacts<T>,
): void {
  if (!events.wants(type)) return;
  const session = after.id.slice(0, 8);
  const step = { session, from: STATE_NAMES[before.state], to: STATE_NAMES[after.state] };
  events.emit({ type, rule, ...step, ...facts } as unknown as ServerEvent);
}

/** What it takes to tell of a file. */
export interface TellParts {
  readonly events: Events;
  readonly onStored: Telling["onStored"];
  readonly log: Logger;
}

/** Tells that a file of a session is stored, or was before. */
export function tellFile(
  { events, onStored, log }: TellParts,
  before: SessionRecord,
  after: SessionRecord,
  file: StoredFile,
  spec: () => FileSpec,
  facts: Omit<OwnFacts<"transfer.stored">, "bytes">,
): void {
  const { path, size: bytes, replayed } = file;
  if (replayed) return tell(events, "transfer.replayed", "S-TRF-9", before, after, facts);
  if (events.wants("transfer.stored")) {
    // The rest of the path is the session's id.
    const name = path.slice(path.lastIndexOf("/") + 1);
    tell(events, "transfer.stored", "S-TRF-7", before, after, { ...facts, file: name, bytes });
  }
  if (onStored !== undefined) handOn(onStored, file, spec(), log);
}

/** What a session has done in all. */
export function totalsOf(
  { filesTransferred: files, totalBytes: bytes, messageCount: messages }: SessionRecord,
): { readonly files: number; readonly bytes: number; readonly messages: number } {
  return { files, bytes, messages };
}
