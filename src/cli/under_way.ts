/** Tasks that run at the same time. @module */

/** Counts the tasks under way, and waits until there are few enough. The tasks never reject. */
export class UnderWay {
  #count = 0;
  #bytes = 0;
  #wake: (() => void) | undefined;

  /** A task has begun; `bytes` is its share of what {@linkcode fewerThan} bounds. */
  add(task: Promise<void>, bytes: number = 0): void {
    this.begin(bytes);
    task.then(() => this.end(bytes));
  }

  /** As {@linkcode add}, for a task that calls {@linkcode end} itself. */
  begin(bytes: number = 0): void {
    this.#count++;
    this.#bytes += bytes;
  }

  /** A task has ended. */
  end(bytes: number = 0): void {
    this.#count--;
    this.#bytes -= bytes;
    this.#wake?.();
  }

  /** How many tasks are under way. */
  get count(): number {
    return this.#count;
  }

  /**
   * Waits until fewer than `most` tasks, or one, and fewer than `mostBytes` are under way. One promise is made
   * for each wait: `Promise.race` would add a reaction to every task each time.
   */
  async fewerThan(most: number, mostBytes: number = Infinity): Promise<void> {
    while (this.#count >= most || this.#count > 0 && this.#bytes >= mostBytes) {
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
  }
}
