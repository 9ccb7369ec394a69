import assert from "node:assert/strict";
import { LocalDisks } from "../../src/cli/local_disks.ts";
import { Patience } from "../../src/patience.ts";

/** Blocks for as long as a slow disk does. */
function wait(ms: number): true {
  for (const began = performance.now(); performance.now() - began < ms;);
  return true;
}

Deno.test("Patience: after a slow call the next 4 are not made, after more of them up to 64, after a quick one 4", () => {
  const patience = new Patience();
  assert.equal(patience.unlessSlow(() => true), true);
  const refused = () => {
    let count = 0;
    assert.equal(patience.unlessSlow(() => wait(10)), true);
    while (patience.unlessSlow(() => false) === undefined) count++;
    return count;
  };
  assert.equal(refused(), 4);
  assert.equal(refused(), 4);
  for (const most of [4, 16, 64, 64]) {
    assert.equal(patience.unlessSlow(() => wait(10)), true);
    for (let n = 0; n < most; n++) assert.equal(patience.unlessSlow(() => true), undefined);
  }
  assert.equal(patience.unlessSlow(() => true), true);
});

Deno.test("Patience: a call that throws is timed too", () => {
  const patience = new Patience();
  assert.throws(() =>
    patience.unlessSlow(() => {
      wait(10);
      throw new Error("gone");
    }), /gone/);
  assert.equal(patience.unlessSlow(() => true), undefined);
});

Deno.test("LocalDisks: what is no folder, or may not be asked about, is not local", async () => {
  const disks = new LocalDisks();
  assert.equal(await disks.has("/no/such/folder"), false);
  assert.equal(await disks.has("/proc"), false);
});

Deno.test("LocalDisks: memory, and a disk with a number of its own, are local", {
  ignore: Deno.build.os !== "linux",
}, async () => {
  const disks = new LocalDisks();
  assert.equal(await disks.has("/dev/shm"), true);
  const { dev } = await Deno.stat("/");
  if (Math.floor(dev / 256) % 4096 !== 0) assert.equal(await disks.has("/"), true);
});
