/** Readiness asks whether a line can be appended, and the answer is not to be a line a second. @module */
import type { Line, Manifest, OnListed, Position } from "./manifest.ts";

/**
 * A manifest whose `check` proves that a line can be appended, after one could not: it appends an empty line,
 * which all readers pass over, until that succeeds.
 */
export class ProvenManifest implements Manifest {
  readonly #inner: Manifest;
  #failed = false;

  /** @param inner Where the lines go. */
  constructor(inner: Manifest) {
    this.#inner = inner;
  }

  append(line: string, path?: string, exactly?: boolean): Position | undefined {
    return this.#proving(() => this.#inner.append(line, path, exactly));
  }

  appendAll(lines: readonly Line[], exactly: boolean, listed: OnListed): void {
    this.#proving(() => this.#inner.appendAll(lines, exactly, listed));
  }

  #proving<T>(append: () => T): T {
    try {
      const result = append();
      this.#failed = false;
      return result;
    } catch (error) {
      this.#failed = true;
      throw error;
    }
  }

  check(): void {
    this.#inner.check();
    if (this.#failed) this.append("");
  }

  sync(): Promise<void> {
    return this.#inner.sync();
  }

  close(): void {
    this.#inner.close();
  }
}
