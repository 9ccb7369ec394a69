/** How handlers tell what they have done: as events, and to `onStored`. @module */
import type { EventFacts, Events, FileStep, Rule, SessionEvent, SessionStep } from "../events.ts";
import { omitUndefined } from "../omit_undefined.ts";
import { type SessionRecord, STATE_NAMES } from "../session/mod.ts";
import type { FileSpec, StoredFile } from "../storage/mod.ts";
import type { ConnectionContext } from "./types.ts";

/** A file that was stored, and what is known of its sender.
 * @category Server */
export interface Stored
  extends
    Omit<StoredFile, "replayed" | "existing">,
    Pick<FileSpec, "name" | "uploadId" | "session" | "clientAddress" | "user"> {}

/** Who is told what a handler does.
 * @category Server */
export interface Telling {
  /** Where events are told. @default nowhere */
  readonly events?: Events;
  /**
   * Called once for each file that was stored, after its commit and before its answer; what was stored
   * before and is only sent again is no new file. It must not throw.
   */
  readonly onStored?: (stored: Stored) => void;
}

/** What is told of a step besides who made it. */
export type Facts<T extends SessionEvent> = Omit<EventFacts[T], keyof SessionStep>;

/** Which session made a step, on which connection, and from which state to which. */
export function stepBetween(
  before: SessionRecord,
  after: SessionRecord,
  connection?: number,
): SessionStep {
  const [from, to] = [STATE_NAMES[before.state], STATE_NAMES[after.state]];
  const step = { session: after.id.slice(0, 8), from, to };
  return connection === undefined ? step : { connection, ...step };
}

/** Tells a step of a session that has gone from one record to another. */
export function tell<T extends SessionEvent>(
  events: Events,
  type: T,
  rule: Rule,
  before: SessionRecord,
  after: SessionRecord,
  facts: Facts<T>,
  connection?: number,
): void {
  if (!events.wants(type)) return;
  const step = stepBetween(before, after, connection);
  events.emit({ type, rule, ...step, ...facts } as unknown as Parameters<Events["emit"]>[0]);
}

/** Tells that a file is stored, or was before. A caller on a hot path first asks whether a listener wants that. */
export function tellFile(
  { events, onStored }: Telling & { readonly events: Events },
  { path, size: bytes, sha256, mimeType, replayed, existing }: StoredFile,
  spec: FileSpec,
  facts: FileStep,
): void {
  if (replayed) {
    const rule = existing ? "S-NAM-3" : "S-TRF-9";
    return events.emit({ type: "transfer.replayed", rule, ...facts });
  }
  events.emit({ type: "transfer.stored", rule: "S-TRF-7", ...facts, bytes });
  if (onStored === undefined) return;
  const { name, uploadId, session, clientAddress, user } = spec;
  const sender = omitUndefined({ name, uploadId, session, clientAddress, user });
  onStored({ path, size: bytes, sha256, mimeType, ...sender });
}

/** Who has sent a file, and its name there. */
export function senderOf(
  { clientAddress, identity }: Pick<ConnectionContext, "clientAddress" | "identity">,
  { name }: Partial<FileSpec>,
): Pick<FileStep, "address" | "user" | "name"> {
  return { address: clientAddress, ...omitUndefined({ user: identity?.user, name }) };
}

/** A file's name without its folder, which holds its session's id. */
export const lastPart = (path: string): string => path.slice(path.lastIndexOf("/") + 1);

/** What a session has done in all. */
export function totalsOf(
  { filesTransferred: files, totalBytes: bytes, messageCount: messages }: SessionRecord,
): Facts<"session.closed"> {
  return { files, bytes, messages };
}
