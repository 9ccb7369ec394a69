/** Readiness asks whether a line can be appended, and the answer is not to be a line a second. @module */
import type { Manifest, Position } from "./manifest.ts";

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
    try {
      const position = this.#inner.append(line, path, exactly);
      this.#failed = false;
      return position;
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
