/**
 * The quotas of users: counted before the bytes of a file are read, so that they are exact over all servers
 * that share a ledger (see src/keys/ledger.ts). Only users with a quota are counted.
 *
 * @module
 */
import { FxferError } from "../errors.ts";
import type { UserLedger } from "../keys/mod.ts";
import type { StoredFile } from "../storage/mod.ts";
import type { Identity } from "./identity.ts";

/** Whether the files of this client are counted. */
export function isCounted({ limits }: Identity): boolean {
  return limits !== undefined && (limits.bytes !== undefined || limits.files !== undefined);
}

/**
 * Counts what users store, in a ledger that all servers share which share their sessions.
 * @category Server
 */
export class Quotas {
  readonly #ledger: UserLedger;

  /** Counts in a ledger, which the caller disposes of. */
  constructor(ledger: UserLedger) {
    this.#ledger = ledger;
  }

  /**
   * Counts a file of `bytes` before it is received (S-TRF-2).
   *
   * @param claim Names the file, also in its later frames.
   * @throws {FxferError} `quota_exceeded`; `store_unavailable`.
   */
  async reserve({ user, limits }: Identity, claim: string, bytes: number): Promise<void> {
    if (user === undefined || limits === undefined) return;
    if (await this.#ledger.reserve(user, claim, bytes, limits, Date.now())) return;
    const limit = limits.bytes ?? limits.files;
    throw new FxferError("quota_exceeded", "Cannot take file: the user's quota is used up", {
      fields: { limit },
      limit: "key.quota",
    });
  }

  /** A file is stored: it counts from now on, however often this is said. One that was there before does not. */
  async charge(user: string, file: StoredFile, claim: string): Promise<void> {
    if (file.replayed) return await this.#ledger.release(user, claim);
    await this.#ledger.charge(user, file.path, file.size, claim);
  }

  /** The file will not be stored. */
  async release(user: string, claim: string): Promise<void> {
    await this.#ledger.release(user, claim);
  }

  /** The file is gone, and its room is free. */
  async giveBack(user: string, path: string): Promise<void> {
    await this.#ledger.giveBack(user, path);
  }
}
