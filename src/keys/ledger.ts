/**
 * What servers must remember of their users together: which connects were seen, and what is stored.
 *
 * A quota is exact because it is written before the bytes are: `reserve` counts a file before its payload
 * is read, `charge` puts the stored file in place of the reservation, and `release` takes back one that
 * stored nothing. A process that dies in between leaves a reservation, which counts until
 * {@linkcode RESERVED_MS} are over. A file is charged by its path, so charging it twice (by a commit that is
 * finished again) counts once.
 *
 * To add a ledger: implement {@linkcode UserLedger}, run the suite of tests/keys/ledger_suite.ts on it, and
 * pick it in src/app/ledger.ts.
 *
 * @module
 */
import { FxferError } from "../errors.ts";
import type { UserLimits } from "./rights.ts";

/** For how long a reservation counts that was neither charged nor released, in milliseconds. */
export const RESERVED_MS = 3_600_000;

/** So many nonces are kept in memory for all users, about 20 MiB, and so many for one of them. */
const MAX_NONCES = 200_000;
const MAX_NONCES_OF_USER = 100_000;

/** How long a client waits whose nonce finds no room, in milliseconds. */
const FULL_RETRY_MS = 5000;

/** What a user has stored.
 * @category Keys */
export interface Usage {
  /** Bytes of the files stored, and of those being received. */
  readonly bytes: number;
  /** How many these are. */
  readonly files: number;
}

/**
 * Remembers nonces and stored files of users. All methods of a ledger that others share are one step for all
 * of them. They may throw `store_unavailable`.
 * @category Keys
 */
export interface UserLedger extends AsyncDisposable {
  /** Connects older than this may have been seen before the ledger began; `-Infinity` if it forgets none. */
  readonly since: number;
  /**
   * Notes a nonce and keeps it until `until`; false if it is known.
   *
   * @throws {FxferError} `busy` if there is no room: nothing is ever forgotten early (S-KEY-3). Also if the
   * clock was set back, and the nonce may be one that was forgotten when its time was over.
   */
  takeNonce(user: string, nonce: string, until: number, now: number): boolean | Promise<boolean>;
  /**
   * Counts a file of `bytes` that is about to be received, in place of what `claim` has counted before.
   *
   * @param claim A name for this file, unique among all servers.
   * @returns False, and nothing has changed, if it is over a limit.
   */
  reserve(
    user: string,
    claim: string,
    bytes: number,
    limits: UserLimits,
    now: number,
  ): boolean | Promise<boolean>;
  /** Counts a stored file by its path, and ends the reservation. Repeating it changes nothing. */
  charge(user: string, path: string, bytes: number, claim?: string): void | Promise<void>;
  /** Ends a reservation; absent is fine. */
  release(user: string, claim: string): void | Promise<void>;
  /** A file is gone: its bytes are given back. Absent is fine. */
  giveBack(user: string, path: string): void | Promise<void>;
  /** What counts now. */
  usage(user: string, now: number): Usage | Promise<Usage>;
  /** Notes that all stored files of a user are charged. Absent where the ledger loses nothing while it is open. */
  counted?(user: string): Promise<void>;
  /**
   * Whoever sets this is told of a user about whom the ledger has lost what it knew, charges the user's files,
   * and says {@linkcode UserLedger.counted}. Until then `reserve` is `busy`.
   */
  lost?: (user: string) => void;
}

/** The refusal of a nonce that finds no room. */
export function registerFull(cause?: unknown): FxferError {
  return new FxferError("busy", "Cannot serve request: the register of nonces is full", {
    fields: { retry_after_ms: FULL_RETRY_MS },
    cause,
  });
}

/** The refusal of a nonce that may have been forgotten, because the clock was set back. @param ms To wait. */
export function mayBeForgotten(ms: number): FxferError {
  return new FxferError("busy", "Cannot serve request: the server's clock was set back", {
    fields: { retry_after_ms: ms },
  });
}

/** Whether a file of `bytes` more is within the limits. */
export function fits(used: Usage, bytes: number, limits: UserLimits): boolean {
  return used.bytes + bytes <= (limits.bytes ?? Infinity) &&
    used.files + 1 <= (limits.files ?? Infinity);
}

/** What one user has. */
interface Account {
  readonly files: Map<string, number>;
  readonly claims: Map<string, { readonly bytes: number; readonly until: number }>;
  /** Of `files` alone. */
  bytes: number;
}

/** Nonces of ten seconds, so that they are forgotten together. */
const SLICE_MS = 10_000;

/** Keeps all of it in the memory of one process: a restart knows nothing of what was stored before.
 * @category Keys */
export class MemoryLedger implements UserLedger {
  readonly #since: number | undefined;
  /** When it began, by the clock that nobody sets. */
  readonly #begun: number = performance.now();
  /** By the slice of their end. A nonce that is sent again has the same end, which is under its MAC. */
  readonly #slices = new Map<number, Map<string, string>>();
  readonly #noncesOf = new Map<string, number>();
  #nonces = 0;
  /** Nonces of up to this time were forgotten. By a clock that only goes forward it is always past. */
  #forgotten = -Infinity;
  readonly #accounts = new Map<string, Account>();

  /** Starts empty. @param since When this register began, in milliseconds since 1970. @default now */
  constructor(since?: number) {
    this.#since = since;
  }

  /** When this register began, by the clock as it is set now. */
  get since(): number {
    return this.#since ?? Math.floor(Date.now() - (performance.now() - this.#begun));
  }

  takeNonce(user: string, nonce: string, until: number, now: number): boolean {
    this.#forget(now);
    const at = Math.floor(until / SLICE_MS);
    let slice = this.#slices.get(at);
    if (slice?.has(nonce)) return false;
    if (until < this.#forgotten) throw mayBeForgotten(this.#forgotten - until);
    const own = this.#noncesOf.get(user) ?? 0;
    if (this.#nonces >= MAX_NONCES || own >= MAX_NONCES_OF_USER) throw registerFull();
    if (slice === undefined) this.#slices.set(at, slice = new Map());
    slice.set(nonce, user);
    this.#noncesOf.set(user, own + 1);
    this.#nonces++;
    return true;
  }

  #forget(now: number): void {
    for (const [at, slice] of this.#slices) {
      if ((at + 1) * SLICE_MS > now) continue;
      this.#slices.delete(at);
      this.#forgotten = Math.max(this.#forgotten, (at + 1) * SLICE_MS);
      this.#nonces -= slice.size;
      for (const user of slice.values()) {
        const left = this.#noncesOf.get(user)! - 1;
        if (left > 0) this.#noncesOf.set(user, left);
        else this.#noncesOf.delete(user);
      }
    }
  }

  reserve(user: string, claim: string, bytes: number, limits: UserLimits, now: number): boolean {
    const account = this.#accounts.get(user) ?? { files: new Map(), claims: new Map(), bytes: 0 };
    this.#accounts.set(user, account);
    if (!fits(usageOf(account, now, claim), bytes, limits)) return false;
    account.claims.set(claim, { bytes, until: now + RESERVED_MS });
    return true;
  }

  charge(user: string, path: string, bytes: number, claim?: string): void {
    const account = this.#accounts.get(user) ?? { files: new Map(), claims: new Map(), bytes: 0 };
    this.#accounts.set(user, account);
    if (claim !== undefined) account.claims.delete(claim);
    account.bytes += bytes - (account.files.get(path) ?? 0);
    account.files.set(path, bytes);
  }

  release(user: string, claim: string): void {
    this.#accounts.get(user)?.claims.delete(claim);
  }

  giveBack(user: string, path: string): void {
    const account = this.#accounts.get(user);
    const bytes = account?.files.get(path);
    if (account === undefined || bytes === undefined) return;
    account.files.delete(path);
    account.bytes -= bytes;
  }

  usage(user: string, now: number): Usage {
    const account = this.#accounts.get(user);
    return account === undefined ? { bytes: 0, files: 0 } : usageOf(account, now);
  }

  /** Does nothing. */
  async [Symbol.asyncDispose](): Promise<void> {}
}

/** @param except A claim that does not count. */
function usageOf({ files, claims, bytes }: Account, now: number, except?: string): Usage {
  const used = { bytes, files: files.size };
  for (const [claim, { bytes, until }] of claims) {
    if (until <= now) claims.delete(claim);
    else if (claim !== except) {
      used.bytes += bytes;
      used.files++;
    }
  }
  return used;
}
