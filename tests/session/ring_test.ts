import assert from "node:assert/strict";
import { remember, type Ring, type RingEntry } from "../../src/session/mod.ts";
import { Random } from "../helpers/random.ts";
import { pure } from "./samples.ts";

const entry = (sequence: number, fingerprint = ""): RingEntry => (
  { sequence, fingerprint, reply: { code: "ok" } }
);

/** The list that a long ring is a window on. */
const listOf = (ring: Ring) => (ring as Ring & { readonly list?: readonly RingEntry[] }).list;

/** The ring after replies with the numbers from 1 to `last`. */
function filled(max: number, last: number): Ring {
  let ring: Ring = [];
  for (let sequence = 1; sequence <= last; sequence++) ring = remember(ring, entry(sequence), max);
  return ring;
}

pure("A ring of any length is read as the array of its replies", () => {
  for (const last of [1, 16, 17, 100]) {
    const all = Array.from({ length: Math.min(last, 40) }, (_, i) => {
      return entry(Math.max(0, last - 40) + i + 1);
    });
    const ring = filled(40, last);
    assert.deepEqual([...ring], all);
    assert.deepEqual(JSON.parse(JSON.stringify({ ring })), { ring: all });
    for (const at of [0, 1, all.length - 1, all.length, -1, -all.length, -all.length - 1]) {
      assert.deepEqual(ring.at(at), all.at(at), `${at} of ${all.length}`);
    }
    for (const from of [0, 1, all.length, all.length + 1]) {
      assert.deepEqual(ring.slice(from), all.slice(from));
    }
    ring.slice().pop(); // what is handed out belongs to the caller
    assert.equal(ring.length, all.length);
  }
});

pure("Of two rings that follow one ring each has its own reply, and that ring has neither", () => {
  for (const last of [3, 30]) {
    const ring = filled(256, last);
    const before = [...ring];
    const winner = remember(ring, entry(last + 1, "winner"), 256);
    const loser = remember(ring, entry(last + 1, "loser"), 256);
    const next = remember(winner, entry(last + 2, "winner"), 256);
    remember(loser, entry(last + 2, "loser"), 256);
    const prints = (of: Ring) => of.slice(last).map(({ fingerprint }) => fingerprint);
    assert.deepEqual([...ring], before);
    assert.deepEqual([winner, loser, next].map(prints), [["winner"], ["loser"], [
      "winner",
      "winner",
    ]]);
  }
});

pure("Rings keep their replies, whatever is made of them in whatever order", () => {
  const random = new Random(1);
  for (let run = 0; run < 60; run++) {
    const max = random.pick([1, 4, 17, 40, 100]);
    const rings: { ring: Ring; replies: RingEntry[] }[] = [{ ring: [], replies: [] }];
    for (let step = 0; step < 400; step++) {
      // Mostly the newest one goes on; now and then an older one, or one that a store gives back as an array.
      const from = random.int(0, 9) > 0 ? rings.at(-1)! : random.pick(rings);
      const last = from.replies.at(-1)?.sequence ?? 0;
      const added = entry(last + random.pick([1, 1, 1, 2]), String(step));
      const received = random.int(0, 3) > 0 ? 0 : last - random.int(-1, max);
      const ring = random.int(0, 19) > 0 ? from.ring : Object.freeze(from.ring.slice());
      rings.push({
        ring: remember(ring, added, max, received),
        replies: [...from.replies, added].slice(-max)
          .filter((kept) => kept === added || kept.sequence > received),
      });
      for (const { ring, replies } of rings.slice(-50)) {
        assert.equal(ring.length, replies.length);
        assert.ok(replies.every((kept, at) => ring.at(at) === kept), `run ${run}, step ${step}`);
      }
    }
  }
});

pure(
  "A long ring copies its replies seldom, and holds at most a quarter more than it keeps",
  () => {
    for (const max of [17, 40, 256]) {
      let ring = filled(max, max);
      let copies = 0;
      for (let sequence = max + 1; sequence <= 11 * max; sequence++) {
        const list = listOf(ring);
        ring = remember(ring, entry(sequence), max);
        assert.ok(listOf(ring)!.length <= max * 1.25, `${listOf(ring)!.length} for ${max}`);
        if (listOf(ring) !== list) copies++;
      }
      assert.ok(copies > 0 && copies <= 50, `${copies} copies in 10 turns of ${max}`);
    }
  },
);

pure("S-SEQ-6 A long ring whose replies are read gives their memory back", () => {
  const ring = remember(filled(256, 256), entry(257), 256, 250);
  assert.deepEqual(ring.slice().map(({ sequence }) => sequence), [
    251,
    252,
    253,
    254,
    255,
    256,
    257,
  ]);
  assert.equal(listOf(ring), undefined);
});
