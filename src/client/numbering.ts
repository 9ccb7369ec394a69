/**
 * Which sequence number comes next, from the client's side (S-SEQ): pure.
 *
 * Frames run strictly in order, so after one refusal all that stand behind it are refused too. Nothing
 * new goes out then until every reply is there; the number to go on with is the one the server
 * names, or follows from the code.
 *
 * @module
 */
import { CODES } from "../errors.ts";
import type { ReplyBody } from "../protocol/mod.ts";

/** Refusals that do not use up the sequence number, besides all of class retry (S-SEQ-2). */
const NOT_RUN: ReadonlySet<string> = new Set([
  "offset_mismatch",
  "sequence_gap",
  "sequence_reuse",
  "unauthorized",
  "too_large",
]);

/** See the module's text. */
export class Numbering {
  #next = 1;
  /** After a refusal: what will be the next once all is answered. */
  #expected: number | undefined;

  /** Whether replies must come in before anything new is sent. */
  get settling(): boolean {
    return this.#expected !== undefined;
  }

  /** The last number given out: what a heartbeat repeats (S-SEQ-3). */
  get last(): number {
    return this.#next - 1;
  }

  /** The number {@linkcode take} would give. */
  get next(): number {
    return this.#next;
  }

  /** Gives out a number. */
  take(): number {
    return this.#next++;
  }

  /** Goes on with `next`, over a new connection. */
  restart(next: number): void {
    this.#next = next;
    this.#expected = undefined;
  }

  /** A frame was answered; `allAnswered`: no other waits. */
  answered(sequence: number, body: ReplyBody, allAnswered: boolean): void {
    const { code, expected } = body;
    if (CODES[code].class === "success" || body.replayed === true) {
      if (this.settling) this.#expected = Math.max(this.#expected!, sequence + 1);
    } else if (typeof expected === "number") {
      this.#expected = expected;
    } else if (!this.settling) {
      // A number too high costs one sequence_gap, which names the right one; a number too low would
      // name another request and cost the file.
      const same = CODES[code].class === "retry" || NOT_RUN.has(code);
      this.#expected = same ? sequence : sequence + 1;
    }
    if (this.#expected !== undefined && allAnswered) this.restart(this.#expected);
  }
}
