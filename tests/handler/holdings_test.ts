import assert from "node:assert/strict";
import { Holdings } from "../../src/handler/holdings.ts";
import { MemorySessionStore } from "../../src/store/mod.ts";

Deno.test("however many newcomers look for room at once, the store is listed once, without tombstones", async () => {
  await using store = new MemorySessionStore();
  const scopes: unknown[] = [];
  const list = store.list.bind(store);
  store.list = (...args: unknown[]) => {
    scopes.push(args[0]);
    return list();
  };
  const holdings = new Holdings(store, Date.now);
  const views = await Promise.all(Array.from({ length: 60 }, () => holdings.recent()));
  assert.deepEqual(scopes, ["live"]);
  assert.equal(new Set(views).size, 1);
  assert.equal(await holdings.recent(), views[0], "a view is used again");
  assert.notEqual(await holdings.fresh(), views[0]);
  assert.equal(scopes.length, 2);
});

Deno.test("newcomers share a sweep as well", async () => {
  await using store = new MemorySessionStore();
  const holdings = new Holdings(store, Date.now);
  let sweeps = 0;
  const sweep = () => Promise.resolve(void sweeps++);
  await Promise.all(Array.from({ length: 60 }, () => holdings.afterSweep(sweep)));
  assert.equal(sweeps, 1);
  await holdings.afterSweep(sweep);
  assert.equal(sweeps, 2);
});
