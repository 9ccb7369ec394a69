/** Exactly once: what the server does with a frame, by its number (S-SEQ-1, S-SEQ-2). @module */
import { type Code, FxferError } from "../errors.ts";
import { afterRing, type KeptReply, type Ring, type RingEntry } from "./ring.ts";
import type { SessionRecord } from "./session.ts";

/** The facts of a request. Two requests are the same if all their facts are equal (S-SEQ-1). */
export interface RequestFacts {
  readonly action: string;
  readonly uploadId?: string | undefined;
  readonly name?: string | undefined;
  readonly mimeType: string;
  readonly length?: number | undefined;
  readonly sha256?: string | undefined;
  readonly complete: boolean;
  /** The offset after the frame: offset + size. */
  readonly end: number;
  /** How the request was authorised: the session's {@linkcode AuthMethod}, by `authMethodOf()`. */
  readonly principal: string;
}

/** Which replies a session keeps. */
export interface RingTerms {
  /** How many. */
  readonly maxInflight: number;
  /** The client has read every reply up to this number (S-SEQ-6); absent if it does not say. */
  readonly received?: number | undefined;
}

/** What to do with a frame. */
export type SequenceDecision =
  /** The frame is the next one: run it. */
  | { readonly kind: "run" }
  /** The frame ran before: read its payload away, and send this reply, already marked `replayed`. */
  | { readonly kind: "replay"; readonly reply: KeptReply }
  /** Answer with this error; the session does not change, and the number stays free (S-SEQ-2). */
  | { readonly kind: "refuse"; readonly error: FxferError };

// With its length in front, a text cannot be mistaken for another field, and needs no escapes.
const text = (value: string | undefined): string =>
  value === undefined ? "-" : `${value.length}:${value}`;

/**
 * Makes one short text of the facts of a request; two texts are equal exactly if all facts are.
 *
 * The text is about 40 characters longer than its facts; the limits of the wire keep it under 700.
 */
export function fingerprint(facts: RequestFacts): string {
  const made = `${facts.action} ${facts.complete ? "c" : "p"}${facts.end}/${facts.length ?? "-"} ` +
    text(facts.mimeType) + text(facts.uploadId) + text(facts.sha256) + text(facts.name) +
    text(facts.principal);
  // V8 keeps a joined text as a tree of its pieces until it is read: 900 bytes for each kept reply instead of 150.
  made.charCodeAt(0);
  return made;
}

const RUN: SequenceDecision = { kind: "run" };

/**
 * Judges a frame that uses up a number: a transfer or a disconnect.
 *
 * @param sequence The number the frame carries. No frame ever had number 0, so it is `replay_too_old`.
 * @param fingerprint The frame's {@linkcode fingerprint}.
 */
export function judge(
  session: Pick<SessionRecord, "lastSequence" | "ring">,
  sequence: number,
  fingerprint: string,
): SequenceDecision {
  const { ring } = session;
  // A frame whose reply is kept has run, whatever else the record says.
  const last = Math.max(session.lastSequence, ring.at(-1)?.sequence ?? 0);
  if (sequence === last + 1) return RUN;
  const refuse = (code: Code, message: string): SequenceDecision => (
    { kind: "refuse", error: new FxferError(code, message, { fields: { expected: last + 1 } }) }
  );
  if (sequence > last) return refuse("sequence_gap", "Cannot run frame: an earlier one is missing");
  // The entry is searched, not computed: the ring may be shorter than max_inflight is or was.
  const entry = ring.slice().findLast((kept) => kept.sequence === sequence);
  if (entry === undefined) {
    return refuse("replay_too_old", "Cannot repeat reply: it is no longer kept");
  }
  if (entry.fingerprint !== fingerprint) {
    const why = "its sequence number belongs to another request";
    return refuse("sequence_reuse", `Cannot run frame: ${why}`);
  }
  return { kind: "replay", reply: { ...entry.reply, replayed: true } };
}

/**
 * Makes a ring with one more reply, without those that the client has read (S-SEQ-6), and without the
 * oldest ones if it would be too long.
 *
 * @param max How many replies the ring keeps: max_inflight, 1 or more.
 * @param received Every reply up to this number has been read.
 * @throws {RangeError} If `max` is below 1.
 */
export function remember(
  ring: Ring,
  entry: RingEntry,
  max: number,
  received = 0,
): Ring {
  if (!(max >= 1)) throw new RangeError("Cannot keep replies: max must be 1 or more");
  let gone = Math.max(0, ring.length + 1 - max);
  while (gone < ring.length && ring.at(gone)!.sequence <= received) gone++;
  return afterRing(ring, gone, entry);
}
