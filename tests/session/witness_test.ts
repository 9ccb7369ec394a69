import assert from "node:assert/strict";
import {
  detach,
  look,
  MAX_SKEW_MS,
  mayEnd,
  renewLease,
  type Sight,
} from "../../src/session/mod.ts";
import { pure, sample, T0 } from "./samples.ts";

const LEASE = 60_000;
const E = 300_000;
/** A clock that is ten minutes ahead of the one that wrote the samples. */
const AHEAD = T0 + 600_000;
const other = { instance: "two", sharedClock: false };

pure("look() keeps since when a version stands, and begins anew with another one", () => {
  const record = sample();
  const first = look(record, undefined, 5);
  assert.deepEqual(first, { version: 1, since: 5 });
  assert.equal(look(record, first, 9), first);
  assert.deepEqual(look(renewLease(record, T0), first, 9), { version: 2, since: 9 });
});

pure("S-CLK-3 a server ends the sessions whose times its own clock has written at once", () => {
  const left = detach(sample(), T0);
  const own = { instance: "one", sharedClock: false };
  const sight: Sight = { version: left.version, since: T0 + E };
  assert.ok(!mayEnd(left, sight, { ...own, now: T0 + E - 1 }));
  assert.ok(mayEnd(left, sight, { ...own, now: T0 + E }));
});

pure("S-CLK-4 a clock that is ten minutes ahead ends no session that another server renews", () => {
  let record = sample();
  let sight: Sight | undefined;
  for (let now = AHEAD; now < AHEAD + 3_600_000; now += 5000) {
    if ((now - AHEAD) % 30_000 === 0) record = renewLease(record, now - 600_000);
    sight = look(record, sight, now);
    assert.ok(!mayEnd(record, sight, { ...other, now }));
  }
});

pure(
  "S-CLK-4 the session of a server that has died ends after a lease and its expiry, as seen",
  () => {
    const record = sample();
    const sight = look(record, undefined, AHEAD);
    assert.ok(!mayEnd(record, sight, { ...other, now: AHEAD + LEASE + E - 1 }));
    assert.ok(mayEnd(record, sight, { ...other, now: AHEAD + LEASE + E }));
    // By a clock that both have, the times of the record count for the expiry.
    assert.ok(mayEnd(record, sight, { ...other, sharedClock: true, now: AHEAD + LEASE }));
  },
);

pure("S-CLK-3 a detached session of another server has its whole expiry time, as seen", () => {
  const left = detach(sample(), T0);
  const sight = look(left, undefined, AHEAD);
  assert.ok(!mayEnd(left, sight, { ...other, now: AHEAD + E - 1 }));
  assert.ok(mayEnd(left, sight, { ...other, now: AHEAD + E }));
  assert.ok(mayEnd(left, sight, { ...other, sharedClock: true, now: AHEAD }));
});

pure("a record that is older than clocks can differ is believed", () => {
  const left = detach(sample(), T0);
  const now = T0 + E + MAX_SKEW_MS + 1;
  assert.ok(mayEnd(left, look(left, undefined, now), { ...other, now }));
});
