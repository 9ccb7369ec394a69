/**
 * How a session changes hands, and whether it still can (S-TAKE, S-CLK-1).
 *
 * Who writes first: the newcomer is authorised; the holder is told to stop and lets go after what it
 * is committing is saved; then the newcomer's record, one epoch up, is saved by compare-and-set; only
 * then does it touch the open file, and only then is it told where to go on. A holder that does not
 * let go within 2 s finds its epoch lost at its next save; one in another process is told through the
 * store (see fencing.ts). It may be asleep, and write on for a moment when it wakes: so the newcomer
 * goes on in a copy of its file.
 *
 * @module
 */
import { FxferError } from "../errors.ts";
import { omitUndefined } from "../omit_undefined.ts";
import { attach, type AttachInit, close, lifeOf, type SessionRecord } from "../session/mod.ts";
import { within } from "../within.ts";
import { movedAway } from "./moved.ts";
import {
  endExpired,
  parkedFile,
  removePartial,
  restore,
  type Restored,
  resumedAt,
} from "./recovery.ts";
import type { SessionServices } from "./services.ts";
import { renewHeld } from "./sweeper.ts";
import { tell, totalsOf } from "./tell.ts";
import type { ConnectionContext } from "./types.ts";

/** How long a newcomer waits for the holder to let go (S-TAKE-4). */
const RELEASE_MS = 2000;

/** How long a holder in another process may take to end the commit it has announced. */
const COMMIT_MS = 250;

/** More lost races than this mean a store that does not keep its contract. */
const MAX_TRIES = 100;

/** What an id that means nothing is answered with. */
export function unknownSession(): FxferError {
  return new FxferError("session_unknown", "Cannot attach: no such session");
}

/**
 * S-CLK-1: expiry is checked here, whatever the sweeper has done.
 *
 * @param record Of a session the caller is authorised for: the error may tell a secret of it.
 * @throws {FxferError} `session_unknown`, `session_expired`, `use_another_server`.
 */
export async function checkAlive(services: SessionServices, record: SessionRecord): Promise<void> {
  const life = lifeOf(record, services.options.now());
  switch (life) {
    case "attached":
    case "detached":
      return;
    case "forgotten":
      throw unknownSession();
    case "expired":
      if (record.endedAt === null) {
        if (await renewHeld(services, record.id)) return;
        await endExpired(services, record);
      }
      // falls through
    case "closed":
      if (record.moved !== undefined) throw movedAway(record.moved);
      throw new FxferError("session_expired", "Cannot attach: the session has ended", {
        fields: { state: life },
      });
  }
}

/** S-TAKE-3, S-TAKE-4: tells the holder in this process to stop, and waits until it has, 2 s at most. */
export async function letGo({ attachments }: SessionServices, id: string): Promise<void> {
  const holder = attachments.holder(id);
  if (holder === undefined) return;
  holder.yielding = true;
  holder.context.interrupt(
    new FxferError("session_taken_over", "Cannot go on: another connection has the session"),
  );
  await within(RELEASE_MS, holder.released);
  holder.displaced = true;
}

/** S-TAKE-2: one epoch up by compare-and-set, then the open file, with the offset that is true then. */
export async function take(
  services: SessionServices,
  id: string,
  init: AttachInit,
  connection: number,
): Promise<Restored> {
  const { attachments, store, events } = services;
  let waited = false;
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const loaded = await store.load(id);
    if (loaded === undefined) throw unknownSession();
    await checkAlive(services, loaded);
    if (!waited && loaded.intent !== null && isElsewhere(services, loaded)) {
      waited = true;
      await new Promise((resolve) => setTimeout(resolve, COMMIT_MS));
      continue;
    }
    const parked = await parkedFile(services, loaded);
    const taken = resumedAt(attach(loaded, init), parked);
    // Under this epoch it is found again if the save is taken for lost.
    if (parked !== undefined) attachments.park(id, parked, loaded.epoch);
    if (!(await store.save(taken))) continue;
    if (parked !== undefined) attachments.park(id, parked, taken.epoch);
    const { epoch, lastSequence: sequence, upload } = taken;
    const offset = omitUndefined({ offset: upload?.offset });
    const facts = { epoch, sequence, ...offset, address: init.clientAddress };
    if (lifeOf(loaded, init.now) === "attached") {
      tell(events, "session.taken_over", "S-TAKE-2", loaded, taken, facts, connection);
    } else tell(events, "session.resumed", "S-CON-2", loaded, taken, facts, connection);
    if (loaded.instance !== init.instance) announce(services, taken);
    return await restore(services, taken, parked, isElsewhere(services, loaded), connection);
  }
  throw new FxferError("store_unavailable", "Cannot attach: others keep writing the session");
}

/** Whether another process holds it, or did when it was last heard of. */
function isElsewhere({ options }: SessionServices, { instance }: SessionRecord): boolean {
  return instance !== null && instance !== options.instance;
}

/** S-TAKE-3: tells other processes. The newcomer does not wait for it, because its save is what counts. */
function announce({ store, log }: SessionServices, { id, epoch }: SessionRecord): void {
  store.announce?.(id, epoch).catch((cause) => {
    log.warn("takeover.unannounced", { session: id.slice(0, 8), cause });
  });
}

/** S-CON-3: ends a session because its client wants a clean start. */
export async function closeOld(
  services: SessionServices,
  id: string,
  context: ConnectionContext,
): Promise<void> {
  const { store, options, events } = services;
  const loaded = await store.load(id);
  if (loaded === undefined || loaded.endedAt !== null) return;
  const closed = close(loaded, options.now());
  if (!(await store.save(closed))) return await closeOld(services, id, context);
  const totals = totalsOf(closed);
  tell(events, "session.closed", "S-CON-3", loaded, closed, totals, context.connectionId);
  await removePartial(services, loaded, closed);
}
