import assert from "node:assert/strict";
import {
  createSharedMemory,
  reclaim,
  SharedBudgetLedger,
  SharedConnectionCount,
} from "../../../src/app/workers/shared_memory.ts";
import { pure } from "../../helpers/pure.ts";

pure("SharedConnectionCount counts over all workers, and forgets those of a dead one", () => {
  const memory = createSharedMemory(3, false);
  const counts = [1, 2, 3].map((worker) => new SharedConnectionCount(memory, worker));
  for (const count of [...counts, counts[1]!]) count.add(1);
  assert.deepEqual(counts.map(({ total }) => total), [4, 4, 4]);
  counts[0]!.add(-1);
  reclaim(memory, 2);
  assert.equal(counts[2]!.total, 1);
});

pure("SharedBudgetLedger holds one limit, and counts what was there once (S-TRF-3)", () => {
  const memory = createSharedMemory(2, false);
  const one = new SharedBudgetLedger(memory, 1);
  const two = new SharedBudgetLedger(memory, 2);
  one.begin(10);
  two.begin(10);
  assert.equal(one.reserve(60, 100), true);
  assert.equal(two.reserve(31, 100), false);
  assert.equal(two.reserve(30, 100), true);
  one.add(60); // stored: the promise becomes a file
  one.release(60);
  assert.equal(one.reserve(1, 100), false);
  two.release(30);
  assert.equal(one.reserve(30, 100), true);
});

pure("SharedBudgetLedger: what a dead worker had promised is free again, its files stay", () => {
  const memory = createSharedMemory(2, false);
  const one = new SharedBudgetLedger(memory, 1);
  const two = new SharedBudgetLedger(memory, 2);
  for (const ledger of [one, two]) ledger.begin(0);
  two.add(50);
  two.reserve(50, 100);
  assert.equal(one.reserve(1, 100), false);
  reclaim(memory, 2);
  assert.equal(one.reserve(51, 100), false);
  assert.equal(one.reserve(50, 100), true);
  const again = new SharedBudgetLedger(memory, 2);
  again.begin(50); // it finds its predecessor's files, which are counted
  one.release(50);
  assert.equal(again.reserve(50, 100), true);
});

pure("SharedBudgetLedger takes every size a file can have", () => {
  const most = Number.MAX_SAFE_INTEGER;
  const ledger = new SharedBudgetLedger(createSharedMemory(1, false), 1);
  assert.equal(ledger.reserve(most, most), true);
  assert.equal(ledger.reserve(1, most), false);
  ledger.release(most);
  assert.equal(ledger.reserve(1, most), true);
});
