/** The users' keys as operators see them, without secrets. @module */
import type { UserLedger } from "../keys/mod.ts";
import type { KeyView, LiveKeys } from "../operate/mod.ts";
import type { KeySource } from "./keys.ts";

/** @param ledger What the users have stored; absent where this process does not count it. */
export function liveKeys(source: KeySource, ledger?: UserLedger): LiveKeys {
  return {
    revoke: (name) => source.revoke(name),
    async list() {
      const views: KeyView[] = [];
      for (const { key: { name }, can, limits, until } of source.lines()) {
        const used = await ledger?.usage(name, Date.now());
        views.push({
          name,
          can,
          quota_bytes: limits.bytes ?? null,
          quota_files: limits.files ?? null,
          until: until === undefined ? null : new Date(until).toISOString(),
          used_bytes: used?.bytes ?? null,
          used_files: used?.files ?? null,
        });
      }
      return views;
    },
  };
}
