/**
 * What a server reads only to throw it away (S-TRF-8), so that a peer gets to read its refusal: bounded in
 * sum (S-FAIR-1), because bytes cost their sender as little as their reader.
 *
 * @module
 */
import { MAX_DRAIN_BYTES } from "../protocol/mod.ts";

/** A server reads away 64 MiB a second, all connections together. */
const BYTES_PER_MS = 64 * 1024 * 1024 / 1000;

/** What was not read away in the last moments, may be made up for: so many milliseconds of it. */
const BURST_MS = 100;

/** So many connections at a time are read to the end, as far as S-TRF-8 goes; the others not so far. */
const FULL_DRAINS = 100;
const SHORT_DRAIN_BYTES = 1024 * 1024;

/** After so long, in milliseconds, it is looked for whom the wait is over: an interruption shall be noticed. */
const WAIT_MS = 50;

/** One read away takes so long at most, in milliseconds: reads are of 64 KiB. */
const PIECE_MS = 65536 / BYTES_PER_MS;

/** A connection in the line. */
interface Waiting {
  readonly go: () => void;
  readonly over: () => boolean;
}

/** The one account of a server. */
export class Drain {
  readonly #now: () => number;
  #line: Waiting[] = [];
  /** Up to when the bytes that were read away use up the rate. */
  #until = 0;
  /** How many connections are being read away. */
  #open = 0;
  /** All bytes so far. */
  bytes = 0;

  /** @param now Milliseconds of a monotonic clock. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** One connection begins. @returns How many of its bytes may be read away. */
  begin(): number {
    return this.#open++ < FULL_DRAINS ? MAX_DRAIN_BYTES : SHORT_DRAIN_BYTES;
  }

  /** One connection has ended. */
  end(): void {
    this.#open--;
  }

  /** So many bytes were read away. */
  took(bytes: number): void {
    this.bytes += bytes;
    this.#until = Math.max(this.#until, this.#now() - BURST_MS) + bytes / BYTES_PER_MS;
  }

  /** How long to wait before more may be read, in milliseconds; 0 if not at all. */
  get waitMs(): number {
    return Math.max(0, this.#until - this.#now());
  }

  /** Waits in line until more may be read, or `over` says that there is no more need. */
  ready(over: () => boolean): Promise<void> | undefined {
    if (this.#line.length === 0 && this.waitMs === 0) return undefined;
    return new Promise((go) => {
      if (this.#line.push({ go, over }) === 1) void this.#serve();
    });
  }

  /** One timer for all who wait: with one for each, a thousand connections would wake up every millisecond. */
  async #serve(): Promise<void> {
    for (let looked = this.#now(); this.#line.length > 0;) {
      const ms = Math.min(Math.max(this.waitMs, 1), WAIT_MS);
      await new Promise((resolve) => setTimeout(resolve, ms));
      const now = this.#now();
      for (let at = this.#until; at <= now && this.#line.length > 0; at += PIECE_MS) {
        this.#line.shift()!.go();
      }
      if (now - looked < WAIT_MS) continue;
      looked = now;
      const isOver = ({ over }: Waiting) => over();
      for (const { go } of this.#line.filter(isOver)) go();
      this.#line = this.#line.filter((waiting) => !isOver(waiting));
    }
  }
}
