/** Counts the results of the files, and derives the exit code from them. Pure. @module */
import { type Code, CODES } from "../../errors.ts";

/** The results of all files. */
export class Tally {
  stored = 0;
  unconfirmed = 0;
  failed = 0;
  /** Bytes of the stored and the unconfirmed files. */
  bytes = 0;
  /** Whether the user interrupted the command. */
  interrupted = false;
  readonly #exits = new Set<number>();

  /** Counts a file that was sent. */
  sent(bytes: number, confirmed: boolean): void {
    this.bytes += bytes;
    if (confirmed) this.stored++;
    else this.unconfirmed++;
  }

  /** Counts a file that was not stored. */
  fail(code: Code): void {
    this.failed++;
    this.#exits.add(CODES[code].exit);
    if (code === "interrupted") this.interrupted = true;
  }

  /** Whether all tries were used up: a later run may succeed. */
  get gaveUp(): boolean {
    return this.#exits.has(CODES.connection_lost.exit);
  }

  /**
   * The exit code: 130 when interrupted; 9 when only some files failed, or all for different reasons;
   * the code of the reason when all failed for the same one; 6 when a version 1 server confirmed
   * nothing.
   */
  get exit(): number {
    if (this.interrupted) return CODES.interrupted.exit;
    if (this.failed === 0) return this.unconfirmed > 0 ? CODES.sent_unconfirmed.exit : 0;
    const [reason] = this.#exits;
    const one = this.#exits.size === 1 && this.stored + this.unconfirmed === 0;
    return one ? reason! : CODES.some_failed.exit;
  }
}
