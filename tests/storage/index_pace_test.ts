/** When the lines that wait come into the index. @module */
import assert from "node:assert/strict";
import { IndexPace } from "../../src/storage/index_pace.ts";

/** Looks until it is time, and returns how many looks that took; `each` runs at every look before. */
async function looksUntilTime(begin: (pace: IndexPace) => void, each?: (pace: IndexPace) => void) {
  let looks = 0;
  const isTime = Promise.withResolvers<void>();
  const pace: IndexPace = new IndexPace((now) => {
    looks++;
    if (now) isTime.resolve();
    else each?.(pace);
  }, 1);
  begin(pace);
  await isTime.promise;
  pace.stop();
  return looks;
}

Deno.test("IndexPace waits for ten looks without a new line", async () => {
  assert.equal(await looksUntilTime((pace) => pace.add(1)), 11);
  let busy = 5;
  const looks = await looksUntilTime((pace) => pace.add(1), (pace) => {
    if (busy-- > 0) pace.add(1);
  });
  assert.equal(looks, 16);
});

Deno.test("IndexPace waits for nothing after a list, nor when too many lines wait", async () => {
  const listed = await looksUntilTime((pace) => {
    pace.add(1);
    pace.listed();
  });
  assert.equal(listed, 1);
  assert.equal(await looksUntilTime((pace) => pace.add(100_001)), 1);
  assert.equal(await looksUntilTime((pace) => pace.add(60_000), (pace) => pace.add(30_000)), 3);
});

Deno.test("IndexPace.written() leaves the lines that came meanwhile, and stop() ends the looks", () => {
  const pace = new IndexPace(() => assert.fail("a look after the stop"), 1);
  pace.add(7);
  pace.written(5);
  assert.equal(pace.waiting, 2);
  pace.written(5);
  assert.equal(pace.waiting, 0);
  pace.stop();
  pace.add(1); // begins no timer: the sanitizer would find it
});
