/** The index as it was found when it was last looked at. @module */
import type { IndexFile } from "./index_file.ts";

/**
 * For so long after a look, in milliseconds, {@linkcode LastLook.query} needs no other. A look takes as long as
 * the rest of a question, and a client that fetches a folder asks thousands of them in a second.
 */
const FRESH_MS = 5;

/** Where the index and its manifest are open for queries. */
export interface Looked {
  readonly index: IndexFile;
  readonly file: Deno.FsFile;
}

/** Answers questions about what does not change, without a look of their own. */
export class LastLook {
  #found: Looked | undefined;
  #at = NaN;

  /** Everything that is known has just been found in the index. */
  found(index: IndexFile, file: Deno.FsFile): Looked {
    this.#at = performance.now();
    return this.#found = { index, file };
  }

  /** More is known now than the index has, or the manifest is another one. */
  forget(): void {
    this.#found = undefined;
  }

  /**
   * Runs a query; what other processes have done since the look is not known to it.
   *
   * @returns Undefined as well where the look was too long ago, or the query has failed.
   */
  query<T>(run: (index: IndexFile, file: Deno.FsFile) => T): T | undefined {
    if (this.#found === undefined || performance.now() - this.#at > FRESH_MS) return undefined;
    try {
      return run(this.#found.index, this.#found.file);
    } catch {
      return undefined; // the index is another one now; the question that follows finds out
    }
  }
}
