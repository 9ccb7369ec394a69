import assert from "node:assert/strict";
import { Pace } from "../../src/client/pace.ts";
import { pure } from "../helpers/pure.ts";

pure("Pace.take() waits off the debt, and a silence saves up little", async () => {
  let now = 0;
  const pauses: (number | undefined)[] = [];
  const pace = new Pace(1000, () => now, (ms) => {
    pauses.push(ms);
    now += ms!;
    return Promise.resolve();
  });
  const { signal } = new AbortController();
  await pace.take(500, signal);
  now += 60_000;
  await pace.take(250, signal);
  await pace.take(100, signal);
  assert.deepEqual(pauses, [500, 100]);
  assert.equal(pace.pieceBytes, 250);
});

pure("Pace.take() ends with an abort, and a piece has at least a byte", async () => {
  const pace = new Pace(0.01, () => performance.now());
  assert.equal(pace.pieceBytes, 1);
  const abort = new AbortController();
  const taken = pace.take(1, abort.signal); // 100 s
  abort.abort();
  await taken;
});
