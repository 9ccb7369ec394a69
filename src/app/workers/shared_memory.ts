/**
 * What the workers count together, in memory that all of them see. Each worker has places of its own
 * there, so that the parent can give back what a worker held when the worker dies.
 *
 * @module
 */
import type { ConnectionCount } from "../../server/mod.ts";
import type { BudgetLedger } from "../../storage/mod.ts";
import { createSharedSessions, type SharedSessions } from "../../store/mod.ts";

/** Made by the parent and sent to each worker. */
export interface SharedMemory {
  /** The open connections of each worker. */
  readonly connections: Int32Array<SharedArrayBuffer>;
  /** At `TOTAL` bytes stored or promised, at `COUNTED` 1 once stored files were counted, then promises. */
  readonly budget: BigInt64Array<SharedArrayBuffer>;
  /** The sessions, where they are kept in memory. */
  readonly sessions?: SharedSessions;
}

const TOTAL = 0;
const COUNTED = 1;
/** From here on, the bytes promised by each worker. */
const PROMISES = 2;

/** Makes the memory that a number of workers share. @param hasSessions Whether it keeps the sessions, too. */
export function createSharedMemory(workers: number, hasSessions: boolean): SharedMemory {
  return {
    ...(hasSessions && { sessions: createSharedSessions() }),
    connections: new Int32Array(new SharedArrayBuffer(4 * workers)),
    budget: new BigInt64Array(new SharedArrayBuffer(8 * (PROMISES + workers))),
  };
}

/** Bytes stored and promised, over all workers. */
export function usedBytes({ budget }: SharedMemory): number {
  return Number(Atomics.load(budget, TOTAL));
}

/** Gives back the connections and promises of a worker that died; its files stay counted. */
export function reclaim({ connections, budget }: SharedMemory, worker: number): void {
  Atomics.store(connections, worker - 1, 0);
  Atomics.sub(budget, TOTAL, Atomics.exchange(budget, PROMISES + worker - 1, 0n));
}

/** Open connections; see {@linkcode ConnectionCount}. */
export class SharedConnectionCount implements ConnectionCount {
  readonly #open: Int32Array;
  readonly #place: number;

  /** @param worker Counted from 1. */
  constructor(memory: SharedMemory, worker: number) {
    this.#open = memory.connections;
    this.#place = worker - 1;
  }

  get total(): number {
    return this.#open.reduce((sum, _, place) => sum + Atomics.load(this.#open, place), 0);
  }

  add(change: 1 | -1): void {
    Atomics.add(this.#open, this.#place, change);
  }
}

/** Bytes stored and promised; see {@linkcode BudgetLedger}. */
export class SharedBudgetLedger implements BudgetLedger {
  readonly #bytes: BigInt64Array;
  readonly #promises: number;

  /** @param worker Counted from 1. */
  constructor(memory: SharedMemory, worker: number) {
    this.#bytes = memory.budget;
    this.#promises = PROMISES + worker - 1;
  }

  begin(stored: number): void {
    // Only the first worker counts the files that are there: later workers find the same files.
    if (Atomics.exchange(this.#bytes, COUNTED, 1n) === 0n) this.add(stored);
  }

  reserve(bytes: number, limit: number): boolean {
    const wanted = BigInt(bytes);
    const most = BigInt(limit) - wanted;
    for (let seen = Atomics.load(this.#bytes, TOTAL); seen <= most;) {
      const found = Atomics.compareExchange(this.#bytes, TOTAL, seen, seen + wanted);
      if (found === seen) {
        Atomics.add(this.#bytes, this.#promises, wanted);
        return true;
      }
      seen = found; // another worker was first: look again
    }
    return false;
  }

  release(bytes: number): void {
    Atomics.sub(this.#bytes, this.#promises, BigInt(bytes));
    Atomics.sub(this.#bytes, TOTAL, BigInt(bytes));
  }

  add(bytes: number): void {
    Atomics.add(this.#bytes, TOTAL, BigInt(bytes));
  }
}
