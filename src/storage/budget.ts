/**
 * Room for files: what is used, what is promised, what is left (S-TRF-3). Three uploads that each
 * declare 60 % of the room get one yes, because a promise counts as soon as it is given.
 *
 * @module
 */
import { FxferError } from "../errors.ts";

/** How long an answer about free space is believed: asking costs a system call. */
const FREE_SPACE_MS = 1000;

/** The sum over several storages on one folder, so that a limit holds for all of them. Bytes. */
export interface BudgetLedger {
  /** What a storage found stored when it was opened; counted from the first one only. */
  begin(stored: number): void;
  /** Promises room, unless the sum would be above `limit`: then false, and nothing has changed. */
  reserve(bytes: number, limit: number): boolean;
  /** Gives a promise back. */
  release(bytes: number): void;
  /** Counts a file that is stored. */
  add(bytes: number): void;
}

/** Counts promised and used bytes against a limit. All amounts are bytes. */
export class Budget {
  readonly #limit: number;
  /** Absent without a limit: then nobody asks for the sum. */
  readonly #ledger: BudgetLedger | undefined;
  readonly #freeSpace: (() => number) | undefined;
  readonly #now: () => number;
  #used = 0;
  #reserved = 0;
  /** The part of `#reserved` that is not on the disk yet: what free space must still hold. */
  #unwritten = 0;
  #free = 0;
  #askedAt = -Infinity;

  /**
   * @param limit 0 for none.
   * @param freeSpace Bytes free on the file system; undefined when nobody may ask.
   * @param ledger Where the limit is one of several storages.
   */
  constructor(
    limit: number,
    now: () => number,
    freeSpace?: () => number,
    ledger?: BudgetLedger,
  ) {
    this.#limit = limit;
    this.#ledger = limit > 0 ? ledger : undefined;
    this.#now = now;
    this.#freeSpace = freeSpace;
  }

  /** Bytes of stored files. */
  get used(): number {
    return this.#used;
  }
  /** Bytes promised to uploads under way. */
  get reserved(): number {
    return this.#reserved;
  }

  /** Promises room. @throws {FxferError} `storage_full`, and nothing has changed. */
  reserve(bytes: number): void {
    const within = this.#ledger?.reserve(bytes, this.#limit) ??
      (this.#limit === 0 || bytes <= this.#limit - this.#used - this.#reserved);
    if (!within) {
      throw new FxferError("storage_full", "Cannot admit upload: the storage budget is used up");
    }
    if (this.#freeSpace !== undefined && !this.#fits(bytes, this.#freeSpace)) {
      this.#ledger?.release(bytes);
      throw new FxferError("storage_full", "Cannot admit upload: no free space on the disk");
    }
    this.#reserved += bytes;
    this.#unwritten += bytes;
  }

  /** A yes may rest on an answer of the last second; a no is always said with a fresh one. */
  #fits(bytes: number, freeSpace: () => number): boolean {
    const now = this.#now();
    const fresh = now - this.#askedAt < FREE_SPACE_MS && now >= this.#askedAt;
    if (fresh && bytes <= this.#free - this.#unwritten) return true;
    this.#free = freeSpace();
    this.#askedAt = now;
    return bytes <= this.#free - this.#unwritten;
  }

  /** Promised bytes that are on the disk now: free space has shrunk by them itself. */
  wrote(bytes: number): void {
    this.#unwritten -= bytes;
    // The cached answer was given before these bytes took their room.
    this.#free -= bytes;
  }

  /** Gives a promise back. @param written How much of it was reported by `wrote`. */
  release(reserved: number, written: number): void {
    this.#ledger?.release(reserved);
    this.#reserved -= reserved;
    this.#unwritten -= reserved - written;
  }

  /** Counts what an earlier process has stored, once at the start. */
  begin(stored: number): void {
    this.#used += stored;
    this.#ledger?.begin(stored);
  }

  /** Counts a file that is stored. */
  add(bytes: number): void {
    this.#used += bytes;
    this.#ledger?.add(bytes);
  }
}
