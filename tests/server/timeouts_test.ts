import assert from "node:assert/strict";
import { expectCode, InProcess } from "../helpers/in_process.ts";
import { frame } from "../helpers/raw_frame.ts";

/** Short enough for a test, far enough apart to tell one from the other. */
const CLOCKS = { handshakeMs: 300, headerMs: 200, stallMs: 250, minRate: 0 };

Deno.test("S-VER-6 handshake_timeout: who says nothing is told why it is closed", async () => {
  await using run = await InProcess.start({ clocks: CLOCKS });
  using peer = await run.open();
  const start = performance.now();
  const reply = await peer.reply();
  expectCode(reply, "handshake_timeout");
  assert.equal(reply.header.session.action, "disconnect");
  const took = performance.now() - start;
  assert.ok(took >= 200 && took < 1000, `${took} ms`);
  assert.equal(await peer.rest(), "");
});

Deno.test("header_timeout: the first header or a later one, however steadily its bytes drip", async () => {
  await using run = await InProcess.start({ clocks: { ...CLOCKS, handshakeMs: 5000 } });
  for (const before of [0, 1]) {
    using peer = await run.open();
    for (let i = 0; i < before; i++) expectCode(await peer.stateless("x"), "ok");
    const start = performance.now();
    const late = peer.reply();
    const bytes = frame({ payload: "y" });
    for (let at = 0; performance.now() - start < 150; at++) {
      await peer.send(bytes.subarray(at, at + 1));
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expectCode(await late, "header_timeout");
    const took = performance.now() - start;
    assert.ok(took >= 180 && took < 1000, `${took} ms`);
  }
});

Deno.test("stalled: the reply states the durable offset, and the session stays, detached", async () => {
  await using run = await InProcess.start({ clocks: CLOCKS });
  using peer = await run.attached();
  const bytes = peer.transfer(new Uint8Array(400_000));
  await peer.send(bytes.subarray(0, bytes.length - 7));
  const reply = await peer.reply();
  assert.equal(expectCode(reply, "stalled").offset, 400_000 - 7);
  assert.equal(reply.header.session.sequence, 1);
  assert.equal(await peer.rest(), "");
  peer.close();
  await run.idle();
  const { state, upload } = await run.record(peer.id);
  assert.deepEqual([state, upload?.offset], ["detached", 400_000 - 7]);
});

Deno.test("stalled: a stateless file that is not finished leaves nothing", async () => {
  await using run = await InProcess.start({ clocks: CLOCKS });
  using peer = await run.open();
  await peer.send(frame({ payload: "only a part", size: 50 }));
  expectCode(await peer.reply(), "stalled");
  await run.assertStored();
});

Deno.test("S-CLK-2 a payload that goes on is not cut, however long it takes", async () => {
  await using run = await InProcess.start({ clocks: { ...CLOCKS, handshakeMs: 200 } });
  using peer = await run.open();
  const bytes = frame({ payload: new Uint8Array(10) });
  await peer.send(bytes.subarray(0, -10));
  for (let i = 0; i < 10; i++) {
    await new Promise((resolve) => setTimeout(resolve, 80));
    await peer.send(bytes.subarray(-1));
  }
  expectCode(await peer.reply(), "ok");
});

Deno.test("keepalive_timeout: a notice at 1.5 K of silence; heartbeats and other bytes hold it off", async () => {
  await using run = await InProcess.start({ stateful: { keepaliveMs: 200 } });
  using silent = await run.attached();
  using lively = await run.attached();
  const beating = (async () => {
    for (let i = 0; i < 8; i++) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      expectCode(await lively.heartbeat(), "pong");
    }
  })();
  const start = performance.now();
  const reply = await silent.reply();
  expectCode(reply, "keepalive_timeout");
  assert.equal(reply.header.session.id, silent.id);
  const took = performance.now() - start;
  assert.ok(took >= 280 && took < 1000, `${took} ms`);
  silent.close();
  await run.idle(1);
  assert.equal((await run.record(silent.id)).state, "detached");
  await beating;
});
