import assert from "node:assert/strict";
import type { ReplyBody } from "../../src/protocol/mod.ts";
import { frameSizeFor } from "../../src/client/frame_size.ts";
import { SequenceNumbers } from "../../src/client/sequence_numbers.ts";
import { pure } from "../helpers/pure.ts";
import { code } from "./scripted_peer.ts";

/** Three frames sent, then these replies: the number that comes next. */
function after(...replies: ReplyBody[]): number | undefined {
  const numbers = new SequenceNumbers();
  for (let n = 0; n < replies.length; n++) numbers.take();
  for (const [n, body] of replies.entries()) {
    numbers.answered(n + 1, body, n === replies.length - 1);
  }
  return numbers.refused ? undefined : numbers.next;
}

pure("numbers start at 1 and rise (S-SEQ-4)", () => {
  const numbers = new SequenceNumbers();
  assert.deepEqual([numbers.take(), numbers.take(), numbers.next], [1, 2, 3]);
  assert.equal(after({ code: "ok" }, { code: "partial" }), 3);
});

pure("after a refusal nothing is settled until all is answered", () => {
  const numbers = new SequenceNumbers();
  for (let n = 0; n < 3; n++) numbers.take();
  numbers.answered(1, { code: "storage_full" }, false);
  assert.equal(numbers.refused, true);
  numbers.answered(2, { code: "sequence_gap", expected: 1 }, false);
  assert.equal(numbers.refused, true);
  numbers.answered(3, { code: "sequence_gap", expected: 1 }, true);
  assert.deepEqual([numbers.refused, numbers.next], [false, 1]);
});

pure("what kept a frame from running does not use its number up (S-SEQ-2)", () => {
  for (const code of ["rate_limited", "storage_full", "offset_mismatch", "too_large"] as const) {
    assert.equal(after({ code }), 1, code);
  }
});

pure("an error that was kept used its number up, and so may one that does not say", () => {
  assert.equal(after({ code: "checksum_mismatch" }), 2);
  assert.equal(after({ code: "storage_full", replayed: true }), 2);
  assert.equal(after({ code: "checksum_mismatch" }, { code: "ok" }), 3);
  assert.equal(after({ code: "checksum_mismatch" }, { code: "checksum_mismatch" }), 3);
  assert.equal(after({ code: "checksum_mismatch" }, { code: "storage_full" }), 2);
});

pure("what the server expects counts above any guess", () => {
  assert.equal(after({ code: "quota_exceeded", expected: 1 }), 1);
  assert.equal(after({ code: "quota_exceeded" }, { code: "sequence_gap", expected: 1 }), 1);
  assert.equal(after({ code: "too_large" }, { code: "sequence_gap", expected: 2 }), 2);
});

pure("frameSizeFor() keeps to the terms", () => {
  const limits = { maxRequestSize: 1000, maxUploadSize: 5000, checkpointBytes: 1 };
  const roomy = { ...limits, maxRequestSize: 1 << 30, maxUploadSize: 0 };
  assert.equal(frameSizeFor("stateful", limits, 5000), 1000);
  assert.equal(frameSizeFor("stateful", roomy, 1 << 40), 8 << 20);
  assert.equal(frameSizeFor("stateful", roomy, undefined), 1 << 20);
  assert.equal(frameSizeFor("stateless", limits, 1000), Infinity);
  assert.equal(frameSizeFor("stateless", limits, undefined), 1000);
  assert.equal(frameSizeFor("stateless", undefined, 1 << 30), Infinity);
  assert.throws(() => frameSizeFor("stateful", limits, 5001), code("too_large"));
  assert.throws(() => frameSizeFor("stateless", limits, 1001), code("too_large"));
});
