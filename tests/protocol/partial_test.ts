import assert from "node:assert/strict";
import { PartialBuffer } from "../../src/protocol/partial.ts";
import { pure as test } from "../helpers/pure.ts";

test("S-FRM-6 PartialBuffer grows with what arrived: at most twice that, 256 bytes at first", () => {
  const buffer = new PartialBuffer();
  const byte = new Uint8Array([7]);
  buffer.append(byte, 0, 1);
  assert.equal(buffer.take().buffer.byteLength, 256);
  for (let count = 0; count < 16384; count++) buffer.append(byte, 0, 1);
  const bytes = buffer.take();
  assert.equal(bytes.length, 16384);
  assert.ok(bytes.every((value) => value === 7));
  assert.ok(bytes.buffer.byteLength <= 2 * 16384);
});

test("PartialBuffer.take() hands the bytes over and holds nothing any more", () => {
  const buffer = new PartialBuffer();
  assert.equal(buffer.take().length, 0);
  buffer.append(new Uint8Array([1, 2, 3, 4]), 1, 3);
  buffer.append(new Uint8Array([5]), 0, 1);
  const first = buffer.take();
  assert.deepEqual([...first], [2, 3, 5]);
  assert.equal(buffer.length, 0);
  buffer.append(new Uint8Array([9]), 0, 1);
  assert.deepEqual([...first], [2, 3, 5], "what was handed over stays as it was");
  buffer.clear();
  assert.equal(buffer.length, 0);
});
