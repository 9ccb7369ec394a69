/** The replies that a session keeps, as a list that takes one more without a copy of the others. @module */

/** A reply that a session keeps, so that a repeated request is answered and does not run again.
 * @category Session */
export interface RingEntry {
  /** The number of the request. */
  readonly sequence: number;
  /** The request as one text, to compare a repeated one with it (S-SEQ-1); see `fingerprint()`. */
  readonly fingerprint: string;
  /** The reply's session data, by its wire names. */
  readonly reply: KeptReply;
}

/** The session data of a kept reply. All its values survive JSON.
 * @category Session */
export interface KeptReply {
  /** What became of the request. */
  readonly code: string;
  /** The other fields of the reply. */
  readonly [field: string]: unknown;
}

/**
 * The kept replies of a session, oldest first. An array of replies is a ring as well. JSON writes every ring as an
 * array; for a store that copies records in another way, `slice()` makes one.
 * @category Session
 */
export interface Ring extends Iterable<RingEntry> {
  /** How many there are. */
  readonly length: number;
  /** The reply at an index, which counts from the end where it is negative; undefined where there is none. */
  at(index: number): RingEntry | undefined;
  /** The replies from an index on, as an array of their own. @param start 0 or more; absent: all. */
  slice(start?: number): RingEntry[];
}

/** A ring of so many replies is an array: a copy of few replies costs less than what saves it. */
const FEW = 16;

/** Replies that no ring needs any more are at most this part of those that the newest ring keeps. */
const SPARE = 1 / 4;

/** A ring without its first `gone` replies and with one more. The given ring stays as it is. */
export function afterRing(ring: Ring, gone: number, entry: RingEntry): Ring {
  const next = ring instanceof SharedRing ? ring.next(gone, entry) : undefined;
  if (next !== undefined) return next;
  const copy = ring.slice(gone).concat([entry]);
  return copy.length > FEW ? new SharedRing(copy) : copy;
}

/**
 * A ring as a window on a list, which the rings that follow it share, so that a new reply is put to the list's end
 * and no other is copied. A place of the list is never written again, and a ring sees no more than its window.
 */
class SharedRing implements Ring {
  readonly length: number;

  /** @param list From now on only rings use it. @param from Where the window begins; it ends with the list. */
  constructor(private readonly list: RingEntry[], private readonly from: number = 0) {
    this.length = list.length - from;
  }

  at(index: number): RingEntry | undefined {
    const place = index < 0 ? this.length + index : index;
    return place >= 0 && place < this.length ? this.list[this.from + place] : undefined;
  }

  slice(start: number = 0): RingEntry[] {
    return this.list.slice(this.from + start, this.from + this.length);
  }

  /** Called by `JSON.stringify`. */
  toJSON(): RingEntry[] {
    return this.slice();
  }

  [Symbol.iterator](): Iterator<RingEntry> {
    return this.slice().values();
  }

  /**
   * The ring that follows, on the same list.
   *
   * @returns Undefined where the list must be copied: another ring has followed this one, or too much of the list
   * is before the window.
   */
  next(gone: number, entry: RingEntry): SharedRing | undefined {
    const { list, length } = this;
    const from = this.from + gone;
    const isNewest = this.from + length === list.length;
    if (!isNewest || from > SPARE * (length - gone)) return undefined;
    list.push(entry);
    return new SharedRing(list, from);
  }
}
