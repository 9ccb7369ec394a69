/**
 * Turns of the event loop (S-FAIR-1). Frames that lie in memory can be served one after the other without
 * a wait, and so can reads of bytes that are here already: then all other connections stand still. So each
 * connection looks every so many frames whether the sockets of all were looked at meanwhile, as happens
 * whenever a request waits for the disk, the store or the peer; if not, the connection waits in line.
 *
 * @module
 */

/** After so many frames a connection looks. */
export const LOOK_FRAMES = 8;

/** After so many without a turn of others it waits: with those before its first look, 31 at most. */
export const TURN_FRAMES = 24;

/** After so long it looks, and waits, as well; in milliseconds. */
export const TURN_MS = 5;

/** So many connections of the line go on at a time: together their turns take a few milliseconds. */
const AT_A_TIME = 16;

const NOTHING = new Uint8Array(0);

/** The line of one server. Dispose of it to stop its timer. */
export class Turns implements Disposable {
  #line: (() => void)[] = [];
  #mark: ReturnType<typeof setTimeout> | undefined;
  /** Goes up when the sockets of all were looked at since {@linkcode Turns.mark} was called. */
  passes = 0;

  /** Says that a turn begins; gives `passes` as they are now. */
  mark(): number {
    // Timers run when Deno looks at the sockets, and not before.
    this.#mark ??= setTimeout(() => {
      this.#mark = undefined;
      this.passes++;
    }, 0);
    return this.passes;
  }

  /** Waits until the sockets of all were looked at, and those before in the line have had their turn. */
  next(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#line.push(resolve) === 1) void this.#go();
    });
  }

  /**
   * Deno looks at the sockets while it waits: for a timer, which takes a millisecond or two, or for another
   * thread, which takes some microseconds and so does not slow down a connection that is alone. In a
   * chain of setImmediate it does so once in 61 times only, but goes round each time.
   */
  async #go(): Promise<void> {
    await new Promise<void>((resolve) => setImmediate(resolve));
    await crypto.subtle.digest("SHA-256", NOTHING);
    while (this.#line.length > 0) {
      if (this.#line.length > 1) await new Promise((resolve) => setTimeout(resolve, 0));
      for (const go of this.#line.splice(0, AT_A_TIME)) go();
    }
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#mark);
  }
}
