/**
 * Turns of the event loop (S-FAIR-1). Frames that lie in memory can be served one after the other without
 * a wait, and so can reads of bytes that are here already: then all other connections stand still. So each
 * connection looks every so many frames whether the event loop has gone round since the look before, as it
 * does whenever a request waits for the disk, the store or the peer; if not, the connection waits in line.
 *
 * @module
 */
import { setImmediate } from "node:timers"; // no global in Deno 2.6.8
import { FRAMES_AT_ONCE, Pace } from "./pace.ts";

/** After so many frames a connection looks: so 32 are served at most without a turn of others. */
const LOOK_FRAMES = 16;

/** After so long it looks as well, in milliseconds: so 5 ms pass at most, but for a longer frame. */
const LOOK_MS = 2.5;

/** So many connections of the line go on at a time: together their turns take a few milliseconds. */
const AT_A_TIME = 16;

/** A connection alone in the line waits for a look at the sockets each time of so many. */
const LOOKS = 4;

/** After so long without a look nothing is held against a connection, in milliseconds. */
const FORGIVEN_MS = 1000;

const NOTHING = new Uint8Array(0);

/**
 * Waits until Deno has looked at the sockets. It looks while it waits: for a timer, which takes a millisecond or
 * two, or for another thread, which takes some microseconds.
 */
export async function lookAtSockets(): Promise<void> {
  await crypto.subtle.digest("SHA-256", NOTHING);
  await new Promise<void>((resolve) => setImmediate(resolve)); // the reads that it has ended are told
}

/** The line of one server. */
export class Turns {
  #line: (() => void)[] = [];
  #gone = 0;
  #marked = false;
  /** How fast frames are answered that change nothing. */
  readonly pace: Pace = new Pace();
  /** Goes up when the event loop has gone round since {@linkcode Turns.mark} was called. */
  passes = 0;

  /** Begins to look whether the event loop goes round; gives `passes` as they are now. */
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

  /** Waits until the event loop has gone round, and those before in the line have had their turn. */
  next(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#line.push(resolve) === 1) void this.#go();
    });
  }

  /**
   * Each setImmediate lets the event loop go round, but in a chain of them Deno looks at the sockets once in
   * 61 times only. So a connection alone in the line waits for a look now and then.
   */
  async #go(): Promise<void> {
    await new Promise<void>((resolve) => setImmediate(resolve));
    if (++this.#gone % LOOKS === 0) await lookAtSockets();
    while (this.#line.length > 0) {
      if (this.#line.length > 1) await new Promise((resolve) => setTimeout(resolve, 0));
      for (const go of this.#line.splice(0, AT_A_TIME)) go();
    }
  }
}

/** The turns of one connection. */
export class Turn {
  readonly #turns: Turns;
  #frames = 0;
  #since = performance.now();
  /** The pass of the event loop in which this connection began to count; -1 if it has not. */
  #pass = -1;
  /** How many frames that change nothing were answered since this connection asked for more. */
  #idle = 0;
  #go: (() => void) | undefined;
  /** Since when it waits for the pace of such frames, by `performance.now()`; 0 while it does not. */
  pacedSince = 0;

  constructor(turns: Turns) {
    this.#turns = turns;
  }

  /** To be called before each frame. Unless others could be served since the last look, gives what to wait for. */
  look(): Promise<void> | undefined {
    if (++this.#frames % 2 === 1) return undefined; // the clock is asked for each second frame
    const now = performance.now();
    if (this.#frames < LOOK_FRAMES && now - this.#since <= LOOK_MS) return undefined;
    this.#frames = 0;
    if (now - this.#since > FORGIVEN_MS) this.#idle = 0;
    this.#since = now;
    if (this.#idle >= FRAMES_AT_ONCE) {
      this.#idle = 0;
      if (!this.#turns.pace.take()) return this.#wait();
    }
    if (this.#pass !== this.#turns.passes) {
      this.#pass = this.#turns.mark();
      return undefined;
    }
    this.#pass = -1;
    return this.#turns.next().then(() => void (this.#since = performance.now()));
  }

  #wait(): Promise<void> {
    this.pacedSince = this.#since;
    return new Promise<void>((resolve) => {
      this.#go = resolve;
      this.#turns.pace.wait(resolve);
    }).then(() => void (this.pacedSince = 0));
  }

  /** A frame that changed nothing was answered. */
  idle(): void {
    this.#idle++;
    this.#turns.pace.frames++;
  }

  /** Ends a wait for the pace: the connection is to end. */
  hurry(): void {
    if (this.#go === undefined) return;
    this.#turns.pace.leave(this.#go);
    this.#go();
  }
}
