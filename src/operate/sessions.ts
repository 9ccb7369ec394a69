/** Sessions as operators see them: by the first 8 characters of their ids, and without any secret. @module */
import { HttpFault } from "../admin/mod.ts";
import { lifeOf, type SessionRecord, STATE_NAMES } from "../session/mod.ts";
import type { SessionStore } from "../store/mod.ts";

/** How many characters of a session's id are shown: with the whole id, a client may attach. */
export const SHOWN = 8;

/** A session in a list. */
export interface SessionView {
  readonly id: string;
  /** By the picture of the session layer. */
  readonly state: string;
  readonly attached: boolean;
  readonly address: string;
  readonly instance: string | null;
  readonly created_at: string;
  readonly last_activity_at: string;
  /** When it expires if nobody comes back; null while it is attached, or has ended. */
  readonly expires_at: string | null;
  readonly sequence: number;
  readonly epoch: number;
  readonly files: number;
  readonly bytes: number;
  readonly upload: {
    readonly name: string | null;
    readonly mime_type: string;
    readonly offset: number;
    readonly length: number | null;
  } | null;
}

/** A session with the replies that it keeps for retries. */
export interface SessionDetails extends SessionView {
  readonly keepalive_s: number;
  readonly expiry_s: number;
  readonly messages: number;
  readonly has_secret: boolean;
  /** Whether an announced commit is under way. */
  readonly committing: boolean;
  readonly moved_to: string | null;
  readonly revoked: boolean;
  readonly replies: readonly { readonly sequence: number; readonly code: string }[];
}

const iso = (ms: number): string => new Date(ms).toISOString();

/** The state of a session at this time, by the names of the picture. */
export function stateAt(record: SessionRecord, now: number): string {
  const life = lifeOf(record, now);
  return STATE_NAMES[life === "attached" ? record.state : life];
}

export function viewOf(record: SessionRecord, now: number): SessionView {
  const { upload, detachedAt, endedAt } = record;
  const life = lifeOf(record, now);
  return {
    id: record.id.slice(0, SHOWN),
    state: stateAt(record, now),
    attached: life === "attached",
    address: record.clientAddress,
    instance: record.instance,
    created_at: iso(record.createdAt),
    last_activity_at: iso(record.lastActivityAt),
    expires_at: life !== "detached" || endedAt !== null
      ? null
      : iso((detachedAt ?? record.leaseUntil) + record.expiryMs),
    sequence: record.lastSequence,
    epoch: record.epoch,
    files: record.filesTransferred,
    bytes: record.totalBytes,
    upload: upload === null ? null : {
      name: upload.name ?? null,
      mime_type: upload.mimeType,
      offset: upload.offset,
      length: upload.length ?? null,
    },
  };
}

export function detailsOf(record: SessionRecord, now: number): SessionDetails {
  return {
    ...viewOf(record, now),
    keepalive_s: record.keepaliveMs / 1000,
    expiry_s: record.expiryMs / 1000,
    messages: record.messageCount,
    has_secret: record.tokenHash !== null,
    committing: record.intent !== null,
    moved_to: record.moved?.address ?? null,
    revoked: record.revoked === true,
    replies: record.ring.slice().map(({ sequence, reply: { code } }) => ({ sequence, code })),
  };
}

/** What a list of sessions asks for. */
export interface SessionQuery {
  readonly state?: string | undefined;
  readonly address?: string | undefined;
  /** Whether ended sessions are listed, too. */
  readonly ended: boolean;
  /** The id that the last page ended with. */
  readonly after: string;
  readonly limit: number;
}

/**
 * One page, in the order of the ids. The store is walked once, and no more than a page is held in memory.
 *
 * @returns `next` is what the next page begins after; null at the end.
 */
export async function listSessions(
  store: SessionStore,
  now: number,
  { state, address, ended, after, limit }: SessionQuery,
): Promise<{ readonly sessions: readonly SessionView[]; readonly next: string | null }> {
  const page: SessionView[] = [];
  let more = false;
  for await (const record of store.list(ended ? "all" : "live")) {
    const id = record.id.slice(0, SHOWN);
    if (id <= after || (page.length === limit && id > page[limit - 1]!.id)) {
      more ||= id > after;
      continue;
    }
    if (address !== undefined && record.clientAddress !== address) continue;
    const view = viewOf(record, now);
    const isOver = record.endedAt !== null ||
      ["Timeout", "Disconnected", "Cleanup"].includes(view.state);
    if ((isOver && !ended) || (state !== undefined && view.state !== state)) continue;
    const at = page.findIndex((other) => other.id > id);
    page.splice(at < 0 ? page.length : at, 0, view);
    if (page.length > limit) {
      page.pop();
      more = true;
    }
  }
  return { sessions: page, next: more && page.length === limit ? page.at(-1)!.id : null };
}

/** How many live sessions are in each state. */
export async function countStates(
  store: SessionStore | undefined,
  now: number,
): Promise<Record<string, number>> {
  const counts: Record<string, number> = { Authenticated: 0, Active: 0, Detached: 0 };
  if (store === undefined) return counts;
  for await (const record of store.list("live")) {
    const state = stateAt(record, now);
    if (Object.hasOwn(counts, state)) counts[state]!++;
  }
  return counts;
}

/**
 * The session whose id begins with these characters.
 *
 * @throws {HttpFault} 404 if there is none, 409 if there are several.
 */
export async function findSession(store: SessionStore, id: string): Promise<SessionRecord> {
  if (!/^[0-9a-f-]{8,36}$/.test(id)) throw new HttpFault(404, "no such session");
  const found: SessionRecord[] = [];
  if (id.length === 36) {
    const record = await store.load(id);
    if (record !== undefined) found.push(record);
  } else {
    for await (const record of store.list()) if (record.id.startsWith(id)) found.push(record);
  }
  if (found.length > 1) throw new HttpFault(409, "several sessions begin with these characters");
  if (found[0] === undefined) throw new HttpFault(404, "no such session");
  return found[0];
}
