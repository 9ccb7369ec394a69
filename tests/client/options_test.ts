import assert from "node:assert/strict";
import {
  backoffOf,
  DEFAULT_BACKOFF,
  resolveOptions,
  retryDelay,
} from "../../src/client/options.ts";
import { pure } from "../helpers/pure.ts";

pure("retryDelay() doubles with each failure up to the longest pause", () => {
  const backoff = { initialMs: 200, maxMs: 10_000 };
  const delays = [1, 2, 3, 4, 5, 6, 7, 8].map((failures) => retryDelay(failures, backoff, 1));
  assert.deepEqual(delays, [200, 400, 800, 1600, 3200, 6400, 10_000, 10_000]);
});

pure("retryDelay() takes any part of the step: full jitter", () => {
  const backoff = { initialMs: 200, maxMs: 10_000 };
  assert.equal(retryDelay(3, backoff, 0), 0);
  assert.equal(retryDelay(3, backoff, 0.25), 200);
  assert.equal(retryDelay(3, backoff, 0.5), 400);
});

pure("retryDelay() never goes below what the server asked for", () => {
  const backoff = { initialMs: 200, maxMs: 10_000 };
  assert.equal(retryDelay(1, backoff, 0, 1500), 1500);
  assert.equal(retryDelay(1, backoff, 1, 1500), 1700);
});

pure("retryDelay() stays finite after any number of failures", () => {
  assert.equal(retryDelay(5000, DEFAULT_BACKOFF, 1), DEFAULT_BACKOFF.maxMs);
});

pure("backoffOf() completes what is given and refuses what cannot be", () => {
  assert.deepEqual(backoffOf(), DEFAULT_BACKOFF);
  assert.deepEqual(backoffOf({ maxMs: 50 }), { initialMs: 50, maxMs: 50 });
  assert.deepEqual(backoffOf({ initialMs: 20_000 }), { initialMs: 20_000, maxMs: 20_000 });
  for (const bad of [{ initialMs: -1 }, { initialMs: NaN }, { maxMs: Infinity }]) {
    assert.throws(() => backoffOf(bad), RangeError);
  }
  assert.throws(() => backoffOf({ initialMs: 10, maxMs: 5 }), RangeError);
});

pure("resolveOptions() refuses a rate that nothing could be sent at", async () => {
  for (const limitRate of [0, -1, NaN, Infinity]) {
    await assert.rejects(resolveOptions({ limitRate }), RangeError);
  }
  assert.equal((await resolveOptions({})).pace, undefined);
  assert.equal((await resolveOptions({ limitRate: 4000 })).pace?.pieceBytes, 1000);
});
