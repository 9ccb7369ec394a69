/**
 * How a session changes hands, and whether it still can (wire §7, S-CLK-1).
 *
 * Who writes first: the newcomer is authorised; the holder is told to stop and lets go after what it
 * is committing is saved; then the newcomer's record, one epoch up, is saved by compare-and-set, and
 * only then is it told where to go on. A holder that does not let go within 2 s, or lives in another
 * process, finds its epoch lost at its next save.
 *
 * @module
 */
import { FxferError } from "../errors.ts";
import { attach, type AttachInit, close, lifeOf, type SessionRecord } from "../session/mod.ts";
import { endExpired, removePartial, restore, type Restored } from "./recovery.ts";
import type { SessionServices } from "./services.ts";
import { renewHeld } from "./sweeper.ts";

/** How long a newcomer waits for the holder to let go (S-TAKE-4). */
const RELEASE_MS = 2000;

/** More lost races than this mean a store that does not keep its contract. */
const MAX_TRIES = 100;

/** What an id that means nothing is answered with. */
export function unknownSession(): FxferError {
  return new FxferError("session_unknown", "Cannot attach: no such session");
}

/**
 * S-CLK-1: expiry is checked here, whatever the sweeper has done.
 *
 * @throws {FxferError} `session_unknown`, `session_expired`.
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
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<void>((resolve) => timer = setTimeout(resolve, RELEASE_MS));
  await Promise.race([holder.released, late]);
  clearTimeout(timer);
  holder.displaced = true;
}

/** S-TAKE-2: one epoch up by compare-and-set, with the offset that is true at that moment. */
export async function take(
  services: SessionServices,
  id: string,
  init: AttachInit,
): Promise<Restored> {
  const { attachments, store } = services;
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const loaded = await store.load(id);
    if (loaded === undefined) throw unknownSession();
    await checkAlive(services, loaded);
    const { record, upload } = await restore(services, loaded, attach(loaded, init));
    // Putting right may have taken several changes; the store counts the one save.
    const taken = { ...record, version: loaded.version + 1 };
    if (!(await store.save(taken))) continue;
    attachments.unpark(id);
    return { record: taken, upload };
  }
  throw new FxferError("store_unavailable", "Cannot attach: others keep writing the session");
}

/** S-CON-3: ends a session because its client wants a clean start. */
export async function closeOld(services: SessionServices, id: string): Promise<void> {
  const { store, options } = services;
  const loaded = await store.load(id);
  if (loaded === undefined || loaded.endedAt !== null) return;
  if (!(await store.save(close(loaded, options.now())))) return await closeOld(services, id);
  await removePartial(services, loaded);
}
