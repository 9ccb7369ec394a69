/**
 * Room for a new session. One address, or one user from whatever addresses, may have all sessions, and no address is locked out by another: when
 * `max_sessions` are alive, a detached session ends for a new one. It is the one that was detached first, of
 * the address that has the most sessions, without an open file if there is such a one. Sessions of addresses
 * that have fewer than the newcomer's are safe, and so are attached ones, whoever's they are. A session with
 * an open file, whose bytes the server has answered for (S-TRF-10), goes for another address only: a client
 * that asks for more sessions than there are loses none of its files by that.
 *
 * @module
 */
import { FxferError } from "../errors.ts";
import { omitUndefined } from "../omit_undefined.ts";
import { expire, type SessionRecord } from "../session/mod.ts";
import type { SessionServices } from "./attachments.ts";
import { detachedSince, hasFile, type HoldingView, ownerOf } from "./holdings.ts";
import { removePartial, sweep } from "./housekeeping.ts";
import { tell } from "./tell.ts";
import type { ConnectionContext } from "./types.ts";

/** After this time a client that found no room tries again. */
const RETRY_MS = 1000;

/** A session that is written meanwhile, as by a client that comes back, does not go: so often another is tried. */
const MAX_TRIES = 5;

/** Makes room for a session of this client, or throws `max_sessions` or `busy`. */
export async function makeRoom(
  services: SessionServices,
  { clientAddress, identity: { user, limits } }: ConnectionContext,
): Promise<void> {
  const { store, holdings, options: { admitLoad, maxSessions, maxSessionsPerAddress } } = services;
  let { live } = await store.stats();
  if (live >= maxSessions) {
    // What has expired must not stand in the way of a new session.
    await holdings.afterSweep(() => sweep(services));
    ({ live } = await store.stats());
  }
  admitLoad(live);
  const own = ownerOf(omitUndefined({ user, clientAddress }));
  const most = user === undefined ? maxSessionsPerAddress : limits?.sessions;
  if (most !== undefined) {
    const held = (await holdings.fresh()).get(own)?.count ?? 0;
    if (held >= most) throw noRoom(user === undefined ? "per_address.sessions" : "key.sessions");
  }
  for (let tries = 0; live >= maxSessions; tries++) {
    if (tries === MAX_TRIES) throw noRoom("max_sessions");
    // Only a view of this moment can say that there is nobody who goes.
    const goes = whoGoes(await holdings.recent(), own) ?? whoGoes(await holdings.fresh(), own);
    if (goes === undefined) throw noRoom("max_sessions");
    await end(services, goes);
    ({ live } = await store.stats());
  }
}

/** Takes the session out of a view that goes first; its owner has as many as any, or is the newcomer's own. */
function whoGoes(view: HoldingView, own: string): SessionRecord | undefined {
  const least = view.get(own)?.count ?? 0;
  const [most] = [...view.values()]
    .filter(({ owner, count, detached: [first] }) =>
      first !== undefined && (owner === own ? !hasFile(first) : count > least)
    )
    .sort((a, b) => b.count - a.count);
  if (most === undefined) return undefined;
  // The newcomer gets the place: so the next ones are judged right by the same view.
  most.count--;
  const mine = view.get(own) ?? { owner: own, count: 0, detached: [] };
  mine.count++;
  view.set(own, mine);
  return most.detached.shift();
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
