import assert from "node:assert/strict";
import { Window } from "../../src/client/window.ts";
import { pattern, ScriptedPeer } from "./scripted_peer.ts";
import { watched } from "./helpers.ts";
import { LATE, within } from "../../src/within.ts";

/** Plays a client that always has more to send, and a server at a distance that takes 0.1 ms a request. */
function play(roundTripMs: number, requests: number, most: number): number {
  const window = new Window();
  const due: number[] = [];
  let now = 0, free = 0, widest = 0;
  for (let answered = 0; answered < requests;) {
    while (!window.isFull(due.length, most, now)) {
      free = Math.max(free, now + roundTripMs / 2) + 0.1;
      due.push(free + roundTripMs / 2);
    }
    widest = Math.max(widest, due.length);
    now = due.shift()!;
    window.answered(now);
    answered++;
  }
  return widest;
}

Deno.test("Window grows to the server's limit where the server is far away", () => {
  assert.equal(play(50, 2000, 256), 256);
  assert.equal(play(50, 2000, 40), 40);
});

Deno.test("Window stays small where the server is the limit", () => {
  assert.ok(play(0.1, 20_000, 256) <= 64);
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
