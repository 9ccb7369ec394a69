import assert from "node:assert/strict";
import {
  attach,
  close,
  detach,
  expire,
  expiredAt,
  forgottenAt,
  lifeOf,
  nextState,
  renewLease,
  type SessionRecord,
  TOMBSTONE_MS,
} from "../../src/session/mod.ts";
import { pure, sample, sampleUpload, T0, TERMS } from "./samples.ts";

const LEASE = 60_000;
const E = 300_000;

/** The life of a record at each of these times after T0. */
function lives(record: SessionRecord, ...after: number[]): string {
  return after.map((ms) => lifeOf(record, T0 + ms)).join(" ");
}

pure(
  "S-CLK-4 an attached session whose lease ran out is detached, then expired, then forgotten",
  () => {
    const end = LEASE + E;
    assert.equal(
      lives(
        sample(),
        0,
        LEASE - 1,
        LEASE,
        end - 1,
        end,
        end + TOMBSTONE_MS - 1,
        end + TOMBSTONE_MS,
      ),
      "attached attached detached detached expired expired forgotten",
    );
  },
);

pure("S-CLK-1 a detached session expires E after its detach with nobody looking", () => {
  const left = detach(sample(), T0 + 10);
  assert.equal(
    lives(left, 10, 10 + E - 1, 10 + E, 10 + E + TOMBSTONE_MS - 1, 10 + E + TOMBSTONE_MS),
    "detached detached expired expired forgotten",
  );
  assert.equal(expiredAt(left, T0 + 10 + E - 1), null);
  assert.equal(expiredAt(left, T0 + 999_999), T0 + 10 + E);
});

pure("Writing expiry down changes nothing of what the session is at any time", () => {
  const left = detach(sample(), T0 + 10);
  const swept = expire(left, T0 + 10 + E + 77_777);
  for (const ms of [E + 10, E + 100_000, E + 9 + TOMBSTONE_MS, E + 10 + TOMBSTONE_MS]) {
    assert.equal(lifeOf(swept, T0 + ms), lifeOf(left, T0 + ms), String(ms));
  }
});

pure("S-CLK-2 an attached session lives for as long as its lease is renewed", () => {
  let record = sample();
  for (let hours = 1; hours <= 48; hours++) {
    for (let i = 1; i <= 60; i++) {
      record = renewLease(record, T0 + (hours - 1) * 3_600_000 + i * 59_000);
    }
    record = renewLease(record, T0 + hours * 3_600_000);
    assert.equal(lifeOf(record, T0 + hours * 3_600_000 + 1), "attached");
  }
});

pure("A session that was attached again starts its clocks anew", () => {
  const back = attach(detach(sample(), T0), { ...TERMS, now: T0 + E - 1 });
  assert.equal(lives(back, E, E + LEASE - 2, E + LEASE - 1), "attached attached detached");
});

pure("A closed session is a tombstone of at least 1 h, then forgotten", () => {
  const closed = close(sample(), T0 + 5);
  assert.equal(
    lives(closed, 5, 5 + TOMBSTONE_MS - 1, 5 + TOMBSTONE_MS),
    "closed closed forgotten",
  );
});

pure("A tombstone lasts E where E is over 1 h", () => {
  const day = 86_400_000;
  const closed = close(sample({ expiryMs: day }), T0);
  assert.equal(lives(closed, TOMBSTONE_MS, day - 1, day), "closed closed forgotten");
  assert.equal(forgottenAt(closed, T0), T0 + day);
});

pure(
  "S-CLK-1 a file that is open, or about to be stored, gives the session its longer time",
  () => {
    const terms = sample({ partialExpiryMs: 10 * E });
    const begun = { ...terms, upload: sampleUpload() };
    const intended = { ...terms, intent: { sequence: 1 } as SessionRecord["intent"] };
    for (const [record, time] of [[terms, E], [begun, 10 * E], [intended, 10 * E]] as const) {
      const left = detach(record, T0);
      assert.equal(lives(left, time - 1, time), "detached expired");
      const swept = expire(left, T0 + 20 * E);
      assert.equal(swept.endedAt, T0 + time);
      // The tombstone has no file, and lasts as long as any.
      assert.equal(lives(swept, time + TOMBSTONE_MS - 1, time + TOMBSTONE_MS), "expired forgotten");
      assert.equal(forgottenAt(left, T0 + time), forgottenAt(swept, T0 + time));
    }
    // A record of an earlier version says nothing of it.
    assert.equal(
      lives(detach({ ...sample(), upload: sampleUpload() }, T0), E - 1, E),
      "detached expired",
    );
  },
);

pure("expire() ends a detached session early where its place is needed", () => {
  const left = detach(sample({ partialExpiryMs: 10 * E }), T0);
  assert.throws(() => expire(left, T0 + 5), RangeError);
  assert.equal(expire(left, T0 + 5, true).endedAt, T0 + 5);
  assert.equal(
    expire(left, T0 + E + 5, true).endedAt,
    T0 + E,
    "what is over ended when it was over",
  );
});

pure("An expiry of 0 ends the session at its detach", () => {
  const left = detach(sample({ expiryMs: 0 }), T0 + 5);
  assert.equal(lives(left, 5), "expired");
});

pure("expiredAt() and forgottenAt() agree with lifeOf()", () => {
  const left = detach(sample(), T0);
  for (let ms = 0; ms < E + TOMBSTONE_MS + 10_000; ms += 9_999) {
    const life = lifeOf(left, T0 + ms);
    const isLive = expiredAt(left, T0 + ms) === null;
    assert.equal(isLive, life === "attached" || life === "detached");
    assert.equal(forgottenAt(left, T0 + ms), isLive ? null : T0 + E + TOMBSTONE_MS);
  }
});

pure("A record that was put into Cleanup is forgotten at any time", () => {
  const closed = close(sample(), T0);
  const forgotten = { ...closed, state: nextState(closed.state, "forget") };
  assert.equal(lives(forgotten, 0), "forgotten");
});
