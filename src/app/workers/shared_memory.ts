/**
 * What the workers count together, in memory that all of them see. Each worker has places of its own, so
 * that what it held can be given back when it dies.
 *
 * @module
 */
import type { ConnectionCount } from "../../server/mod.ts";
import type { BudgetLedger } from "../../storage/mod.ts";

/** Made by the parent and sent to each worker. */
export interface SharedMemory {
  /** The open connections of each worker. */
  readonly connections: Int32Array<SharedArrayBuffer>;
  /** Bytes stored or promised, whether they were counted yet, then the promises of each worker. */
  readonly budget: BigInt64Array<SharedArrayBuffer>;
}

const TOTAL = 0;
const COUNTED = 1;
const PROMISES = 2;

/** Memory for so many workers. */
export function createSharedMemory(workers: number): SharedMemory {
  return {
    connections: new Int32Array(new SharedArrayBuffer(4 * workers)),
    budget: new BigInt64Array(new SharedArrayBuffer(8 * (PROMISES + workers))),
  };
}

/** Gives back what a worker that died held; its files stay. */
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
    // A worker that starts later finds files that were counted when they were stored.
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
