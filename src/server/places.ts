/**
 * Who holds the places of a server, by address, and who gives one up when there is none left: one address
 * may hold them all, and no address is locked out by another.
 *
 * @module
 */
import { addressNetwork } from "../address.ts";

/** Which connections go first: without a header, between frames, inside a header or a write that is stuck. */
export type Readiness = 0 | 1 | 2;

/** What is looked at of a connection. */
export interface Placed {
  readonly clientAddress: string;
  /** How readily it gives up its place at `now`, and since when it has been idle; undefined for never. */
  idle(now: number): { readonly rank: Readiness; readonly since: number } | undefined;
}

/** Where no file handle is left, a newcomer that has been silent for so long is one that may go. */
const SILENT_MS = 1000;
/** So many of them go at once. */
const LEAVING = 8;

/** The places of one server. */
export class Places<T extends Placed> {
  readonly #of = new Map<string, Set<T>>();

  /** How many places an address holds. */
  held(address: string): number {
    return this.#of.get(addressNetwork(address))?.size ?? 0;
  }

  /** One connection gets a place. */
  add(connection: T): void {
    const network = addressNetwork(connection.clientAddress);
    const held = this.#of.get(network);
    if (held === undefined) this.#of.set(network, new Set([connection]));
    else held.add(connection);
  }

  /** A connection gives up its place; false if it had none. */
  delete(connection: T): boolean {
    const network = addressNetwork(connection.clientAddress);
    const held = this.#of.get(network);
    if (!held?.delete(connection)) return false;
    if (held.size === 0) this.#of.delete(network);
    return true;
  }

  /**
   * Who makes room for a newcomer: the idlest connection of the address that holds the most places, or if
   * that has none that may go, of the next one; always of an address that holds more than the newcomer's.
   */
  yields(newcomer: string, now: number): T | undefined {
    const own = this.held(newcomer);
    const others = [...this.#of.values()].filter(({ size }) => size > own);
    others.sort((a, b) => b.size - a.size);
    for (const held of others) {
      let first: { connection: T; rank: Readiness; since: number } | undefined;
      for (const connection of held) {
        const idle = connection.idle(now);
        if (idle === undefined) continue;
        const sooner = first === undefined || idle.rank < first.rank ||
          (idle.rank === first.rank && idle.since < first.since);
        if (sooner) first = { connection, ...idle };
      }
      if (first !== undefined) return first.connection;
    }
    return undefined;
  }

  /**
   * Who goes where no file handle is left: those that have sent no header for a second, of the address that
   * holds the most places first, {@linkcode LEAVING} at once.
   */
  silent(now: number): T[] {
    const isSilent = (connection: T) => {
      const idle = connection.idle(now);
      return idle?.rank === 0 && now - idle.since > SILENT_MS;
    };
    const all = [...this.#of.values()].sort((a, b) => b.size - a.size);
    return all.flatMap((held) => [...held].filter(isSilent)).slice(0, LEAVING);
  }
}
