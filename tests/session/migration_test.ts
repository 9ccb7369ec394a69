import assert from "node:assert/strict";
import {
  arrive,
  attach,
  authMethodOf,
  depart,
  departing,
  detach,
  lifeOf,
  TOMBSTONE_MS,
} from "../../src/session/mod.ts";
import { code } from "../helpers/errors.ts";
import { sample, sampleUpload, T0, TERMS } from "./samples.ts";

const pure = { permissions: "none" } as const;
const MOVED = { address: "b.example:1", ticket: "ticket" };
const NOW = T0 + 1000;

/** What a hand-over says of a record that left. */
const carried = (left: ReturnType<typeof depart>) => {
  const { moved: _, ...rest } = left;
  return { ...rest, tokenHash: "hash of the ticket", principal: authMethodOf(left) };
};

Deno.test(
  "depart() ends a session here, one epoch up, and keeps what the hand-over is made of",
  pure,
  () => {
    const attached = { ...sample({ tokenHash: "hash" }), upload: sampleUpload({ offset: 5 }) };
    for (const before of [attached, detach(attached, T0)]) {
      const left = depart(before, MOVED, NOW);
      assert.equal(left.version, before.version + 1);
      assert.equal(left.epoch, before.epoch + 1);
      assert.deepEqual([left.state, left.instance, left.endedAt], ["closed", null, NOW]);
      assert.deepEqual([left.upload, left.ring, left.moved], [before.upload, before.ring, MOVED]);
      assert.equal(lifeOf(left, NOW), "closed");
      assert.throws(() => depart(left, MOVED, NOW), code("session_expired"));
      assert.throws(() => attach(left, { ...TERMS, now: NOW }), code("session_expired"));
    }
  },
);

Deno.test("departing() lets a session leave once, for one address, while it lives", pure, () => {
  const live = sample();
  assert.equal(departing(live, MOVED.address, NOW), false);
  const left = depart(live, MOVED, NOW);
  assert.equal(departing(left, MOVED.address, NOW), true, "the same way again");
  assert.throws(() => departing(left, "c.example:1", NOW), code("use_another_server"));
  const forgotten = NOW + TOMBSTONE_MS;
  assert.throws(() => departing(left, MOVED.address, forgotten), code("session_unknown"));
  const expired = detach(live, T0);
  const late = T0 + TERMS.expiryMs;
  assert.throws(() => departing(expired, MOVED.address, late), code("session_expired"));
});

Deno.test(
  "arrive() begins detached, with a whole expiry before it and another secret",
  pure,
  () => {
    const left = depart(sample({ tokenHash: "hash" }), MOVED, NOW);
    const upload = sampleUpload({ offset: 5, temporaryPath: "there" });
    const here = arrive(carried(left), undefined, upload, NOW + 7);
    assert.equal(here.version, 1);
    assert.equal(here.epoch, left.epoch + 1);
    assert.deepEqual([here.state, here.detachedAt, here.endedAt], ["detached", NOW + 7, null]);
    assert.deepEqual([here.upload, here.moved], [upload, undefined]);
    assert.equal(lifeOf(here, NOW + 6 + TERMS.expiryMs), "detached");
    assert.equal(lifeOf(here, NOW + 7 + TERMS.expiryMs), "expired");
  },
);

Deno.test(
  "S-SEQ-1 a session that gets its first secret with a move has the principal of before",
  pure,
  () => {
    const bare = sample();
    assert.equal(authMethodOf(bare), "address");
    const here = arrive(carried(depart(bare, MOVED, NOW)), undefined, null, NOW);
    assert.notEqual(here.tokenHash, null);
    assert.equal(authMethodOf(here), "address");
    const further = arrive(carried(depart(here, MOVED, NOW)), undefined, null, NOW);
    assert.equal(authMethodOf(further), "address");
    assert.equal(authMethodOf(sample({ tokenHash: "hash" })), "token");
  },
);

Deno.test(
  "arrive() takes each hand-over once, whatever has become of the session since",
  pure,
  () => {
    const first = carried(depart(sample(), MOVED, NOW));
    const here = arrive(first, undefined, null, NOW);
    const replayed = code("replay_detected");
    assert.throws(() => arrive(first, here, null, NOW), replayed);
    const onward = depart(attach(here, { ...TERMS, now: NOW }), MOVED, NOW);
    assert.throws(() => arrive(first, onward, null, NOW), replayed, "it went on from here");
    assert.throws(() => arrive(first, { ...here, endedAt: NOW, state: "closed" }, null, NOW));
  },
);

Deno.test("arrive() lets a session come back, with every epoch above the last", pure, () => {
  const leftA = depart(sample(), MOVED, NOW);
  const atB = arrive(carried(leftA), undefined, null, NOW);
  const leftB = depart(atB, { ...MOVED, address: "a.example:1" }, NOW);
  const backA = arrive(carried(leftB), leftA, null, NOW);
  assert.equal(backA.version, leftA.version + 1);
  const epochs = [leftA, atB, leftB, backA].map(({ epoch }) => epoch);
  assert.deepEqual(epochs, [...epochs].sort((a, b) => a - b));
  assert.equal(new Set(epochs).size, 4);
  assert.throws(() => arrive(carried(leftA), leftB, null, NOW), code("replay_detected"));
});
