/** No more than so many bytes a second, over all files of a client. @module */
import { pause } from "../within.ts";

/** After a silence, at most the bytes of this time may go out at once. */
const BURST_MS = 250;

/**
 * A budget of bytes that grows with time. The transmitter takes each piece from the budget before it
 * writes the piece, and waits as long as the budget is overdrawn. Pieces are small, so that the clocks of
 * the server see bytes all the time, however low the rate is.
 */
export class Pace {
  /** The most bytes to take at once. */
  readonly pieceBytes: number;
  readonly #bytesPerMs: number;
  readonly #now: () => number;
  readonly #wait: typeof pause;
  /** When the budget is no longer overdrawn. */
  #paidAt: number;

  /** @param rate Bytes a second, above 0. */
  constructor(rate: number, now: () => number, wait: typeof pause = pause) {
    this.#bytesPerMs = rate / 1000;
    this.pieceBytes = Math.max(1, Math.floor(this.#bytesPerMs * BURST_MS));
    this.#now = now;
    this.#wait = wait;
    this.#paidAt = now();
  }

  /** Waits until `bytes` fit into the rate; an abort ends the wait. */
  async take(bytes: number, signal: AbortSignal): Promise<void> {
    const now = this.#now();
    this.#paidAt = Math.max(this.#paidAt, now - BURST_MS) + bytes / this.#bytesPerMs;
    if (this.#paidAt > now) await this.#wait(this.#paidAt - now, signal);
  }
}
