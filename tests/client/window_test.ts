import assert from "node:assert/strict";
import { UnansweredRequests } from "../../src/client/requests.ts";
import { Window } from "../../src/client/window.ts";
import { pattern, ScriptedPeer, SESSION_ID } from "./scripted_peer.ts";
import { terms, watched } from "./helpers.ts";
import { Random } from "../helpers/random.ts";
import { LATE, within } from "../../src/within.ts";

Deno.test("A window that was full is filled again when 16 replies have come, or half of them", () => {
  for (const [most, left] of [[1, 0], [3, 1], [32, 16], [200, 184]] as const) {
    const unanswered = new UnansweredRequests();
    const heartbeat = { kind: "heartbeat", sequence: 0 } as const;
    // The clock stands still: so the window grows to what the server takes.
    const isFull = () => unanswered.fill(most, 0, true);
    const fill = () => {
      while (!isFull()) unanswered.add(heartbeat);
    };
    for (fill(); unanswered.size < most; fill()) while (unanswered.size > 0) unanswered.shift(0);
    assert.equal(unanswered.size, most);
    while (unanswered.size > left + 1) {
      unanswered.shift(0);
      assert.equal(isFull(), unanswered.size > left, `${unanswered.size} of ${most}`);
    }
    unanswered.shift(0);
    assert.equal(isFull(), false);
  }
});

Deno.test("A window that grows is filled at once", () => {
  const unanswered = new UnansweredRequests();
  while (!unanswered.fill(200, 0, true)) unanswered.add({ kind: "heartbeat", sequence: 0 });
  const { size } = unanswered;
  for (let n = 0; n < 8; n++) unanswered.shift(100);
  assert.equal(unanswered.fill(200, 100, true), true);
  // More are sent before the last of the first window is answered.
  for (let n = 8; n < size - 1; n++) unanswered.shift(100);
  while (!unanswered.fill(200, 100, true)) unanswered.add({ kind: "heartbeat", sequence: 0 });
  assert.equal(unanswered.size, size);
  unanswered.shift(100);
  assert.equal(unanswered.fill(200, 100, true), false);
});

Deno.test("A client that sends no file asks as much as the server takes, and at a distance at once", () => {
  const unanswered = new UnansweredRequests();
  while (!unanswered.fill(1600, 0, false)) unanswered.add({ kind: "heartbeat", sequence: 0 });
  assert.equal(unanswered.size, 1600);
  // Then it waits for some replies, as with files.
  unanswered.shift(50);
  assert.equal(unanswered.fill(1600, 50, false), true);
  for (let n = 1; n < 16; n++) unanswered.shift(50);
  assert.equal(unanswered.fill(1600, 50, false), false);
});

/**
 * Plays a client that always has more to send, and a server at a distance that takes 0.1 ms a request.
 *
 * @param jitterMs How much more one way may take, at random.
 * @returns The most requests that were unanswered up to each round trip.
 */
function rounds(roundTripMs: number, requests: number, most: number, jitterMs = 0, seed = 1) {
  const random = new Random(seed);
  const window = new Window();
  const due: number[] = [];
  const widest: number[] = [];
  let now = 0, free = 0, last = 0;
  for (let answered = 0; answered < requests;) {
    while (!window.isFull(due.length, most, now)) {
      free = Math.max(free, now + roundTripMs / 2) + 0.1;
      last = Math.max(last, free + roundTripMs / 2 + random.int(0, 1000) / 1000 * jitterMs);
      due.push(last);
    }
    const round = Math.floor(now / roundTripMs);
    widest[round] = Math.max(widest[round] ?? 0, due.length);
    now = due.shift()!;
    window.answered(now);
    answered++;
  }
  return widest;
}

const play = (...args: Parameters<typeof rounds>) =>
  rounds(...args).reduce((most, width) => Math.max(most, width), 0);

Deno.test("Window grows to the server's limit where the server is far away", () => {
  assert.equal(play(50, 2000, 256), 256);
  assert.equal(play(50, 2000, 40), 40);
});

for (const seed of [1, 2, 3, 4]) {
  Deno.test(`Window has its full size after three round trips, whatever the network does (seed ${seed})`, () => {
    const widest = rounds(50, 2000, 256, 10, seed);
    assert.equal(widest[0], 32);
    assert.equal(widest[3], 256, `${widest}`);
  });
}

Deno.test("Window stays small where the server is the limit", () => {
  assert.ok(play(0.1, 20_000, 256) <= 64);
});

/** The window after one in which the replies came evenly from some time on, at 1 a millisecond. */
function afterEven(connectMs: number, waitMs: number): number {
  const window = new Window();
  window.connected(connectMs);
  const { size } = window;
  assert.equal(window.isFull(size, 1600, 0), true);
  for (let n = 0; n < size; n++) window.answered(waitMs + n);
  return window.size / size;
}

Deno.test("Window does not grow where replies come evenly and the way holds less", () => {
  assert.equal(afterEven(2, 1), 1);
  assert.equal(afterEven(3, 3), 1);
});

Deno.test("Window grows where replies come late, or the way holds as much, whatever the rate says", () => {
  // A server that writes many files down together answers late, however near it is.
  assert.ok(afterEven(2, 100) > 1);
  const window = new Window();
  window.connected(3);
  assert.equal(window.isFull(32, 1600, 0), true);
  for (let n = 0; n < 32; n++) window.answered(n / 10);
  assert.ok(window.size > 32);
});

Deno.test("Window begins with what a server answers in the time of the connect, and with 32 at least", () => {
  for (const [roundTripMs, first] of [[0.5, 32], [3.2, 32], [3.3, 33], [50, 500]] as const) {
    const window = new Window();
    window.connected(roundTripMs);
    assert.equal(window.size, first, `${roundTripMs} ms`);
    assert.equal(window.isFull(first - 1, 1600, 0), false);
    assert.equal(window.isFull(first, 1600, 0), true);
    assert.equal(window.isFull(40, 40, 0), true, "the server's limit holds");
  }
});

Deno.test("Window does not shrink at a connect that was answered sooner", () => {
  const window = new Window();
  window.connected(50);
  window.connected(1);
  assert.equal(window.size, 500);
});

Deno.test("A window that grows at the connect is filled at once", () => {
  const unanswered = new UnansweredRequests();
  while (!unanswered.fill(200, 0, true)) unanswered.add({ kind: "heartbeat", sequence: 0 });
  const { size } = unanswered;
  unanswered.connected(8);
  assert.equal(unanswered.fill(200, 8, true), false);
  while (!unanswered.fill(200, 8, true)) unanswered.add({ kind: "heartbeat", sequence: 0 });
  assert.deepEqual([size, unanswered.size], [32, 80]);
});

Deno.test("To a server whose answer to the connect took long, many requests go out at once", async () => {
  let now = 0;
  await using peer = new ScriptedPeer(async (peer) => {
    const connect = await peer.request();
    const next = peer.transfer();
    // The client waits for the answer: that shows only in time.
    assert.equal(await within(20, next), LATE);
    now += 8;
    await peer.reply(connect, { code: "session_created", max_inflight: 200 }, SESSION_ID);
    const held = [await next];
    while (held.length < 80) held.push(await peer.transfer());
    const more = peer.transfer();
    assert.equal(await within(50, more), LATE);
    for (const request of held) await peer.stored(request);
    await peer.stored(await more);
    await peer.idle();
  });
  await using it = await watched(peer.port, { now: () => now });
  await Promise.all(Array.from({ length: 81 }, () => it.client.send(new Uint8Array(1))));
});

Deno.test("Window does not begin above the server's limit", () => {
  assert.equal(new Window().isFull(3, 3, 0), true);
  assert.equal(new Window().isFull(2, 3, 0), false);
});

Deno.test("S-SEQ-6 each frame says which replies have been read, to a server that asks for it", async () => {
  await using peer = new ScriptedPeer(async (peer) => {
    await peer.session({ max_inflight: 2, features: ["received"] });
    const held = [await peer.transfer(), await peer.transfer()];
    await peer.stored(held[0]!);
    const third = await peer.transfer();
    for (const request of [held[1]!, third]) await peer.stored(request);
    const said = [...held, third].map(({ frame }) => frame.header.session.received);
    assert.deepEqual(said, [0, 0, 1]);
    await peer.idle();
  });
  await using it = await watched(peer.port);
  await Promise.all([0, 1, 2].map((n) => it.client.send(new Uint8Array([n]))));
});

Deno.test("S-SEQ-6 an older server is told nothing of received replies", async () => {
  await using peer = new ScriptedPeer(async (peer) => {
    await peer.session({ features: ["names"] });
    const request = await peer.transfer();
    assert.equal(request.frame.header.session.received, undefined);
    await peer.stored(request);
    await peer.idle();
  });
  await using it = await watched(peer.port);
  await it.client.send(new Uint8Array(1));
});

Deno.test("S-SEQ-6 no frame is begun while more than 8 MiB are unanswered", async () => {
  const mebibyte = 1024 * 1024;
  await using peer = new ScriptedPeer(async (peer) => {
    await peer.session({ limits: { max_request_size: 4 * mebibyte } });
    const held = [await peer.transfer(), await peer.transfer(), await peer.transfer()];
    // That no fourth one comes shows only in time.
    const fourth = peer.transfer();
    assert.equal(await within(50, fourth), LATE);
    for (const [i, request] of held.entries()) {
      await peer.reply(request, { code: "partial", offset: (i + 1) * 4 * mebibyte });
    }
    await peer.reply(await fourth, { code: "quota_exceeded" });
    await peer.idle();
  });
  await using it = await watched(peer.port);
  await it.client.send(pattern(16 * mebibyte)).catch(() => {});
});

for (const mode of ["stateful", "stateless"] as const) {
  Deno.test(`${mode}: from a far reply on as many files are in flight as the server takes, up to 8 MiB`, async () => {
    let now = 0;
    await using peer = new ScriptedPeer(async (peer) => {
      const server = { max_inflight: 200, limits: { max_request_size: 100_000 } };
      if (mode === "stateful") await peer.session({ ...server, features: ["received"] });
      else await terms(peer, server);
      const take = (count: number) => Array.fromAsync({ length: count }, () => peer.transfer());
      /** Answers them when no other one has come, which shows only in time. */
      const answer = async (held: Awaited<ReturnType<typeof take>>) => {
        const more = peer.transfer();
        assert.equal(await within(50, more), LATE, `more than ${held.length} in flight`);
        now += 50;
        const [last] = held.splice(-1);
        for (const request of held) await peer.stored(request);
        await peer.stored(last!);
        return await more;
      };
      const second = await answer(await take(32));
      // Of the small ones the number is bounded, of the others the bytes: 84 of them are over 8 MiB.
      const third = await answer([second, ...await take(199)]);
      const fourth = await answer([third, ...await take(83)]);
      for (const request of [fourth, ...await take(83)]) await peer.stored(request);
      await peer.idle();
    });
    await using it = await watched(peer.port, { mode, now: () => now });
    const sizes = [...Array(32 + 200).fill(10), ...Array(84 + 84).fill(100_000)];
    await Promise.all(sizes.map((size) => it.client.send(pattern(size))));
  });
}

for (const kind of ["file", "stream", "file without an offer"] as const) {
  const mebibyte = 1024 * 1024;
  const isStream = kind === "stream";
  const frameBytes = isStream ? mebibyte : 4 * mebibyte;
  const first = isStream ? 9 : 3;
  const then = kind === "file" ? 17 : first;
  Deno.test(`S-SEQ-6 after far replies ${then} frames of a ${kind} are in flight`, async () => {
    let now = 0;
    await using peer = new ScriptedPeer(async (peer) => {
      const offer = kind === "file without an offer" ? {} : { max_unanswered_bytes: 2 ** 30 };
      await peer.session({ limits: { max_request_size: 4 * mebibyte }, ...offer });
      let next = await peer.transfer();
      let offset = 0;
      for (const count of [first, then]) {
        const held = [next];
        while (held.length < count) held.push(await peer.transfer());
        // That no more of them come shows only in time.
        const more = peer.transfer();
        assert.equal(await within(50, more), LATE, `more than ${count} in flight`);
        now += 50;
        for (const request of held) {
          offset += frameBytes;
          await peer.reply(request, { code: "partial", offset });
          if (request === held[0]) next = await more;
          now += 1;
        }
      }
      await peer.reply(next, { code: "quota_exceeded" });
      await peer.idle();
    });
    await using it = await watched(peer.port, { now: () => now });
    const read = (into: Uint8Array) => Promise.resolve(into.fill(0).length);
    const source = { size: isStream ? undefined : 2 ** 30, read };
    await assert.rejects(it.client.send(source), { code: "quota_exceeded" });
  });
}
