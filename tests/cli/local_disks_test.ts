import assert from "node:assert/strict";
import { LocalDisks, Patience } from "../../src/cli/local_disks.ts";

/** Blocks for as long as a slow disk does. */
function wait(ms: number): true {
  for (const began = performance.now(); performance.now() - began < ms;);
  return true;
}

Deno.test("Patience: after a slow call the next 64 are not made, and then it is tried again", () => {
  const patience = new Patience();
  assert.equal(patience.unlessSlow(() => true), true);
  assert.equal(patience.unlessSlow(() => wait(10)), true);
  let made = 0;
  for (let n = 0; n < 64; n++) assert.equal(patience.unlessSlow(() => ++made), undefined);
  assert.equal(patience.unlessSlow(() => ++made), 1);
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

Deno.test({
  name: "LocalDisks: without the permission to ask, no disk is local",
  permissions: { read: true },
  fn: async () => assert.equal(await new LocalDisks().has("."), false),
});
