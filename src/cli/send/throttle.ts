/** `--limit-rate`: no more than so many bytes a second, over all files. @module */
import type { Source, SourceInput } from "../../client/mod.ts";

/** After a pause, at most the bytes of this time may go out at once. */
const BURST_MS = 250;

/**
 * A budget of bytes that grows with time. Each read takes its bytes from the budget, and waits as
 * long as the budget is overdrawn.
 */
export class Throttle {
  readonly #bytesPerMs: number;
  readonly #now: () => number;
  readonly #pause: (ms: number) => Promise<void>;
  /** When the budget is no longer overdrawn. */
  #paidAt: number;

  /** @param rate Bytes a second, above 0. */
  constructor(
    rate: number,
    now: () => number = () => performance.now(),
    pause: (ms: number) => Promise<void> = (ms) => new Promise((done) => setTimeout(done, ms)),
  ) {
    this.#bytesPerMs = rate / 1000;
    this.#now = now;
    this.#pause = pause;
    this.#paidAt = now();
  }

  /** The most bytes that are read at once, so that the rate is smooth. */
  get pieceBytes(): number {
    return Math.max(1, Math.floor(this.#bytesPerMs * BURST_MS));
  }

  /** Waits until `bytes` fit into the rate. */
  async take(bytes: number): Promise<void> {
    const now = this.#now();
    this.#paidAt = Math.max(this.#paidAt, now - BURST_MS) + bytes / this.#bytesPerMs;
    if (this.#paidAt > now) await this.#pause(this.#paidAt - now);
  }

  /** Wraps a source so that it gives its bytes at this rate. */
  readonly through = (input: SourceInput): SourceInput => {
    if (input instanceof ReadableStream) return input.pipeThrough(this.#stream());
    if (input instanceof Uint8Array || input instanceof Blob) return input;
    const source: Source = {
      size: input.size,
      read: async (into, offset) => {
        const count = await input.read(into.subarray(0, this.pieceBytes), offset);
        if (count !== null) await this.take(count);
        return count;
      },
      close: () => input.close?.(),
    };
    return input.changed === undefined ? source : { ...source, changed: () => input.changed!() };
  };

  #stream(): TransformStream<Uint8Array, Uint8Array> {
    return new TransformStream({
      transform: async (chunk, controller) => {
        for (let at = 0; at < chunk.length; at += this.pieceBytes) {
          const piece = chunk.subarray(at, at + this.pieceBytes);
          await this.take(piece.length);
          controller.enqueue(piece);
        }
      },
    });
  }
}
