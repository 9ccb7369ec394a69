/**
 * Room for a new session. One address, or one user from whatever addresses, may have all sessions, and no address is locked out by another: when
 * `max_sessions` are alive, a detached session ends for a new one. It is the one that was detached first, of
 * the address that has the most sessions, without an open file if there is such a one. Sessions of addresses
 * that have fewer than the newcomer's are safe, and so are attached ones, whoever's they are. A session with
 * an open file, whose bytes the server has answered for (S-TRF-10), goes for another address only, as long as
 * a session without a file would be kept (E): a client that asks for more sessions than there are loses no file
 * at once, and what it has left behind does not lock it out for a day.
 *
 * @module
 */
import { FxferError } from "../errors.ts";
import { omitUndefined } from "../omit_undefined.ts";
import { expire, hasFile, type SessionRecord } from "../session/mod.ts";
import type { SessionServices } from "./attachments.ts";
import { detachedSince, type Holding, type HoldingView, ownerOf } from "./holdings.ts";
import { removePartial, sweep } from "./housekeeping.ts";
import { tell } from "./tell.ts";
import type { ConnectionContext } from "./types.ts";

/** After this time a client that found no room tries again. */
const RETRY_MS = 1000;

/** A session that is written meanwhile, as by a client that comes back, does not go: so often another is tried. */
const MAX_TRIES = 5;

/**
 * So many sessions end for one newcomer at most. It takes more than one where the store has more than
 * `max_sessions`: the setting was lowered, or another server on the store has a larger one.
 */
const MAX_ENDED = 1000;

/** After so many ends others are served. */
const ENDS_IN_A_ROW = 16;

/** Makes room for a session of this client, or throws `max_sessions` or `busy`. */
export async function makeRoom(
  services: SessionServices,
  { clientAddress, identity: { user, limits } }: ConnectionContext,
): Promise<void> {
  const { store, holdings, options } = services;
  const { admitLoad, maxSessions, maxSessionsPerAddress } = options;
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
  let taken: HoldingView | undefined;
  for (let ended = 0, tries = 0; live >= maxSessions;) {
    if (tries === MAX_TRIES || ended === MAX_ENDED) throw noRoom("max_sessions");
    const now = options.now();
    let view = await holdings.recent();
    let goes = whoGoes(view, own, now);
    // Only a view of this moment can say that there is nobody who goes.
    if (goes === undefined) goes = whoGoes(view = await holdings.fresh(), own, now);
    if (goes === undefined) throw noRoom("max_sessions");
    if (view !== taken) takePlace(taken = view, own);
    if (!(await end(services, goes))) tries++;
    else if (++ended % ENDS_IN_A_ROW === 0) await new Promise((resolve) => setTimeout(resolve, 0));
    ({ live } = await store.stats());
  }
}

/** Counts the newcomer's session in a view, so that the next ones are judged right by it. */
function takePlace(view: HoldingView, own: string): void {
  const mine = view.get(own) ?? { owner: own, count: 0, detached: [] };
  mine.count++;
  view.set(own, mine);
}

/** Takes the session out of a view that goes first; its owner has as many as any, or is the newcomer's own. */
function whoGoes(view: HoldingView, own: string, now: number): SessionRecord | undefined {
  const least = view.get(own)?.count ?? 0;
  const may = (record: SessionRecord) =>
    !hasFile(record) || now - detachedSince(record) >= record.expiryMs;
  let most: Holding | undefined;
  for (const holding of view.values()) {
    const { owner, count, detached: [first] } = holding;
    if (first === undefined || count <= (most?.count ?? 0)) continue;
    if (owner === own ? may(first) : count > least) most = holding;
  }
  if (most === undefined) return undefined;
  most.count--;
  return most.detached.shift();
}

/**
 * Ends a detached session before its time, unless it was written meanwhile, or a connection here has it.
 *
 * @returns Whether it has ended.
 */
async function end(services: SessionServices, record: SessionRecord): Promise<boolean> {
  const { attachments, store, options, events } = services;
  const holder = attachments.holders.get(record.id);
  if (holder !== undefined && !holder.displaced) return false;
  const ended = expire(record, options.now(), true);
  if (!(await store.save(ended))) return false;
  tell(events, "session.expired", "S-CLK-1", record, ended, {});
  await removePartial(services, record, ended);
  return true;
}

/** The refusal of a new session. @param limit The setting that is reached. */
export function noRoom(limit: string): FxferError {
  return new FxferError("max_sessions", `Cannot create session: ${limit} are alive`, {
    fields: { retry_after_ms: RETRY_MS },
    limit,
  });
}
