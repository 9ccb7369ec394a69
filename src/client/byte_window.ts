/** How many bytes a client has unanswered at a time: as many as the way to the server holds. Pure. @module */
import { UNANSWERED_BYTES } from "../protocol/mod.ts";

/** However much a server offers: a gigabyte a second over 50 ms has as many bytes on the way. */
export const MOST_UNANSWERED_BYTES: number = 64 * 1024 * 1024;

/** The way to a server holds so many bytes for each millisecond of the round trip: a gigabyte a second. */
const BYTES_PER_MS = 1024 * 1024;

/** The window grows if the way holds at least so many times its bytes. */
const FAR = 1.5;

/** The window grows again only if it brought so many times the bytes a second. */
const WORTHWHILE = 1.25;

/**
 * The window of a client, counted in bytes of payload (S-SEQ-6): while it is full, no other frame is begun. It
 * begins with what a fast way as long as this one holds, and with 8 MiB at least, and grows up to what the server
 * offers. When it is full, the bytes in it are timed. If their replies came close together after a long wait,
 * the way to the server was empty for most of the time: it holds the rate of the replies times the time of the
 * round trip. Where the server is the limit, the replies come evenly, and the window does not grow. On a slow
 * way a large window does no harm: the client writes no faster than the network takes its bytes.
 */
export class ByteWindow {
  /** Bytes of payload without a reply. */
  #unanswered = 0;
  #size = UNANSWERED_BYTES;
  /** What is timed: the bytes, since when, how many have no reply yet, and the first reply. */
  #timed:
    | {
      readonly bytes: number;
      readonly at: number;
      left: number;
      first: { readonly at: number; readonly left: number } | undefined;
    }
    | undefined;
  /** Bytes in a millisecond, with the window that was the best until now. */
  #rate = 0;

  /** The reply to the connect came after so many milliseconds. */
  connected(roundTripMs: number): void {
    this.#size = Math.max(this.#size, Math.ceil(BYTES_PER_MS * roundTripMs));
  }

  /** A request with so many bytes of payload is about to be written. */
  add(bytes: number): void {
    this.#unanswered += bytes;
  }

  /**
   * Whether no other frame may be begun.
   *
   * @param offered What the server offers, in bytes; undefined where it offers nothing beyond 8 MiB.
   */
  isFull(offered: number | undefined, now: number): boolean {
    if (this.#unanswered <= UNANSWERED_BYTES) return false;
    const most = Math.min(offered ?? 0, MOST_UNANSWERED_BYTES);
    if (this.#unanswered <= Math.min(this.#size, most)) return false;
    if (this.#size < most) {
      const bytes = this.#unanswered;
      this.#timed ??= { bytes, at: now, left: bytes, first: undefined };
    }
    return true;
  }

  /** A request with so many bytes of payload was answered; replies come in the order of their requests. */
  answered(bytes: number, now: number): void {
    this.#unanswered -= bytes;
    const timed = this.#timed;
    if (timed === undefined || bytes === 0) return;
    timed.left -= bytes;
    const { at, left, first } = timed;
    if (left > 0) {
      timed.first ??= { at: now, left };
      return;
    }
    this.#timed = undefined;
    // A single reply does not tell the time of the way from the time that the server took.
    if (first === undefined) return;
    const roundTrip = Math.max(now - at, 0.001);
    const rate = timed.bytes / roundTrip;
    const holds = first.left / Math.max(now - first.at, 0.001) * roundTrip;
    if (holds < FAR * timed.bytes || rate < WORTHWHILE * this.#rate) return;
    this.#rate = rate;
    this.#size = Math.ceil(holds);
  }

  /** The connection is another one: what was under way has no reply there, and the way may be shorter. */
  restart(): void {
    this.#unanswered = 0;
    this.#size = UNANSWERED_BYTES;
    this.#timed = undefined;
    this.#rate = 0;
  }
}
