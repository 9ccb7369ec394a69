import assert from "node:assert/strict";
import { ByteWindow } from "../../src/client/byte_window.ts";
import { pure } from "../helpers/pure.ts";
import { Random } from "../helpers/random.ts";

const MIB = 1024 * 1024;
const FRAME = 8 * MIB;

/** What {@linkcode play} is played with. */
interface Road {
  readonly roundTripMs: number;
  readonly offered?: number | undefined;
  /** How long the way, or the server, takes for a mebibyte. */
  readonly msPerMib?: number;
  /** How much more a reply may take, at random. */
  readonly jitterMs?: number;
  readonly seed?: number;
}

/**
 * Plays a client that sends 1 GiB in frames of 8 MiB, while the systems on the way hold 2 MiB in their buffers.
 *
 * @returns The most bytes that were unanswered, in MiB, and how many milliseconds it took.
 */
function play({ roundTripMs, offered, msPerMib = 1, jitterMs = 0, seed = 1 }: Road) {
  const random = new Random(seed);
  const window = new ByteWindow();
  const due: number[] = [];
  let now = 0, free = 0, last = 0, most = 0;
  for (let sent = 0; sent < 128 || due.length > 0;) {
    while (sent < 128 && !window.isFull(offered, now)) {
      window.add(FRAME);
      free = Math.max(free, now) + 8 * msPerMib;
      now = Math.max(now, free - 2 * msPerMib);
      last = Math.max(last, free + roundTripMs + random.int(0, 1000) / 1000 * jitterMs);
      due.push(last);
      sent++;
      most = Math.max(most, due.length * 8);
      while (due[0] !== undefined && due[0] <= now) window.answered(FRAME, due.shift()!);
    }
    now = due.shift() ?? now;
    window.answered(FRAME, now);
  }
  return { most, ms: now };
}

for (const seed of [1, 2, 3]) {
  pure(
    `S-SEQ-6 ByteWindow fills a long way, and no more than 64 MiB and a frame (seed ${seed})`,
    () => {
      for (const roundTripMs of [25, 50]) {
        const { most, ms } = play({ roundTripMs, offered: 64 * MIB, jitterMs: 2, seed });
        assert.ok(most > roundTripMs && most <= 72, `${most} MiB`);
        assert.ok(ms < 1.2 * 1024, `${ms} ms`);
      }
      const moon = { roundTripMs: 1000, offered: 1024 * MIB, jitterMs: 2, seed };
      assert.equal(play(moon).most, 72);
    },
  );
}

pure(
  "S-SEQ-6 ByteWindow stays within what the server offers, and at two frames without an offer",
  () => {
    const most = (offered?: number) => play({ roundTripMs: 100, offered }).most;
    assert.equal(most(24 * MIB), 32);
    for (const offered of [undefined, 0, 1, 8 * MIB]) assert.equal(most(offered), 16);
  },
);

pure(
  "ByteWindow stays at two frames where the server is near, or a slow network is the limit",
  () => {
    const most = (road: Road) => play({ offered: 64 * MIB, ...road }).most;
    assert.equal(most({ roundTripMs: 0.1 }), 16);
    assert.equal(most({ roundTripMs: 2 }), 16);
    assert.equal(most({ roundTripMs: 50, msPerMib: 100 }), 16);
  },
);

pure("S-SEQ-6 ByteWindow stays at 8 MiB to a server that has not answered", () => {
  const window = new ByteWindow();
  let unanswered = 0;
  for (let now = 0; now < 1e6; now += 1000) {
    if (window.isFull(64 * MIB, now)) continue;
    window.add(MIB);
    unanswered++;
  }
  assert.equal(unanswered, 9);
});

pure(
  "ByteWindow begins with what a fast way holds, and stays within what the server offers",
  () => {
    const frames = (roundTripMs: number, offered?: number) => {
      const window = new ByteWindow();
      window.connected(roundTripMs);
      let count = 0;
      for (; !window.isFull(offered, 0); count++) window.add(FRAME);
      return count;
    };
    assert.equal(frames(2, 64 * MIB), 2);
    assert.equal(frames(48, 64 * MIB), 7);
    assert.equal(frames(1000, 1024 * MIB), 9);
    assert.equal(frames(48, 24 * MIB), 4);
    assert.equal(frames(48), 2);
  },
);

pure("ByteWindow starts small again on another connection", () => {
  const window = new ByteWindow();
  const fill = (now: number) => {
    let frames = 0;
    for (; !window.isFull(64 * MIB, now); frames++) window.add(FRAME);
    return frames;
  };
  assert.equal(fill(0), 2);
  window.answered(FRAME, 50);
  window.answered(FRAME, 51);
  assert.equal(fill(51), 9);
  window.restart();
  assert.equal(fill(52), 2);
});
