/**
 * A store that tells of each change it keeps. Every change of a session is a save, so this hears of
 * all of them, and only of those that count.
 *
 * @module
 */
import type { Logger } from "../log.ts";
import type { SessionRecord } from "../session/mod.ts";
import type { SessionStore } from "../store/mod.ts";
import { stateWords, stepsBetween } from "./session_steps.ts";

/** Wraps a store; disposing of it disposes of the store. */
export function tracingStore(store: SessionStore, log: Logger): SessionStore {
  /** The records as they were last seen; a record that is forgotten goes. */
  const seen = new Map<string, SessionRecord>();
  const tell = (id: string, state: string, rule: string, step: string) =>
    log.info("session.step", { session: id.slice(0, 8), state, rule, step });
  return {
    kind: store.kind,
    persistent: store.persistent,
    async load(id) {
      const record = await store.load(id);
      if (record === undefined) seen.delete(id);
      else seen.set(id, record);
      return record;
    },
    async save(record) {
      const before = seen.get(record.id);
      const saved = await store.save(record);
      if (!saved) {
        tell(
          record.id,
          "unchanged",
          "S-TAKE-2",
          "another holder wrote first: this change is refused",
        );
        return false;
      }
      seen.set(record.id, record);
      // Without the record before, of another server, only a first version is known to be new.
      if (before === undefined && record.version > 1) return true;
      const state = stateWords(before, record);
      for (const { rule, words } of stepsBetween(before, record)) {
        tell(record.id, state, rule, words);
      }
      return true;
    },
    async delete(id) {
      await store.delete(id);
      if (seen.delete(id)) {
        tell(id, "Cleanup", "S-CON-4", "the tombstone is gone: the id is unknown");
      }
    },
    list: () => store.list(),
    stats: () => store.stats(),
    ...(store.announce === undefined
      ? {}
      : { announce: (id: string, epoch: number) => store.announce!(id, epoch) }),
    ...(store.watch === undefined ? {} : {
      watch: (listener: Parameters<NonNullable<SessionStore["watch"]>>[0]) =>
        store.watch!(listener),
    }),
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  };
}
