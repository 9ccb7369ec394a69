import assert from "node:assert/strict";
import { FxferError } from "../../src/errors.ts";
import {
  fingerprint,
  judge,
  remember,
  type RequestFacts,
  type Ring,
  type RingEntry,
} from "../../src/session/mod.ts";
import { pure } from "./samples.ts";

const facts: RequestFacts = {
  action: "transfer",
  mimeType: "image/png",
  complete: true,
  end: 10,
  principal: "192.0.2.7",
};
const entry = (sequence: number): RingEntry => ({
  sequence,
  fingerprint: `f${sequence}`,
  reply: { code: "ok", at: sequence },
});
// Last is 9; 1 to 6 have fallen out.
const session = { lastSequence: 9, ring: [entry(7), entry(8), entry(9)] };

const numbers = (ring: Ring): number[] => [...ring].map(({ sequence }) => sequence);

function refusal(sequence: number, print = "x", of = session): [string, unknown] {
  const verdict = judge(of, sequence, print);
  assert.ok(verdict.kind === "refuse" && verdict.error instanceof FxferError);
  return [verdict.error.code, verdict.error.fields.expected];
}

pure("S-SEQ judge() runs last + 1, and the first frame of a new session is 1", () => {
  assert.deepEqual(judge(session, 10, "any"), { kind: "run" });
  assert.deepEqual(judge({ lastSequence: 0, ring: [] }, 1, "any"), { kind: "run" });
});

pure("S-SEQ judge() replays each kept frame with its own reply, marked as replayed", () => {
  for (const at of [7, 8, 9]) {
    assert.deepEqual(judge(session, at, `f${at}`), {
      kind: "replay",
      reply: { code: "ok", at, replayed: true },
    });
  }
  assert.equal(session.ring[2]!.reply.replayed, undefined, "the kept reply is not touched");
});

pure("S-SEQ judge() replays a kept error as it was", () => {
  const failed = { ...entry(1), reply: { code: "checksum_mismatch" } };
  assert.deepEqual(judge({ lastSequence: 1, ring: [failed] }, 1, "f1"), {
    kind: "replay",
    reply: { code: "checksum_mismatch", replayed: true },
  });
});

pure("S-SEQ judge() refuses a kept sequence with another request", () => {
  assert.deepEqual(refusal(9, "f8"), ["sequence_reuse", 10]);
});

pure("S-SEQ judge() refuses what is older than the ring, and sequence 0", () => {
  assert.deepEqual(refusal(6, "f6"), ["replay_too_old", 10]);
  assert.deepEqual(refusal(0), ["replay_too_old", 10]);
  assert.deepEqual(refusal(0, "x", { lastSequence: 0, ring: [] }), ["replay_too_old", 1]);
});

pure("S-SEQ judge() refuses a gap and says what it expected", () => {
  assert.deepEqual(refusal(11), ["sequence_gap", 10]);
  assert.deepEqual(refusal(Number.MAX_SAFE_INTEGER), ["sequence_gap", 10]);
  assert.deepEqual(refusal(2, "x", { lastSequence: 0, ring: [] }), ["sequence_gap", 1]);
});

pure("S-SEQ judge() does not run again what stands in the ring alone", () => {
  const ahead = { lastSequence: 8, ring: [entry(8), entry(9)] };
  assert.equal(judge(ahead, 9, "f9").kind, "replay");
  assert.equal(judge(ahead, 10, "f10").kind, "run");
});

pure("S-SEQ judge() finds its entry in a ring with holes", () => {
  const holed = { lastSequence: 9, ring: [entry(3), entry(9)] };
  assert.equal(judge(holed, 3, "f3").kind, "replay");
  assert.deepEqual(refusal(8, "f8", holed), ["replay_too_old", 10]);
});

pure("S-SEQ-6 remember() forgets what has been read, and never the reply that is new", () => {
  const { ring } = session;
  const kept = (received: number) => numbers(remember(ring, entry(10), 4, received));
  assert.deepEqual(kept(0), [7, 8, 9, 10]);
  assert.deepEqual(kept(7), [8, 9, 10]);
  assert.deepEqual(kept(9), [10]);
  assert.deepEqual(kept(99), [10]);
  assert.deepEqual(numbers(remember(ring, entry(10), 2, 7)), [9, 10]);
});

pure("remember() keeps the newest replies in order and leaves the old ring alone", () => {
  const ring = Object.freeze([entry(1), entry(2)]);
  const sequences = (max: number) => numbers(remember(ring, entry(3), max));
  assert.deepEqual(sequences(16), [1, 2, 3]);
  assert.deepEqual(sequences(3), [1, 2, 3]);
  assert.deepEqual(sequences(2), [2, 3]);
  assert.deepEqual(sequences(1), [3]);
  for (const max of [0, -1, NaN]) assert.throws(() => sequences(max), RangeError);
});

pure("S-SEQ-1 fingerprint() differs where any one fact does", () => {
  const full = {
    ...facts,
    uploadId: "u",
    name: "n",
    length: 10,
    sha256: "ab",
  };
  const variants: RequestFacts[] = [
    full,
    facts,
    { ...full, action: "disconnect" },
    { ...full, uploadId: "v" },
    { ...full, name: "m" },
    { ...full, mimeType: "image/gif" },
    { ...full, length: 11 },
    { ...full, sha256: "ac" },
    { ...full, complete: false },
    { ...full, end: 11 },
    { ...full, principal: "192.0.2.8" },
    { ...facts, uploadId: "x" },
    { ...facts, sha256: "x" },
    { ...facts, name: "x" },
    { ...facts, name: "" },
    { ...facts, name: "-" },
    { ...facts, end: 1, length: 0 },
    { ...facts, end: 10, length: 0 },
  ];
  assert.equal(new Set(variants.map(fingerprint)).size, variants.length);
  assert.equal(fingerprint({ ...full }), fingerprint(full));
});

pure("S-SEQ-1 fingerprint() cannot be forged by a name that looks like other fields", () => {
  const plain = fingerprint({ ...facts, name: "a", principal: "b" });
  for (const name of ["a1:b", "a1:", "", "1:a", "a1:b9:192.0.2.7"]) {
    assert.notEqual(fingerprint({ ...facts, name, principal: "b" }), plain);
  }
  assert.notEqual(
    fingerprint({ ...facts, name: "a", principal: "1:b" }),
    fingerprint({ ...facts, name: "a1:", principal: "b" }),
  );
});

pure("fingerprint() stays under 700 characters with every fact at its limit", () => {
  const longest = fingerprint({
    action: "disconnect",
    uploadId: "u".repeat(36),
    name: "n".repeat(255),
    mimeType: "m".repeat(127),
    length: Number.MAX_SAFE_INTEGER,
    sha256: "f".repeat(64),
    complete: false,
    end: Number.MAX_SAFE_INTEGER,
    principal: "p".repeat(100),
  });
  assert.ok(longest.length < 700, String(longest.length));
});
