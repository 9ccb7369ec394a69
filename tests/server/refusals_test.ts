import assert from "node:assert/strict";
import { expectCode, InProcess } from "../helpers/in_process.ts";
import { concat, frame, utf8 } from "../helpers/raw_frame.ts";

const MIB = 1 << 20;

Deno.test("too_many_connections: one over the cap reads why, and there is room again later", async () => {
  await using run = await InProcess.start({ maxConnections: 2 });
  using a = await run.open();
  using b = await run.open();
  expectCode(await a.stateless("a"), "ok");
  expectCode(await b.stateless("b"), "ok");
  {
    using third = await run.open();
    await third.send(frame({ payload: new Uint8Array(100_000) })); // read away: no reset
    const reply = await third.reply();
    assert.ok(expectCode(reply, "too_many_connections").retry_after_ms > 0);
    assert.equal(reply.header.session.action, "disconnect");
    assert.equal(await third.rest(), "");
  }
  a.close();
  await run.idle(1);
  using again = await run.open();
  expectCode(await again.stateless("again"), "ok");
});

Deno.test("a stop waits for refused connections as for the others", async () => {
  await using run = await InProcess.start({ maxConnections: 1 });
  using _one = await run.open();
  await run.log.wait(({ event }) => event === "connection.opened");
  const refused = await run.open();
  expectCode(await refused.reply(), "too_many_connections");
  let closed = false;
  setTimeout(() => (closed = true, refused.close()), 100);
  _one.close();
  await run.server.shutdown();
  assert.equal(closed, true);
});

Deno.test("rate_limited: connections beyond the rate read how long to wait", async () => {
  await using run = await InProcess.start({
    rate: { connectionsPerSecond: 3, sessionsPerMinute: 60 },
  });
  for (let i = 0; i < 3; i++) {
    using peer = await run.open();
    expectCode(await peer.stateless("x"), "ok");
  }
  using peer = await run.open();
  const { retry_after_ms } = expectCode(await peer.reply(), "rate_limited");
  assert.ok(retry_after_ms > 0 && retry_after_ms <= 334);
});

Deno.test("S-TRF-8 32 MiB are refused: the sender reads why, and the connection goes on", async () => {
  await using run = await InProcess.start();
  using peer = await run.open();
  const header = frame({ size: 32 * MIB });
  await peer.send(header);
  const chunk = new Uint8Array(MIB);
  for (let sent = 0; sent < 32; sent++) await peer.send(chunk);
  expectCode(await peer.reply(), "too_large");
  expectCode(await peer.stateless("the connection goes on"), "ok");
});

Deno.test("S-TRF-8 more than 64 MiB of a refused payload end the connection, after the reply", async () => {
  await using run = await InProcess.start();
  using peer = await run.open();
  await peer.send(frame({ size: 2 ** 40 }));
  const sending = (async () => {
    const chunk = new Uint8Array(4 * MIB);
    for (let sent = 0; sent < 256; sent += 4) await peer.send(chunk);
  })().then(() => "all of it was taken", () => "stopped");
  assert.equal(await sending, "stopped"); // at its write error, and only then it reads
  expectCode(await peer.reply(), "too_large");
  assert.equal(await peer.rest(), "");
});

Deno.test("S-TRF-8 a refused payload that does not come is waited for 2 s at most", async () => {
  await using run = await InProcess.start();
  using peer = await run.open();
  const start = performance.now();
  await peer.send(frame({ payload: "only this", size: 20 * MIB }));
  expectCode(await peer.reply(), "too_large");
  assert.ok(performance.now() - start < 500, "the reply does not wait");
  assert.equal(await peer.rest(), "");
  const took = performance.now() - start;
  assert.ok(took > 1900 && took < 3500, `${took} ms`);
});

Deno.test("S-VER-6 a framing fault is answered, drained and final", async () => {
  await using run = await InProcess.start();
  for (const noise of ["GET / HTTP/1.1\r\n\r\n", "{}{}\n", "\n", "\x16\x03\x01\x02\0\n"]) {
    using peer = await run.open();
    await peer.send(noise, new Uint8Array(200_000), frame({ payload: "too late" }));
    await peer.halfClose();
    const replies = await peer.replies();
    assert.equal(replies.length, 1, noise);
    assert.equal(replies[0]!.data.class, "fatal");
  }
  using peer = await run.open();
  await peer.send(frame({ payload: "good" }), utf8("bad\n"));
  expectCode(await peer.reply(), "ok");
  expectCode(await peer.reply(), "malformed_header");
  await run.assertStored(utf8("good"));
});

Deno.test("S-TRF-6 an end inside header, data or payload is answered to who only half-closed", async () => {
  await using run = await InProcess.start();
  const whole = frame({ payload: "payload", data: { name: "n" } });
  const header = whole.indexOf(10) + 1;
  for (const cut of [1, header - 1, header + 3, whole.length - 7, whole.length - 1]) {
    using peer = await run.open();
    await peer.send(concat(frame({ payload: "" }), whole.subarray(0, cut)));
    await peer.halfClose();
    const codes = (await peer.replies()).map(({ data }) => data.code);
    assert.deepEqual(codes, ["ok", "incomplete"], `cut at ${cut}`);
  }
  using peer = await run.open();
  await peer.send(whole);
  await peer.halfClose();
  expectCode(await peer.reply(), "ok");
});
