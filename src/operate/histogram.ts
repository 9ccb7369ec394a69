/** Durations counted in buckets: adding one allocates nothing. @module */

/** The upper bounds of the buckets, in seconds: from a file in memory to a commit that waits for a disk. */
export const BOUNDS: readonly number[] = [0.001, 0.005, 0.025, 0.1, 0.5, 2.5];

/** A histogram as plain data. */
export interface HistogramData {
  /** How many durations fell into each bucket, the last one without a bound. */
  readonly counts: readonly number[];
  /** Their sum in seconds. */
  readonly sum: number;
}

/** Counts durations. */
export class Histogram {
  readonly #counts = new Float64Array(BOUNDS.length + 1);
  #sum = 0;

  /** Counts a duration in milliseconds. */
  add(ms: number): void {
    const seconds = ms / 1000;
    let at = 0;
    while (at < BOUNDS.length && seconds > BOUNDS[at]!) at++;
    this.#counts[at]!++;
    this.#sum += seconds;
  }

  get data(): HistogramData {
    return { counts: [...this.#counts], sum: this.#sum };
  }
}
