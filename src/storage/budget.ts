/**
 * Room for files: what is used, what is promised, what is left (S-TRF-3). A promise counts as soon as it
 * is given, so of three uploads that each declare 60 % of the room one is admitted.
 *
 * @module
 */
import { storageFull } from "./io_errors.ts";

/** How long an answer about free space is believed, in milliseconds: asking costs a system call. */
const FREE_SPACE_MS = 1000;

/** The sum over several storages on one folder, so that a limit holds for all of them. Bytes.
 * @category Storage */
export interface BudgetLedger {
  /** A storage found this much stored when it was opened. Counted from the first storage only. */
  begin(stored: number): void;
  /** Promises room. If the sum would be above `limit`, returns false and changes nothing. */
  reserve(bytes: number, limit: number): boolean;
  /** Gives a promise back. */
  release(bytes: number): void;
  /** Counts a file that was stored; less than 0 for one that was removed. */
  add(bytes: number): void;
}

/** Counts promised and used bytes against a limit. All amounts are bytes. */
export class Budget {
  readonly #limit: number;
  /** Undefined without a limit: then the sum is never asked for. */
  readonly #ledger: BudgetLedger | undefined;
  readonly #freeSpace: (() => number) | undefined;
  readonly #now: () => number;
  #used = 0;
  #reserved = 0;
  /** The part of `#reserved` that is not written yet, and that the disk must still have room for. */
  #unwritten = 0;
  #free = 0;
  #askedAt = -Infinity;

  /**
   * @param limit 0 for none.
   * @param freeSpace Says how many bytes the disk has free; undefined where the process may not ask.
   * @param ledger Given where several storages share the limit.
   */
  constructor(limit: number, now: () => number, freeSpace?: () => number, ledger?: BudgetLedger) {
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

  /**
   * Promises room.
   *
   * @param written How much of it is on the disk already, as the beginning of a file that goes on.
   * @throws {FxferError} `storage_full`, and nothing has changed.
   */
  reserve(bytes: number, written = 0): void {
    const within = this.#ledger?.reserve(bytes, this.#limit) ??
      (this.#limit === 0 || bytes <= this.#limit - this.#used - this.#reserved);
    if (!within) {
      throw storageFull("Cannot admit upload", "the storage budget is used up");
    }
    if (this.#freeSpace !== undefined && !this.#fits(bytes - written, this.#freeSpace)) {
      this.#ledger?.release(bytes);
      throw storageFull("Cannot admit upload", "no free space on the disk");
    }
    this.#reserved += bytes;
    this.#unwritten += bytes - written;
  }

  /** Whether the disk has room. An answer up to a second old is enough for a yes, but never for a no. */
  #fits(bytes: number, freeSpace: () => number): boolean {
    const now = this.#now();
    const fresh = now - this.#askedAt < FREE_SPACE_MS && now >= this.#askedAt;
    if (fresh && bytes <= this.#free - this.#unwritten) return true;
    this.#free = freeSpace();
    this.#askedAt = now;
    return bytes <= this.#free - this.#unwritten;
  }

  /** Promised bytes were written: the disk has less free space now, and owes less to the promise. */
  wrote(bytes: number): void {
    this.#unwritten -= bytes;
    // The last answer about free space was given before these bytes were written.
    this.#free -= bytes;
  }

  /** Gives a promise back. @param written How much of it was reported by `wrote`. */
  release(reserved: number, written: number): void {
    this.#ledger?.release(reserved);
    this.#reserved -= reserved;
    this.#unwritten -= reserved - written;
  }

  /** Counts what earlier processes have stored; called once, at the start. */
  begin(stored: number): void {
    this.#used += stored;
    this.#ledger?.begin(stored);
  }

  /** Counts a file that was stored; less than 0 for one that was removed. */
  add(bytes: number): void {
    this.#used += bytes;
    this.#ledger?.add(bytes);
  }

  /** What all files take by the list of them, which other processes add to. A shared sum has their files already. */
  counted(bytes: number): void {
    if (this.#ledger === undefined) this.#used = bytes;
  }
}
