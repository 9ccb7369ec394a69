/** One time for all threads that share sessions, carried on from beat to beat. @module */

/** Between two beats, in milliseconds. */
const BEAT_MS = 1000;

/**
 * Milliseconds since the epoch. The first thread takes it from the wall clock, and each that is started later
 * from the others, because the wall clock may have been set meanwhile. Then each measures by its own monotonic
 * clock, and follows the one that is ahead, so that a thread which found an old beat catches up.
 */
export class SharedClock implements Disposable {
  /** The time that was told last, in microseconds. */
  readonly #told: BigInt64Array<SharedArrayBuffer>;
  readonly #timer: ReturnType<typeof setInterval>;
  /** The time less the monotonic clock of this thread. */
  #base: number;

  constructor(told: BigInt64Array<SharedArrayBuffer>) {
    this.#told = told;
    const found = Number(Atomics.load(told, 0)) / 1000;
    this.#base = (found === 0 ? Date.now() : found) - performance.now();
    this.now();
    this.#timer = setInterval(() => this.now(), BEAT_MS);
    Deno.unrefTimer(this.#timer);
  }

  /** The time; never less than any thread was told before. */
  now(): number {
    const mine = this.#base + performance.now();
    const micros = BigInt(Math.floor(mine * 1000));
    for (let told = Atomics.load(this.#told, 0);;) {
      if (told > micros) {
        this.#base += Number(told - micros) / 1000;
        return Number(told) / 1000;
      }
      const found = Atomics.compareExchange(this.#told, 0, told, micros);
      if (found === told) return Number(micros) / 1000;
      told = found;
    }
  }

  /** Tells the time no more. */
  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}
