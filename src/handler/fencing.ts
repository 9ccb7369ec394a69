/**
 * Finding out that another instance has taken a session over (S-TAKE-3): by its announcement while
 * the store carries them, else by looking once a second. The next save would find out as well; this
 * is for a connection that saves nothing for a while.
 *
 * @module
 */
import type { Attachment } from "./attachments.ts";
import type { KeptSession } from "./moved.ts";
import type { SessionServices } from "./services.ts";

/** Between two looks at the epochs of the sessions held here, in milliseconds (S-TAKE-3). */
const LOOK_MS = 1000;

/** How many records are asked for at once. */
const LOADS = 32;

/**
 * Lets go of a session that has a newer epoch elsewhere: its connection is told and saves nothing
 * more, its open file is closed. The bytes stay: they are the new holder's.
 *
 * @param kept The session as the store has it.
 */
export async function fence({ attachments }: SessionServices, kept: KeptSession): Promise<void> {
  const { id, epoch, instance = null } = kept;
  const holder = attachments.holder(id);
  if (holder !== undefined && !holder.displaced) {
    const { record: held } = holder;
    // Epochs of two histories may be equal, if the store has lost one of them; then the process tells.
    const twin = held.epoch === epoch && instance !== null && instance !== held.instance;
    if (held.epoch < epoch || twin) holder.displace(kept);
  }
  const parked = attachments.parked(id);
  if (parked === undefined || parked.epoch >= epoch || attachments.changing(id)) return;
  await attachments.unpark(id)?.release();
}

/**
 * Watches for takeovers by other instances until disposed: by messages while they arrive, and else by
 * looking.
 *
 * A store that dies with the process has no other instance.
 */
export function watchTakeovers(services: SessionServices): AsyncDisposable {
  const { store, log } = services;
  const failed = (cause: unknown) => log.warn("fence.failed", { cause });
  const watch = store.watch?.((id, epoch) => void hear(services, id, epoch).catch(failed));
  let looking: Promise<void> | undefined;
  const timer = !store.persistent ? undefined : setInterval(() => {
    if (watch !== undefined && watch.hearing?.() !== false) return;
    looking ??= look(services).catch(() => {
      // The store is away: the next request that needs it is refused.
    }).finally(() => looking = undefined);
  }, LOOK_MS);
  return {
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      await watch?.[Symbol.asyncDispose]();
      await looking;
    },
  };
}

/** An announcement says that a session is elsewhere; where, its record says. */
async function hear(services: SessionServices, id: string, epoch: number): Promise<void> {
  const { attachments, store } = services;
  if (attachments.holder(id) === undefined && attachments.parked(id) === undefined) return;
  const kept = await store.load(id).catch(() => undefined);
  await fence(services, kept !== undefined && kept.epoch >= epoch ? kept : { id, epoch });
}

/** Compares every session held here with its record, some at a time. One that fails stops no other. */
async function look(services: SessionServices): Promise<void> {
  const held = [...services.attachments.all()];
  for (let at = 0; at < held.length; at += LOADS) {
    const some = held.slice(at, at + LOADS).map((holder) => lookAt(services, holder));
    const settled = await Promise.allSettled(some);
    if (settled.every(({ status }) => status === "rejected")) return;
  }
}

async function lookAt(services: SessionServices, holder: Attachment): Promise<void> {
  const { record: { id, epoch } } = holder;
  const kept = await services.store.load(id);
  // A store that knows less than it did when it was asked has lost data.
  if (services.attachments.holder(id) !== holder || holder.displaced) return;
  if (kept === undefined || kept.epoch < epoch) holder.displace(kept);
  else await fence(services, kept);
}
