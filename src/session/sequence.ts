/**
 * Exactly once: what to do with a frame by its sequence number (S-SEQ).
 *
 * @module
 */
import { FxferError } from "../errors.ts";
import type { KeptReply, RingEntry, SessionRecord } from "./session.ts";

/** What makes two requests the same (S-SEQ-1). */
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
  /** Who asks: what the request was authorised as. */
  readonly principal: string;
}

/** What to do with a frame. */
export type SequenceDecision =
  /** It is the next one: run it. */
  | { readonly kind: "run" }
  /** It ran before: read its payload away and send this, already marked `replayed`. */
  | { readonly kind: "replay"; readonly reply: KeptReply }
  /** Answer with this; nothing changes and the sequence does not advance (S-SEQ-2). */
  | { readonly kind: "refuse"; readonly error: FxferError };

// With its length in front no text can be mistaken for another field, and nothing needs escaping.
const text = (value: string | undefined): string =>
  value === undefined ? "-" : `${value.length}:${value}`;

/**
 * A request as one short text: equal exactly when all the facts are equal.
 *
 * It is as long as its facts and some 40 characters: the limits of the wire keep it under 700.
 */
export function fingerprint(facts: RequestFacts): string {
  return `${facts.action} ${facts.complete ? "c" : "p"}${facts.end}/${facts.length ?? "-"} ` +
    text(facts.mimeType) + text(facts.uploadId) + text(facts.sha256) + text(facts.name) +
    text(facts.principal);
}

const RUN: SequenceDecision = { kind: "run" };

/**
 * Judges a transfer or disconnect by its sequence number; connect and heartbeat consume none.
 *
 * @param sequence As the frame carries it; 0 was never given to a frame and is `replay_too_old`.
 * @param fingerprint Of the frame, by {@linkcode fingerprint}.
 */
export function judge(
  session: Pick<SessionRecord, "lastSequence" | "ring">,
  sequence: number,
  fingerprint: string,
): SequenceDecision {
  const { ring } = session;
  // What the ring holds has run, whatever else the record says.
  const last = Math.max(session.lastSequence, ring.at(-1)?.sequence ?? 0);
  if (sequence === last + 1) return RUN;
  if (sequence > last) {
    return refuse(
      new FxferError("sequence_gap", "Cannot run frame: an earlier one is missing", {
        fields: { expected: last + 1 },
      }),
    );
  }
  // Looked up, not computed: a ring may be shorter than max_inflight was or is.
  const entry = ring.findLast((kept) => kept.sequence === sequence);
  if (entry === undefined) {
    return refuse(
      new FxferError("replay_too_old", "Cannot repeat reply: it is no longer kept", {
        fields: { expected: last + 1 },
      }),
    );
  }
  if (entry.fingerprint !== fingerprint) {
    return refuse(
      new FxferError(
        "sequence_reuse",
        "Cannot run frame: its sequence number belongs to another request",
        { fields: { expected: last + 1 } },
      ),
    );
  }
  return { kind: "replay", reply: { ...entry.reply, replayed: true } };
}

function refuse(error: FxferError): SequenceDecision {
  return { kind: "refuse", error };
}

/**
 * The ring with one more reply; the oldest fall out.
 *
 * @param max How many it keeps: max_inflight, 1 or more.
 * @throws {RangeError} If `max` is below 1.
 */
export function remember(
  ring: readonly RingEntry[],
  entry: RingEntry,
  max: number,
): readonly RingEntry[] {
  if (!(max >= 1)) throw new RangeError("Cannot keep replies: max must be 1 or more");
  const kept = ring.slice(Math.max(0, ring.length + 1 - max));
  kept.push(entry);
  return kept;
}
