/** What an outgoing file is prepared for, and what comes of it when that changes before a frame goes out. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { canHash } from "../../src/client/file_digest.ts";
import { OutgoingFile } from "../../src/client/outgoing_file.ts";
import type { Source } from "../../src/client/mod.ts";
import { pure } from "../helpers/pure.ts";
import { pattern } from "./scripted_peer.ts";

const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

/** A source that copies its bytes, as a file on disk does; `state.bytes` may become others. */
function copying(state: { bytes: Uint8Array }): Source {
  const copy = (into: Uint8Array, offset: number) => {
    const part = state.bytes.subarray(offset, offset + into.length);
    into.set(part);
    return part.length;
  };
  return {
    size: state.bytes.length,
    read: (into, offset) => Promise.resolve(copy(into, offset) || null),
  };
}

// The first tests: the others load what hashes without waiting.
pure("a file that is read at once is not asked whether it changed", async () => {
  assert.equal(canHash(), false);
  const state = { bytes: pattern(100, 1) };
  let asked = 0;
  const file = new OutgoingFile({
    ...copying(state),
    readNow: (into) => (into.set(state.bytes), state.bytes.length),
    changed: () => Promise.resolve(++asked > 0),
  }, {});
  await file.prepare(1000);
  assert.equal(canHash(), false);
  assert.deepEqual([file.prepared(1000)?.end, asked], [100, 0]);
  assert.equal(file.nextPart({ end: 100, last: true }, true).data.sha256, sha256(state.bytes));
});

pure("a frame that proves its bytes is hashed, whoever asks for that", async () => {
  assert.equal(canHash(), false);
  const bytes = pattern(100, 1);
  const file = new OutgoingFile(copying({ bytes }), {});
  await file.prepare(1000, true);
  const { data } = file.nextPart(file.prepared(1000, true)!, true, true);
  assert.equal(data.payloadSha256, sha256(bytes));
});

pure(
  "a file that changes before any of it is sent is prepared anew for frames of another size",
  async () => {
    const state = { bytes: pattern(100, 1) };
    const source = copying(state);
    const readNow = (into: Uint8Array) => (into.set(state.bytes), state.bytes.length);
    for (const input of [source, { ...source, readNow }]) {
      const file = new OutgoingFile(input, {});
      await file.prepare(1000);
      state.bytes = pattern(100, 2);
      assert.equal(file.prepared(2000), undefined);
      await file.prepare(2000);
      const { data } = file.nextPart(file.prepared(2000)!, true);
      assert.deepEqual(file.source.view(0, 100), state.bytes);
      assert.equal(data.sha256, sha256(state.bytes));
    }
  },
);

pure("a frame whose first bytes alone are in memory is not one that can be proven", async () => {
  const bytes = pattern(100_000, 1);
  const file = new OutgoingFile(copying({ bytes }), {});
  await file.prepare(200_000);
  assert.equal(file.prepared(200_000)?.end, bytes.length);
  assert.equal(file.prepared(200_000, true), undefined);
  await file.prepare(200_000, true);
  const { data } = file.nextPart(file.prepared(200_000, true)!, true, true);
  assert.equal(data.payloadSha256, sha256(bytes));
});
