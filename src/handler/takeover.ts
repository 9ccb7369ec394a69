/**
 * How a session changes hands, and whether it still can (S-TAKE, S-CLK-1).
 *
 * The order: the newcomer is authorised; the holder is told to stop, and lets go once what it is
 * committing is saved; the newcomer's record, one epoch up, is saved by compare-and-set; only then does
 * the newcomer touch the open file, and only then is it told where to go on. A holder that does not let
 * go within 2 s finds its epoch lost at its next save. A holder in another process is told through the
 * store (see housekeeping.ts). If that process was asleep, it may go on writing for a moment when it
 * wakes, so the newcomer goes on in a copy of the file.
 *
 * @module
 */
import { FxferError } from "../errors.ts";
import { omitUndefined } from "../omit_undefined.ts";
import { attach, type AttachInit, close, lifeOf, type SessionRecord } from "../session/mod.ts";
import { within } from "../within.ts";
import { Attachment, type SessionServices } from "./attachments.ts";
import { expireUnlessHeld, removePartial } from "./housekeeping.ts";
import { revoked } from "./kept_session.ts";
import { parkedFile, restoreFile, resumedAt } from "./recovery.ts";
import { tell, totalsOf } from "./tell.ts";
import type { ConnectionContext } from "./types.ts";

/** How long a newcomer waits for the holder to let go (S-TAKE-4). */
const RELEASE_MS = 2000;

/** How long a holder in another process may take to end the commit it has announced. */
export const COMMIT_MS = 250;

/** How long a connect waits for the time of the store, in milliseconds. */
const CLOCK_MS = 1800;

/** More lost races than this mean a store that does not keep its contract. */
export const MAX_TRIES = 100;

/** The error for an id that means nothing here (S-CON-4). */
export function unknownSession(): FxferError {
  return new FxferError("session_unknown", "Cannot attach: no such session");
}

/**
 * S-CLK-1: expiry is checked here, whatever the sweeper has done.
 *
 * @param record Of a session the caller is authorised for: the error may tell a secret of it.
 * @throws {FxferError} `session_unknown`, `session_expired`, `session_revoked`, `use_another_server`.
 */
export async function checkAlive(services: SessionServices, record: SessionRecord): Promise<void> {
  const { clock, options, store } = services;
  let life = lifeOf(record, options.now());
  if (life === "expired" && clock?.shared === false && record.clock !== options.instance) {
    // Another process wrote these times, and this one does not know yet how its clock compares.
    await within(CLOCK_MS, clock.follow(store));
    life = lifeOf(record, options.now());
  }
  switch (life) {
    case "attached":
    case "detached":
      return;
    case "forgotten":
      throw unknownSession();
    case "expired":
      if (record.endedAt === null && await expireUnlessHeld(services, record)) return;
      // falls through
    case "closed":
      if (record.moved !== undefined) {
        // The ticket is told only here, because this client is authorised.
        const { address, ticket } = record.moved;
        const text = "Cannot attach: the session has moved";
        throw new FxferError("use_another_server", text, { fields: { address, ticket } });
      }
      if (record.revoked) throw revoked();
      throw new FxferError("session_expired", "Cannot attach: the session has ended", {
        fields: { state: life, ...(life === "closed" ? totalsOf(record) : {}) }, // S-DIS-3
      });
  }
}

/**
 * S-TAKE-3, S-TAKE-4: tells the holder in this process to stop, and waits until it has, 2 s at most.
 *
 * @returns Whether there was one.
 */
export async function releaseHolder(
  { attachments }: SessionServices,
  id: string,
): Promise<boolean> {
  const holder = attachments.holders.get(id);
  if (holder === undefined) return false;
  holder.yielding = true;
  holder.context.interrupt(
    new FxferError("session_taken_over", "Cannot go on: another connection has the session"),
  );
  await within(RELEASE_MS, holder.released);
  if (holder.committing) await holder.released;
  holder.displaced = true;
  return true;
}

/**
 * S-TAKE-2: one epoch up by compare-and-set, then the open file, with the offset that is true then.
 *
 * @param hadHolder Whether a connection of this process has let go for it (S-TAKE-7).
 */
export async function takeSession(
  services: SessionServices,
  id: string,
  init: AttachInit,
  context: ConnectionContext,
  hadHolder: boolean,
): Promise<Attachment> {
  const { attachments, store, log } = services;
  let waited = false;
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const loaded = await store.load(id);
    if (loaded === undefined) throw unknownSession();
    await checkAlive(services, loaded);
    // Another process holds the session, or did when it was last heard of.
    const elsewhere = loaded.instance !== null && loaded.instance !== init.instance;
    if (!waited && loaded.intent !== null && elsewhere) {
      waited = true;
      await new Promise((resolve) => setTimeout(resolve, COMMIT_MS));
      continue;
    }
    const parked = await parkedFile(services, loaded);
    const taken = resumedAt(attach(loaded, init, hadHolder), parked);
    // If the save seems to fail but was stored, parkedFile() finds the file again by this epoch.
    if (parked !== undefined) attachments.parked.set(id, { upload: parked, epoch: loaded.epoch });
    if (!(await store.save(taken))) continue;
    if (parked !== undefined) attachments.parked.set(id, { upload: parked, epoch: taken.epoch });
    const attachment = new Attachment(services, taken, context);
    await attachment.unannounced?.takeOver(taken.lastSequence);
    const { epoch, lastSequence: sequence, upload, clientAddress: address } = taken;
    const facts = omitUndefined({ epoch, sequence, offset: upload?.offset, address });
    if (lifeOf(loaded, init.now) === "attached") {
      attachment.tell("session.taken_over", "S-TAKE-2", loaded, facts);
    } else attachment.tell("session.resumed", "S-CON-2", loaded, facts);
    if (loaded.instance !== init.instance) {
      // S-TAKE-3: other processes are told. The newcomer does not wait, because its save is what counts.
      store.announce?.(id, epoch).catch((cause) => {
        log.warn("takeover.unannounced", { session: id.slice(0, 8), cause });
      });
    }
    await restoreFile(attachment, parked, elsewhere);
    return attachment;
  }
  throw new FxferError("store_unavailable", "Cannot attach: others keep writing the session");
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
