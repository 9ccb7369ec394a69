/**
 * Whether calls that block are worth it: on a disk that answers at once such a call takes a few microseconds,
 * and one that is waited for several times as many. Pure but for the clock.
 *
 * @module
 */

/** A disk that takes longer for one file is not blocked on for the files that follow, in milliseconds. */
const SLOW_MS = 5;

/**
 * So many files are waited for then before a call blocks again: few at first, because a busy processor or a
 * clean-up of memory may have taken the time, and four times as many whenever that call is slow as well.
 */
const FIRST_PATIENT_FILES = 4;
const MOST_PATIENT_FILES = 64;

/** Blocks for one file after the other, as long as the disk is quick. */
export class Patience {
  #left = 0;
  #afterSlow = FIRST_PATIENT_FILES;

  /** What `work` returns; undefined if the disk was slow lately, and `work` was not called. */
  unlessSlow<T>(work: () => T): T | undefined {
    if (this.#left > 0) {
      this.#left--;
      return undefined;
    }
    const began = performance.now();
    try {
      return work();
    } finally {
      this.took(performance.now() - began);
    }
  }

  /** A call that blocks has taken so many milliseconds. */
  took(ms: number): void {
    const isSlow = ms > SLOW_MS;
    if (isSlow) this.#left = this.#afterSlow;
    this.#afterSlow = isSlow
      ? Math.min(4 * this.#afterSlow, MOST_PATIENT_FILES)
      : FIRST_PATIENT_FILES;
  }
}
