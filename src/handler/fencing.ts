/**
 * Finding out that another instance has taken a session over (S-TAKE-3): by its announcement where
 * the store carries one, else by looking once a second. The next save would find out as well; this
 * is for a connection that saves nothing for a while.
 *
 * @module
 */
import type { SessionRecord } from "../session/mod.ts";
import type { SessionServices } from "./services.ts";

/** Between two looks at the epochs of the sessions held here, in milliseconds (S-TAKE-3). */
const LOOK_MS = 1000;

/**
 * Lets go of a session that has a newer epoch elsewhere: its connection is told and saves nothing
 * more, its open file is closed. The bytes stay: they are the new holder's.
 *
 * @param kept The session as the store has it.
 */
export async function fence(
  { attachments }: SessionServices,
  kept: Pick<SessionRecord, "id" | "epoch" | "moved">,
): Promise<void> {
  const { id, epoch } = kept;
  const holder = attachments.holder(id);
  if (holder !== undefined && holder.record.epoch < epoch && !holder.displaced) {
    holder.displace(kept);
  }
  const parked = attachments.parked(id);
  if (parked === undefined || parked.epoch >= epoch || attachments.changing(id)) return;
  await attachments.unpark(id)?.release();
}

/**
 * Watches for takeovers by other instances until disposed.
 *
 * A store that dies with the process has no other instance.
 */
export function watchTakeovers(services: SessionServices): AsyncDisposable {
  const { store, log } = services;
  const failed = (cause: unknown) => log.warn("fence.failed", { cause });
  if (store.watch !== undefined) {
    return store.watch((id, epoch) => void hear(services, id, epoch).catch(failed));
  }
  if (!store.persistent) return { [Symbol.asyncDispose]: () => Promise.resolve() };
  let looking: Promise<void> | undefined;
  const timer = setInterval(() => {
    looking ??= look(services).catch(() => {
      // The store is away: the next request that needs it is refused.
    }).finally(() => looking = undefined);
  }, LOOK_MS);
  return {
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
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

async function look(services: SessionServices): Promise<void> {
  const { attachments, store } = services;
  for (const { record: { id } } of [...attachments.all()]) {
    const kept = await store.load(id);
    if (kept !== undefined) await fence(services, kept);
  }
}
