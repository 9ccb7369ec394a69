/** Counts the results of the files, and derives the exit code from them. Pure. @module */
import type { SendResult } from "../../client/mod.ts";
import { type Code, CODES } from "../../errors.ts";

/** What counts of a result. */
type Counted = Pick<SendResult, "confirmed" | "replayed"> & Partial<SendResult>;

/** The results of all files. */
export class Tally {
  stored = 0;
  /** How many of the stored files the server had before. */
  present = 0;
  unconfirmed = 0;
  failed = 0;
  /** What is no file and was left out. */
  leftOut = 0;
  /** Files that would be sent, were this no dry run. */
  planned = 0;
  /** Bytes of the files that the server has now and had not before, or of those planned. */
  bytes = 0;
  /** Whether the user interrupted the command. */
  interrupted = false;
  readonly #exits = new Set<number>();

  /** Counts a file that was sent. */
  sent(bytes: number, { confirmed, replayed, existing }: Counted): void {
    if (confirmed) this.stored++;
    else this.unconfirmed++;
    if (replayed || existing) this.present++;
    else this.bytes += bytes;
  }

  /** Counts a file that would be sent. */
  plan(bytes: number): void {
    this.planned++;
    this.bytes += bytes;
  }

  /** Counts a file that was not stored. */
  fail(code: Code): void {
    this.failed++;
    this.stop(code);
  }

  /** The command ends because of an error. */
  stop(code: Code): void {
    this.#exits.add(CODES[code].exit);
    if (code === "interrupted") this.interrupted = true;
  }

  /** Counts what was left out; `decides` says whether the exit code tells of it. */
  leaveOut(number: number, decides: boolean): void {
    this.leftOut += number;
    if (number > 0 && decides) this.#exits.add(CODES.some_failed.exit);
  }

  /** Whether all tries were used up: a later run may succeed. */
  get gaveUp(): boolean {
    return this.#exits.has(CODES.connection_lost.exit);
  }

  /**
   * The exit code: 130 when interrupted; 9 when something was left out, only some files failed, or all
   * for different reasons; the code of the reason when all failed for the same one; 6 when a version 1
   * server confirmed nothing.
   */
  get exit(): number {
    if (this.interrupted) return CODES.interrupted.exit;
    if (this.#exits.size === 0) return this.unconfirmed > 0 ? CODES.sent_unconfirmed.exit : 0;
    const [reason] = this.#exits;
    const one = this.#exits.size === 1 && this.stored + this.unconfirmed + this.planned === 0;
    return one ? reason! : CODES.some_failed.exit;
  }
}
