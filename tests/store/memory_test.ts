import assert from "node:assert/strict";
import { close, expire, renewLease } from "../../src/session/mod.ts";
import { MemorySessionStore } from "../../src/store/mod.ts";
import { pure, sample, sampleId, T0 } from "../session/samples.ts";
import { storeSuite } from "../store_suite.ts";

storeSuite("MemorySessionStore", () => {
  const store = new MemorySessionStore();
  return Promise.resolve({ store, [Symbol.asyncDispose]: () => Promise.resolve() });
}, {
  gaps: {
    shared: "memory belongs to one process",
    persistent: "memory ends with its process",
    damage: "records are objects, which nobody else can change",
    check: "a save cannot fail",
  },
});

pure(
  "MemorySessionStore forgets the session that ended first when tombstones are too many",
  async () => {
    await using store = new MemorySessionStore({ maxEnded: 2 });
    const make = (n: number) => sample({ id: sampleId(n) });
    const [first, second, third, fourth] = [make(1), make(2), make(3), make(4)];
    for (const record of [first, second, third, fourth]) await store.save(record);
    await store.save(close(third, T0 + 1));
    await store.save(close(first, T0 + 2));
    assert.deepEqual(await store.stats(), { live: 2, ended: 2 });
    await store.save(close(fourth, T0 + 3));
    assert.equal(await store.load(third.id), undefined);
    assert.equal((await store.load(first.id))?.state, "closed");
    assert.deepEqual(await store.stats(), { live: 1, ended: 2 });
    assert.equal((await store.load(second.id))?.state, "authenticated", "the living stay");
  },
);

pure("MemorySessionStore keeps no tombstone with maxEnded 0", async () => {
  await using store = new MemorySessionStore({ maxEnded: 0 });
  await store.save(sample());
  assert.ok(await store.save(expire(sample(), T0 + 999_999)));
  assert.equal(await store.load(sampleId(1)), undefined);
  assert.deepEqual(await store.stats(), { live: 0, ended: 0 });
});

pure("MemorySessionStore refuses a maxEnded that is no count", () => {
  for (const maxEnded of [-1, 1.5, NaN, Infinity]) {
    assert.throws(() => new MemorySessionStore({ maxEnded }), RangeError);
  }
});

pure("MemorySessionStore hands out the record that was saved, without a copy", async () => {
  await using store = new MemorySessionStore();
  const record = sample();
  await store.save(record);
  assert.equal(await store.load(record.id), record);
  assert.equal(await store.save(renewLease(record, T0)), true);
});
