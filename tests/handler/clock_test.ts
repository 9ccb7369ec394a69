import assert from "node:assert/strict";
import { Clock } from "../../src/handler/clock.ts";
import { MemorySessionStore } from "../../src/store/mod.ts";

/** A store whose clock shows what the test says. */
function storeWith(now: () => number) {
  return Object.assign(new MemorySessionStore(), { now: () => Promise.resolve(now()) });
}

const near = (a: number, b: number) => assert.ok(Math.abs(a - b) < 500, `${a} and ${b}`);

Deno.test("a wall clock that is set while the server runs changes no time of a session", () => {
  const clock = new Clock();
  const real = Date.now;
  near(clock.now(), real());
  try {
    for (const hours of [1, -1]) {
      Date.now = () => real() + hours * 3_600_000;
      near(clock.now(), real());
    }
  } finally {
    Date.now = real;
  }
  assert.ok(Number.isSafeInteger(clock.now()));
});

Deno.test("the time is the store's, and follows it in small steps when that jumps", async () => {
  const clock = new Clock();
  let ahead = 600_000;
  await using store = storeWith(() => Date.now() + ahead);
  await clock.follow(store);
  near(clock.now(), Date.now() + 600_000);
  assert.ok(clock.shared);
  ahead = 4_200_000;
  await clock.follow(store);
  near(clock.now(), Date.now() + 601_000);
  ahead = 0;
  await clock.follow(store);
  near(clock.now(), Date.now() + 600_000);
});

Deno.test("without an answer of the store the time goes on as it was", async () => {
  const clock = new Clock();
  await using silent = new MemorySessionStore();
  await clock.follow(silent);
  await clock.follow(storeWith(() => {
    throw new Error("away");
  }));
  near(clock.now(), Date.now());
  assert.ok(!clock.shared);
});
