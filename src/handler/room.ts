/**
 * Room for a new session. One address, or one user from whatever addresses, may have all sessions, and no address is locked out by another: when
 * `max_sessions` are alive, a detached session ends for a new one. It is the one that was detached first, of
 * the address that has the most sessions, without an open file if there is such a one. Sessions of addresses
 * that have fewer than the newcomer's are safe, and so are attached ones, whoever's they are.
 *
 * @module
 */
import { addressNetwork } from "../address.ts";
import { FxferError } from "../errors.ts";
import { omitUndefined } from "../omit_undefined.ts";
import { expire, lifeOf, type SessionRecord } from "../session/mod.ts";
import type { SessionServices } from "./attachments.ts";
import { removePartial, sweep } from "./housekeeping.ts";
import { tell } from "./tell.ts";
import type { ConnectionContext } from "./types.ts";

/** After this time a client that found no room tries again. */
const RETRY_MS = 1000;

/** A session that is written meanwhile, as by a client that comes back, does not go: so often another is tried. */
const MAX_TRIES = 5;

/** The sessions of one user or address: how many are alive, and which of them goes first. */
interface Holding {
  readonly owner: string;
  count: number;
  first?: SessionRecord;
}

/** Makes room for a session of this client, or throws `max_sessions` or `busy`. */
export async function makeRoom(
  services: SessionServices,
  { clientAddress, identity: { user, limits } }: ConnectionContext,
): Promise<void> {
  const { store, options: { admitLoad, maxSessions, maxSessionsPerAddress } } = services;
  let { live } = await store.stats();
  if (live >= maxSessions) {
    await sweep(services); // what has expired must not stand in the way of a new session
    ({ live } = await store.stats());
  }
  admitLoad(live);
  const own = ownerOf(omitUndefined({ user, clientAddress }));
  const most = user === undefined ? maxSessionsPerAddress : limits?.sessions;
  if (most !== undefined) {
    const held = (await holdings(services)).get(own)?.count ?? 0;
    if (held >= most) throw noRoom(user === undefined ? "per_address.sessions" : "key.sessions");
  }
  for (let tries = 0; live >= maxSessions; tries++) {
    const goes = tries < MAX_TRIES ? whoGoes(await holdings(services), own) : undefined;
    if (goes === undefined) throw noRoom("max_sessions");
    await end(services, goes);
    ({ live } = await store.stats());
  }
}

/** One pass over the store. */
async function holdings({ store, options }: SessionServices): Promise<Map<string, Holding>> {
  const all = new Map<string, Holding>();
  for await (const record of store.list()) {
    const life = lifeOf(record, options.now());
    if (life !== "attached" && life !== "detached") continue;
    const owner = ownerOf(record);
    const holding = all.get(owner) ?? { owner, count: 0 };
    all.set(owner, holding);
    holding.count++;
    if (life === "detached" && goesBefore(record, holding.first)) holding.first = record;
  }
  return all;
}

/** Whom a session counts for: its user, or else the address of its client. */
function ownerOf({ user, clientAddress }: Pick<SessionRecord, "user" | "clientAddress">): string {
  return user === undefined ? addressNetwork(clientAddress) : `user ${user}`;
}

const hasFile = ({ upload, intent }: SessionRecord): boolean => upload !== null || intent !== null;
const detachedSince = ({ detachedAt, leaseUntil }: SessionRecord): number =>
  detachedAt ?? leaseUntil;

function goesBefore(one: SessionRecord, other: SessionRecord | undefined): boolean {
  if (other === undefined) return true;
  if (hasFile(one) !== hasFile(other)) return hasFile(other);
  return detachedSince(one) < detachedSince(other);
}

function whoGoes(all: Map<string, Holding>, own: string): SessionRecord | undefined {
  const least = all.get(own)?.count ?? 0;
  return [...all.values()]
    .filter(({ owner, count, first }) => first !== undefined && (owner === own || count > least))
    .sort((a, b) => b.count - a.count)[0]?.first;
}

/** Ends a detached session before its time, unless it was written meanwhile, or a connection here has it. */
async function end(services: SessionServices, record: SessionRecord): Promise<void> {
  const { attachments, store, options, events } = services;
  const holder = attachments.holders.get(record.id);
  if (holder !== undefined && !holder.displaced) return;
  const now = options.now();
  const lived = Math.max(0, now - detachedSince(record));
  const ended = { ...expire({ ...record, expiryMs: lived }, now), expiryMs: record.expiryMs };
  if (!(await store.save(ended))) return;
  tell(events, "session.expired", "S-CLK-1", record, ended, {});
  await removePartial(services, record, ended);
}

/** The refusal of a new session. @param limit The setting that is reached. */
export function noRoom(limit: string): FxferError {
  return new FxferError("max_sessions", `Cannot create session: ${limit} are alive`, {
    fields: { retry_after_ms: RETRY_MS },
    limit,
  });
}
