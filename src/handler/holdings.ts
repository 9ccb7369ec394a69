/** Which user or address has how many sessions, and which of them goes first when there is no room. @module */
import { addressNetwork } from "../address.ts";
import { hasFile, lifeOf, type SessionRecord } from "../session/mod.ts";
import type { SessionStore } from "../store/mod.ts";

/** For so long a view is used again, in milliseconds: a pass reads every live session. */
const USED_FOR_MS = 1000;

/** The sessions of one user or address: how many are alive, and which are detached, the first to go first. */
export interface Holding {
  readonly owner: string;
  count: number;
  readonly detached: SessionRecord[];
}

/** The sessions of all, by owner. */
export type HoldingView = Map<string, Holding>;

/**
 * Looks at the live sessions of a store in passes, which all clients share that connect meanwhile: however many
 * clients ask for room, one pass runs at a time. A view may be old, so its sessions are ended by a save that is
 * refused if they were written meanwhile.
 */
export class Holdings {
  readonly #store: SessionStore;
  readonly #now: () => number;
  #view: HoldingView | undefined;
  #viewedAt = 0;
  #running: Promise<HoldingView> | undefined;
  #sweeping: Promise<void> | undefined;

  constructor(store: SessionStore, now: () => number) {
    this.#store = store;
    this.#now = now;
  }

  /** The view of the last second, or else a new one. */
  recent(): HoldingView | Promise<HoldingView> {
    const isRecent = performance.now() - this.#viewedAt < USED_FOR_MS;
    return this.#view !== undefined && isRecent ? this.#view : this.fresh();
  }

  /** A view whose pass begins now, or has begun already and is not over. */
  fresh(): Promise<HoldingView> {
    return this.#running ??= this.#look().finally(() => this.#running = undefined);
  }

  /** Removes what has expired by `sweep`, a pass over the store as well; whoever comes meanwhile waits for the same one. */
  afterSweep(sweep: () => Promise<void>): Promise<void> {
    return this.#sweeping ??= sweep().finally(() => this.#sweeping = undefined);
  }

  async #look(): Promise<HoldingView> {
    const view: HoldingView = new Map();
    for await (const record of this.#store.list("live")) {
      const life = lifeOf(record, this.#now());
      if (life !== "attached" && life !== "detached") continue;
      const owner = ownerOf(record);
      const holding = view.get(owner) ?? { owner, count: 0, detached: [] };
      view.set(owner, holding);
      holding.count++;
      if (life === "detached") holding.detached.push(record);
    }
    for (const { detached } of view.values()) detached.sort(byTurn);
    this.#viewedAt = performance.now();
    return this.#view = view;
  }
}

/** Whom a session counts for: its user, or else the address of its client. */
export function ownerOf(
  { user, clientAddress }: Pick<SessionRecord, "user" | "clientAddress">,
): string {
  return user === undefined ? addressNetwork(clientAddress) : `user ${user}`;
}

/** Since when a session has no connection. */
export const detachedSince = ({ detachedAt, leaseUntil }: SessionRecord): number =>
  detachedAt ?? leaseUntil;

/** Those without an open file go first, and of these the one that was detached first. */
function byTurn(one: SessionRecord, other: SessionRecord): number {
  return Number(hasFile(one)) - Number(hasFile(other)) ||
    detachedSince(one) - detachedSince(other);
}
