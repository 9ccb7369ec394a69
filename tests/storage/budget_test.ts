import assert from "node:assert/strict";
import { Budget, type BudgetLedger } from "../../src/storage/budget.ts";
import { code } from "../helpers/errors.ts";
import { pure } from "../helpers/pure.ts";

const full = code("storage_full");

pure("Budget admits up to its limit and not a byte more (S-TRF-3)", () => {
  const budget = new Budget(100, () => 0);
  budget.reserve(60);
  assert.throws(() => budget.reserve(41), full);
  budget.reserve(40);
  assert.equal(budget.reserved, 100);
  budget.release(60, 0);
  budget.add(10);
  budget.reserve(50);
  assert.throws(() => budget.reserve(1), full);
});

pure("Budget without a limit admits everything", () => {
  new Budget(0, () => 0).reserve(Number.MAX_SAFE_INTEGER);
});

pure("Budgets with a ledger hold one limit together (S-TRF-3)", () => {
  let total = 0;
  const ledger: BudgetLedger = {
    begin: (stored) => total ||= stored,
    reserve: (bytes, limit) => total + bytes <= limit && (total += bytes, true),
    release: (bytes) => total -= bytes,
    add: (bytes) => total += bytes,
  };
  let free = 1000;
  let now = 0;
  const [one, two] = [
    new Budget(100, () => 0, undefined, ledger),
    new Budget(100, () => now, () => free, ledger),
  ];
  // Both storages found the same files when they were opened, so these count once.
  one.begin(10);
  two.begin(10);
  one.reserve(60);
  assert.throws(() => two.reserve(60), full);
  two.reserve(30);
  one.add(60);
  one.release(60, 60);
  assert.throws(() => one.reserve(1), full);
  two.release(30, 0);
  free = 0;
  now = 1000;
  assert.throws(() => two.reserve(30), full);
  assert.equal(total, 70, "what the disk refused is not promised");
  one.reserve(30);
});

pure("Budget asks for free space once a second, and again before it says no", () => {
  let now = 0;
  let asked = 0;
  let free = 1000;
  const budget = new Budget(0, () => now, () => (asked++, free));
  budget.reserve(500);
  budget.reserve(100);
  assert.equal(asked, 1);
  assert.throws(() => budget.reserve(600), full);
  assert.equal(asked, 2);
  // The upload writes promised bytes: less is free on the disk, and less is promised.
  budget.wrote(600);
  free = 400;
  now = 1000;
  budget.reserve(400);
  assert.throws(() => budget.reserve(1), full);
  budget.release(600, 600);
  budget.release(400, 0);
  budget.reserve(400);
});
