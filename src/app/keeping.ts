/** Removes files that are too old, or too many, while a server runs. @module */
import type { Config } from "../config/mod.ts";
import { FxferError } from "../errors.ts";
import type { Events } from "../events.ts";
import type { UserLedger } from "../keys/mod.ts";
import type { Logger } from "../log.ts";
import { omitUndefined } from "../omit_undefined.ts";
import type { DiskStorage, KeepPolicy } from "../storage/mod.ts";

/** Between two looks, in milliseconds. */
const EVERY_MS = 60_000;

/** What the settings want to be kept; undefined if that is everything. */
export function keepPolicy({ storage: { keep, keep_bytes } }: Config): KeepPolicy | undefined {
  const policy = omitUndefined({
    keepMs: keep === "off" ? undefined : keep * 1000,
    keepBytes: keep_bytes === 0 ? undefined : keep_bytes,
  });
  return Object.keys(policy).length === 0 ? undefined : policy;
}

/**
 * Removes what a policy wants to go, at once and then every minute, in the background, until disposed.
 *
 * @param ledger Counts what users have; what goes is given back to them.
 * @throws {FxferError} `config_invalid` where the storage cannot be read.
 */
export function keepFiles(
  storage: DiskStorage,
  policy: KeepPolicy,
  events: Events,
  log: Logger,
  ledger?: Pick<UserLedger, "giveBack">,
): AsyncDisposable {
  if (storage.label === "W") {
    throw new FxferError(
      "config_invalid",
      "Cannot use configuration: storage.keep and storage.keep_bytes take permission to read, run " +
        "with --allow-read=<storage folder>",
    );
  }
  let timer: ReturnType<typeof setTimeout> | undefined;
  let over = false;
  const look = async () => {
    try {
      for await (const { file: { path, size, user }, reason } of storage.outdated(policy)) {
        if (over) break;
        const by = { reason };
        if (await storage.catalogue.remove(path, by) === undefined) continue;
        if (user !== undefined) await ledger?.giveBack(user, path);
        events.emit({ type: "storage.removed", path, bytes: size, reason });
      }
    } catch (cause) {
      log.warn("keeping.postponed", { retry_ms: EVERY_MS, cause });
    }
    if (!over) timer = setTimeout(() => running = look(), EVERY_MS);
  };
  let running = look();
  return {
    async [Symbol.asyncDispose]() {
      over = true;
      clearTimeout(timer);
      await running;
    },
  };
}
