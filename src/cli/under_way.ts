/** Tasks that run at the same time. @module */

/** Counts the tasks under way, and waits until there are few enough. The tasks never reject. */
export class UnderWay {
  #count = 0;
  #wake: (() => void) | undefined;

  /** A task has begun. */
  add(task: Promise<void>): void {
    this.#count++;
    task.finally(() => {
      this.#count--;
      this.#wake?.();
    });
  }

  /**
   * Waits until fewer than `most` tasks are under way. One promise is made for each wait: `Promise.race` would
   * add a reaction to every task each time.
   */
  async fewerThan(most: number): Promise<void> {
    while (this.#count >= most) await new Promise<void>((resolve) => this.#wake = resolve);
  }
}
