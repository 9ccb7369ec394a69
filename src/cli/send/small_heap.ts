/**
 * Keeps the heap small while many files are sent. V8 doubles its space for new objects, up to 64 MiB, when much
 * of what lies in it is in use at the same time, as files under way are, and makes it smaller again only in a
 * clean-up that is asked for. That takes some 25 ms. So it comes only where the heap has grown by much, which
 * takes a few thousand files; for fewer nothing is loaded.
 *
 * @module
 */
import { cleaner, heapBytes } from "../../clean_up.ts";

/** What takes so many bytes is not cleaned up: with less, the clean-ups take too much time. */
const ENOUGH_BYTES = 27.5 * 2 ** 20;

/** Nor is one that has grown by less since the last clean-up: so much is in use. */
const GROWN_BYTES = 10 * 2 ** 20;

/** The digest of a file takes so many bytes outside the heap, until the next clean-up. */
const DIGEST_BYTES = 350;

/** Looks at the heap now and then. */
export class SmallHeap {
  #floor = 0;
  /** Files since the last clean-up. */
  #files = 0;
  #clean: (() => void) | undefined;
  #isLoaded = false;

  /** Cleans up if the heap is large. @param files How many were found since the last look. */
  async look(files: number): Promise<void> {
    this.#files += files;
    const taken = heapBytes() + this.#files * DIGEST_BYTES;
    if (taken < Math.max(ENOUGH_BYTES, this.#floor + GROWN_BYTES)) return;
    if (!this.#isLoaded) this.#clean = await cleaner();
    this.#isLoaded = true;
    this.#clean?.();
    this.#floor = heapBytes();
    this.#files = 0;
  }
}
