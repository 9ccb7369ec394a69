/** Gives out the sequence numbers of a session's requests (S-SEQ). Pure. @module */
import { CODES } from "../errors.ts";
import type { ReplyBody } from "../protocol/mod.ts";

/** Refusals after which the number is free again, besides all codes of class retry (S-SEQ-2). */
const NUMBER_STAYS_FREE: ReadonlySet<string> = new Set([
  "offset_mismatch",
  "sequence_gap",
  "sequence_reuse",
  "unauthorized",
  "too_large",
  "quota_exceeded",
  "forbidden",
]);

/**
 * The sequence numbers of one session. The server runs requests strictly in order, so after one refusal
 * the server refuses all later requests as well. When every reply is there, the client goes on with the
 * number that the server named, or that follows from the code of the refusal.
 */
export class SequenceNumbers {
  #next = 1;
  /** The highest number of which the server has said that it ran. */
  #ran = 0;
  /** After a refusal: the number that will be next once all replies are there. */
  #nextAfterRefusal: number | undefined;

  /** Whether a request was refused and not all replies are there: then nothing new may be sent. */
  get refused(): boolean {
    return this.#nextAfterRefusal !== undefined;
  }

  /** The number that {@linkcode take} would give out. */
  get next(): number {
    return this.#next;
  }

  /** A number that has run: requests carry it that use none up (S-ACT-1). */
  get ran(): number {
    return this.#ran;
  }

  /** Gives out the next number. */
  take(): number {
    return this.#next++;
  }

  /** Goes on with `next`, in a new session or over a new connection. */
  restart(next: number): void {
    this.#next = next;
    this.#ran = next - 1;
    this.#nextAfterRefusal = undefined;
  }

  /** A request was answered; `allAnswered` says that no other request waits for its reply. */
  answered(sequence: number, body: ReplyBody, allAnswered: boolean): void {
    const { code, expected } = body;
    if (CODES[code].class === "success" || body.replayed === true) {
      this.#ran = Math.max(this.#ran, sequence);
      if (this.refused) {
        this.#nextAfterRefusal = Math.max(this.#nextAfterRefusal!, sequence + 1);
      }
    } else if (typeof expected === "number") {
      this.#nextAfterRefusal = expected;
    } else {
      // Other codes do not say whether the number was used up. The higher guess is safe: the server
      // answers a number that is too high with sequence_gap and the right number. A number that is too
      // low would be that of an earlier request, and the new request's file would be lost.
      const free = CODES[code].class === "retry" || NUMBER_STAYS_FREE.has(code);
      const guess = free ? sequence : sequence + 1;
      if (!this.refused) this.#nextAfterRefusal = guess;
      else if (!free) this.#nextAfterRefusal = Math.max(this.#nextAfterRefusal!, guess);
    }
    if (this.#nextAfterRefusal !== undefined && allAnswered) this.restart(this.#nextAfterRefusal);
  }
}
