/** Counts what a load did. @module */
import type { LoadClient } from "./load_client.ts";
import type { LoadPlan, LoadResult } from "./types.ts";

/** Codes of requests that did what was asked. */
const SUCCESS: ReadonlySet<string> = new Set(["ok", "partial"]);

/** The count of one load. */
export class Tally {
  readonly #latencies: Float64Array;
  readonly #errors: Record<string, number> = {};
  #done = 0;
  #sent = 0;
  #received = 0;

  /** @param requests As many latencies are kept. */
  constructor(requests: number) {
    this.#latencies = new Float64Array(requests);
  }

  /** A reply came, so many milliseconds after its request began. */
  answered(code: string, ms: number): void {
    if (!SUCCESS.has(code)) return this.failed(code);
    this.#latencies[this.#done++] = ms;
  }

  /** A request was refused, or a connection ended. */
  failed(code: string): void {
    this.#errors[code] = (this.#errors[code] ?? 0) + 1;
  }

  /** A connection is over. */
  left(peer: LoadClient): void {
    this.#sent += peer.sentBytes;
    this.#received += peer.receivedBytes;
  }

  /** All of it. */
  result(plan: LoadPlan, seconds: number): LoadResult {
    const sorted = this.#latencies.subarray(0, this.#done).sort();
    const at = (share: number) => sorted[Math.floor((sorted.length - 1) * share)] ?? NaN;
    return {
      done: this.#done,
      errors: this.#errors,
      seconds,
      p50Ms: at(0.5),
      p99Ms: at(0.99),
      maxMs: at(1),
      payloadBytes: this.#done * plan.size,
      sentBytes: this.#sent,
      receivedBytes: this.#received,
    };
  }
}
