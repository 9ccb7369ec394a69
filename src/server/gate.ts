/** What all connections of a server know of users: the keys, who is here, and what each may use up. @module */
import { isLoopback } from "../address.ts";
import { FxferError } from "../errors.ts";
import { anonymous, type Identity, type Right, RIGHTS } from "../handler/mod.ts";
import { Keyring, MemoryLedger, type Proof, type User, type UserLedger } from "../keys/mod.ts";
import { Bandwidth } from "./paced_payload.ts";

/** Whether frames must carry codes: never, if the client asks for it, or always (S-MAC-1).
 * @category Server */
export type MacPolicy = "off" | "optional" | "required";

/** Who may use a server, and how they prove it.
 * @category Server */
export interface SecurityOptions {
  /** The users' keys; the caller may replace them while the server runs. @default no users */
  readonly keys?: Keyring;
  /**
   * Remembers connects that were seen and what users have stored. Servers that share a store share a ledger,
   * or a connect can be repeated at another one. The caller disposes of it.
   * @default in memory
   */
  readonly ledger?: UserLedger;
  /** Whether frames carry codes. @default {"optional"} */
  readonly mac?: MacPolicy;
  /**
   * What someone without a key may do.
   * @default `put` without keys on a loopback address, else nothing
   */
  readonly anonymous?: readonly Right[];
}

/** A connection that acts for a user. */
export interface Guest {
  readonly proof: Proof;
  /** The keys have changed: the user as they say now. */
  renewed(user: User): void;
  /** The key is no longer valid (S-KEY-6). */
  revoked(error: FxferError): void;
}

/** The error for whoever shows no valid key, whatever is wrong with it. */
export function unauthorized(): FxferError {
  return new FxferError("unauthorized", "Cannot serve request: no valid key");
}

/** What a connection may do that acts for this user. */
export function identityOf({ name, can, limits }: User): Identity {
  const may = new Set(RIGHTS.filter((right) => can.includes(right)));
  return { user: name, may, all: can.includes("all"), limits };
}

/** See the module's text. */
export class Gate implements Disposable {
  readonly keys: Keyring;
  readonly ledger: UserLedger;
  readonly mac: MacPolicy;
  readonly anonymous: Identity;
  readonly #bandwidths = new Map<
    string,
    { readonly rate: number; readonly bandwidth: Bandwidth }
  >();
  readonly #guests = new Map<string, Set<Guest>>();
  readonly #listening: Disposable;

  /** @param hostname Where the server listens. */
  constructor(options: SecurityOptions, hostname: string) {
    this.keys = options.keys ?? new Keyring();
    this.ledger = options.ledger ?? new MemoryLedger();
    this.mac = options.mac ?? "optional";
    this.anonymous = anonymous(options.anonymous ?? defaultRights(hostname, options.keys));
    this.#listening = this.keys.onChange(() => this.look());
  }

  /** A connection begins to act for a user. @throws {FxferError} `too_many_connections`. */
  enter(guest: Guest): void {
    const { name, limits: { connections = Infinity } } = guest.proof.user;
    const guests = this.#guests.get(name) ?? new Set();
    if (guests.size >= connections && !guests.has(guest)) {
      throw new FxferError("too_many_connections", "Cannot serve request: the user has too many", {
        fields: { retry_after_ms: 1000 },
        limit: "key.connections",
      });
    }
    this.#guests.set(name, guests.add(guest));
  }

  /** The connection is over, or acts for another user; may be called again. */
  leave(guest: Guest): void {
    const { name } = guest.proof.user;
    const guests = this.#guests.get(name);
    guests?.delete(guest);
    if (guests?.size === 0) this.#guests.delete(name);
  }

  /** What all connections of a user share of this server's bandwidth; undefined for as much as there is. */
  bandwidthOf({ user, limits }: Identity): Bandwidth | undefined {
    const rate = limits?.rate;
    if (user === undefined || rate === undefined) return undefined;
    const known = this.#bandwidths.get(user);
    if (known?.rate === rate) return known.bandwidth;
    const bandwidth = new Bandwidth(rate);
    this.#bandwidths.set(user, { rate, bandwidth });
    return bandwidth;
  }

  /** Looks whose key is no longer valid, by the clock or by a change of the keys (S-KEY-6). */
  look(now: number = Date.now()): void {
    for (const guests of this.#guests.values()) {
      for (const guest of guests) {
        const user = this.keys.current(guest.proof, now);
        if (user !== undefined) guest.renewed(user);
        else {
          guest.revoked(
            new FxferError("session_revoked", "Cannot go on: the key is not valid any more"),
          );
        }
      }
    }
  }

  [Symbol.dispose](): void {
    this.#listening[Symbol.dispose]();
  }
}

function defaultRights(hostname: string, keys: Keyring | undefined): readonly Right[] {
  return keys === undefined && isLoopback(hostname) ? ["put"] : [];
}
