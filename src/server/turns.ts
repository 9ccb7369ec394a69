/**
 * Turns of the event loop (S-FAIR-1). Frames that lie in memory can be served one after the other without
 * a wait: reads of bytes that are here already do not wait either. Then all other connections stand still.
 * So each connection looks every so many frames whether the event loop has gone round meanwhile, as it
 * does whenever a request waits for the disk, the store or the peer; if not, the connection waits in line.
 *
 * @module
 */

/** After so many frames a connection looks at the event loop: 31 pass without a turn of others at most. */
export const TURN_FRAMES = 16;

/** After so long it looks as well, in milliseconds. */
export const TURN_MS = 5;

/** So many connections of the line go on at a time: together their turns take a few milliseconds. */
const AT_A_TIME = 8;

/** The line of one server. */
export class Turns {
  #line: (() => void)[] = [];
  #marked = false;
  /** Goes up when the event loop has gone round since {@linkcode Turns.mark} was called. */
  passes = 0;

  /** Says that a turn begins; gives `passes` as they are now. */
  mark(): number {
    if (!this.#marked) {
      this.#marked = true;
      setImmediate(() => {
        this.#marked = false;
        this.passes++;
      });
    }
    return this.passes;
  }

  /** Waits until the sockets of all were looked at, and those before in the line have had their turn. */
  next(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#line.push(resolve) === 1) this.#later();
    });
  }

  // Only a timer lets Deno look at the sockets each time; a chain of setImmediate does so now and then.
  #later(): void {
    setTimeout(() => {
      for (const go of this.#line.splice(0, AT_A_TIME)) go();
      if (this.#line.length > 0) this.#later();
    }, 0);
  }
}
