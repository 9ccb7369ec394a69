import assert from "node:assert/strict";
import { GroupSync } from "../../src/storage/flush.ts";

Deno.test({
  name: "GroupSync.sync() shares one flush among those who come while one runs",
  permissions: "none",
  async fn() {
    const runs: { keys: string[]; end: (error?: Error) => void }[] = [];
    const group = new GroupSync((keys) => {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      runs.push({ keys: [...keys], end: (error) => error ? reject(error) : resolve() });
      return promise;
    });
    const first = group.sync("a");
    const second = group.sync("b");
    const third = group.sync("a");
    assert.deepEqual(runs.map((run) => run.keys), [["a"]]);
    let secondDone = false;
    second.then(() => secondDone = true);
    runs[0]!.end();
    await first;
    while (runs.length < 2) await Promise.resolve();
    assert.equal(secondDone, false, "a flush that began before the call does not cover it");
    assert.deepEqual(runs[1]!.keys, ["b", "a"]);
    runs[1]!.end();
    await Promise.all([second, third]);
    assert.equal(runs.length, 2);
  },
});

Deno.test({
  name: "GroupSync.sync() fails for all who share the flush and for nobody after",
  permissions: "none",
  async fn() {
    let fail = true;
    const group = new GroupSync(async () => {
      await Promise.resolve();
      if (fail) throw new Error("EIO");
    });
    const first = group.sync("a");
    const results = await Promise.allSettled([first, group.sync("a"), group.sync("b")]);
    assert.deepEqual(results.map((result) => result.status), ["rejected", "rejected", "rejected"]);
    fail = false;
    await group.sync("a");
  },
});
