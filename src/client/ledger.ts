/** Which requests are without an answer, in the order in which answers come: pure. @module */
import { ACTIONS } from "../protocol/mod.ts";
import type { Item } from "./items.ts";
import type { Frame } from "./outgoing_file.ts";

/** What was sent on this connection, and what an earlier one left unanswered. */
export class Ledger {
  #inflight: Item[] = [];
  /** Ran, but their replies were lost; in sequence order. */
  #replays: Frame[] = [];

  /** How many requests wait for an answer on this connection. */
  get size(): number {
    return this.#inflight.length;
  }

  /** The request that is answered next. */
  get head(): Item | undefined {
    return this.#inflight[0];
  }

  /** Whether a request of this kind waits. */
  has(kind: Item["kind"]): boolean {
    return this.#inflight.some((item) => item.kind === kind);
  }

  /** Whether no request waits that uses up a sequence number (S-SEQ-3). */
  get settled(): boolean {
    return this.#inflight.every(({ kind }) => kind !== "cancel" && !ACTIONS[kind].usesNumber);
  }

  /** A request goes out. */
  sent(item: Item): Item {
    this.#inflight.push(item);
    return item;
  }

  /** The request that was answered. */
  answered(): Item | undefined {
    return this.#inflight.shift();
  }

  /** The next frame to ask for again. */
  takeReplay(): Frame | undefined {
    for (;;) {
      const frame = this.#replays.shift();
      if (frame === undefined || !frame.upload.settled) return frame;
    }
  }

  /** A new session knows nothing of what was sent. */
  clear(): void {
    this.#inflight = [];
    this.#replays = [];
  }

  /**
   * The connection was replaced, and frames below `nextSequence` ran: they will be asked for again,
   * the others are forgotten.
   *
   * @returns The last of them for each file.
   */
  resume(nextSequence: number): ReadonlyMap<Frame["upload"], Frame> {
    const inflight = this.#inflight.flatMap((item) => item.kind === "transfer" ? item.frame : []);
    this.#inflight = [];
    this.#replays = [...inflight, ...this.#replays]
      .filter((frame) => frame.sequence < nextSequence && !frame.upload.settled)
      .sort((a, b) => a.sequence - b.sequence)
      // Their bytes are not sent again: the end offset alone makes the same request (S-SEQ-1).
      .map((frame) => ({
        ...frame,
        start: frame.end,
        data: { ...frame.data, offset: frame.end },
      }));
    return new Map(this.#replays.map((frame) => [frame.upload, frame]));
  }
}
