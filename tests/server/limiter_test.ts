import assert from "node:assert/strict";
import { FxferError } from "../../src/errors.ts";
import { RateLimiter, TokenBuckets } from "../../src/server/limiter.ts";
import { pure } from "../helpers/pure.ts";

/** The milliseconds to wait, or 0 when it was admitted. */
function waitOf(admit: () => void): number {
  try {
    admit();
    return 0;
  } catch (error) {
    assert.ok(error instanceof FxferError && error.code === "rate_limited");
    return error.fields.retry_after_ms as number;
  }
}

pure("TokenBuckets.take() gives the burst at once, then by time, and says how long to wait", () => {
  const buckets = new TokenBuckets(2, 3);
  assert.deepEqual([0, 0, 0, 0].map((now) => buckets.take("a", now)), [0, 0, 0, 500]);
  assert.equal(buckets.take("b", 0), 0, "each key has its own");
  assert.equal(buckets.take("a", 250), 250);
  assert.equal(buckets.take("a", 500), 0);
  assert.deepEqual([0, 0, 0, 0].map(() => buckets.take("a", 60_000)), [0, 0, 0, 500]);
});

pure("TokenBuckets remembers 10,000 keys and forgets the one longest unseen", () => {
  const buckets = new TokenBuckets(1, 1);
  buckets.take("first", 0);
  for (let i = 0; i < 9_999; i++) buckets.take(`key ${i}`, 0);
  assert.ok(buckets.take("first", 0) > 0, "still known, and seen again");
  for (let i = 0; i < 10_000; i++) buckets.take(`other ${i}`, 0);
  assert.equal(buckets.size, 10_000);
  assert.equal(buckets.take("first", 0), 0, "forgotten");
});

pure("RateLimiter counts connections and sessions apart, for each address", () => {
  let now = 0;
  const limiter = new RateLimiter({ connectionsPerSecond: 2, sessionsPerMinute: 1 }, () => now);
  const connect = () => waitOf(() => limiter.admitConnection("192.0.2.1"));
  const create = () => waitOf(() => limiter.admitSession("192.0.2.1"));
  assert.deepEqual([connect(), connect(), connect()], [0, 0, 500]);
  assert.deepEqual([create(), create()], [0, 60_000]);
  assert.equal(waitOf(() => limiter.admitSession("192.0.2.2")), 0);
  now = 59_999;
  assert.deepEqual([connect(), create()], [0, 1]);
  now = 60_000;
  assert.equal(create(), 0);
});
