/** Counts the replies, refusals and bytes of a load while it runs, and sums them up. @module */
import type { LoadPlan, LoadResult } from "./types.ts";

/** Codes of requests that did what was asked. */
const SUCCESS: ReadonlySet<string> = new Set(["ok", "partial"]);

/** The counts of one load. */
export class Tally {
  readonly #latencies: Float64Array;
  readonly #errors: Record<string, number> = {};
  #done = 0;
  #sent = 0;
  #received = 0;

  /** @param requests How many requests may succeed: a latency is kept for each. */
  constructor(requests: number) {
    this.#latencies = new Float64Array(requests);
  }

  /** Counts a reply that came `ms` milliseconds after its request began. */
  answered(code: string, ms: number): void {
    if (!SUCCESS.has(code)) return this.failed(code);
    this.#latencies[this.#done++] = ms;
  }

  /** Counts a refused request or a connection that ended early, under its code. */
  failed(code: string): void {
    this.#errors[code] = (this.#errors[code] ?? 0) + 1;
  }

  /** Adds the bytes of a connection that is closed. */
  transferred(sentBytes: number, receivedBytes: number): void {
    this.#sent += sentBytes;
    this.#received += receivedBytes;
  }

  /** The sum of all that was counted. */
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
