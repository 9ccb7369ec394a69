import assert from "node:assert/strict";
import { expectCode, InProcess } from "../helpers/in_process.ts";
import { Random } from "../helpers/random.ts";
import { frame, utf8 } from "../helpers/raw_frame.ts";

const SIZE = 400_000;

Deno.test("S-DRN-1 idle connections get the notice at once, and nobody new is let in", async () => {
  await using run = await InProcess.start();
  using stateful = await run.attached();
  using stateless = await run.open();
  expectCode(await stateless.stateless("x"), "ok");
  using fresh = await run.open();
  await run.log.wait(({ event, fields }) =>
    event === "connection.opened" && fields.connection === 3
  );
  const start = performance.now();
  const stopped = run.server.shutdown();
  for (const peer of [stateful, stateless, fresh]) {
    const reply = await peer.reply();
    assert.ok(expectCode(reply, "server_shutting_down").retry_after_ms > 0);
    assert.equal(reply.header.session.action, "disconnect");
    assert.equal(await peer.rest(), "");
    peer.close();
  }
  await stopped;
  assert.ok(performance.now() - start < 1000);
  await assert.rejects(run.open(), Deno.errors.ConnectionRefused);
  assert.equal((await run.record(stateful.id)).state, "detached");
  assert.equal(run.server.shutdown(), stopped, "a second call is the same stop");
});

Deno.test("S-DRN-1 a payload under way is finished and answered, then comes the notice", async () => {
  await using run = await InProcess.start();
  const payload = new Random(1).bytes(SIZE);
  using peer = await run.attached();
  const bytes = peer.transfer(payload);
  await peer.send(bytes.subarray(0, SIZE / 2));
  await run.receiving();
  const stopped = run.server.shutdown();
  await peer.send(bytes.subarray(SIZE / 2), peer.transfer("not begun before the stop"));
  expectCode(await peer.reply(), "ok");
  expectCode(await peer.reply(), "server_shutting_down");
  peer.close();
  await stopped;
  await run.assertStored(payload);
  const { lastSequence, state } = await run.record(peer.id);
  assert.deepEqual([lastSequence, state], [1, "detached"]);
});

Deno.test("S-DRN-1 a file of several frames is finished, then comes the notice", async () => {
  await using run = await InProcess.start();
  const payload = new Random(5).bytes(SIZE);
  using peer = await run.attached();
  const third = Math.ceil(SIZE / 3);
  const part = (n: number) => {
    const bytes = payload.subarray(n * third, (n + 1) * third);
    return peer.transfer(bytes, { offset: n * third, length: SIZE, complete: n === 2 });
  };
  await peer.send(part(0));
  expectCode(await peer.reply(), "partial");
  const stopped = run.server.shutdown();
  for (const n of [1, 2]) {
    await new Promise((resolve) => setTimeout(resolve, 300));
    await peer.send(part(n));
    expectCode(await peer.reply(), n === 2 ? "ok" : "partial");
  }
  expectCode(await peer.reply(), "server_shutting_down");
  peer.close();
  await stopped;
  await run.assertStored(payload);
});

Deno.test("S-DRN-1 a client that does not go on with its file does not hold the stop up", async () => {
  await using run = await InProcess.start();
  using peer = await run.attached();
  await peer.send(peer.transfer("ab", { length: 4, complete: false }));
  expectCode(await peer.reply(), "partial");
  const begun = performance.now();
  const stopped = run.server.shutdown();
  expectCode(await peer.reply(), "server_shutting_down");
  assert.ok(performance.now() - begun < 4000);
  peer.close();
  await stopped;
});

Deno.test("S-DRN-1 at the drain time a payload is cut, its durable offset told, and it resumes", async () => {
  await using run = await InProcess.start({ drainTimeoutMs: 150 });
  const payload = new Random(2).bytes(SIZE);
  using peer = await run.attached();
  const bytes = peer.transfer(payload, { length: SIZE });
  await peer.send(bytes.subarray(0, -1000));
  await run.receiving();
  const start = performance.now();
  const restarted = run.restart();
  const { offset } = expectCode(await peer.reply(), "server_shutting_down");
  assert.equal(offset, SIZE - 1000);
  const took = performance.now() - start;
  assert.ok(took >= 140 && took < 1500, `${took} ms`);
  peer.close();
  await restarted;
  using again = await run.open();
  const { upload } = expectCode(await again.connect({}, peer.id), "session_resumed");
  assert.equal(upload.offset, offset);
  expectCode(await again.upload(payload.subarray(offset), { offset, length: SIZE }), "ok");
  await run.assertStored(payload);
});

Deno.test("S-DRN-1 a stateless payload cut at the drain time leaves nothing", async () => {
  await using run = await InProcess.start({ drainTimeoutMs: 50 });
  using peer = await run.open();
  await peer.send(frame({ payload: new Uint8Array(SIZE), size: SIZE + 1 }));
  await run.receiving();
  const stopped = run.server.shutdown();
  expectCode(await peer.reply(), "server_shutting_down");
  peer.close();
  await stopped;
  await run.assertStored();
  assert.deepEqual(Array.from(Deno.readDirSync(`${run.folder}/.incoming`)), []);
});

Deno.test("a peer that neither reads nor leaves cannot hold up a stop", async () => {
  await using run = await InProcess.start({ drainTimeoutMs: 100 });
  using peer = await run.open();
  const one = frame({ payload: "x" });
  const flood = new Uint8Array(one.length * 100_000);
  for (let at = 0; at < flood.length; at += one.length) flood.set(one, at);
  const flooding = peer.send(flood).catch(() => {});
  await run.log.wait(({ event }) => event === "transfer.stored");
  const start = performance.now();
  await run.server.shutdown();
  const took = performance.now() - start;
  assert.ok(took < 5000, `${took} ms`);
  peer.close();
  await flooding;
});

Deno.test("serve() stops by its signal, also one that was aborted before", async () => {
  const stop = new AbortController();
  await using run = await InProcess.start({ signal: stop.signal });
  using peer = await run.open();
  expectCode(await peer.stateless("x"), "ok");
  stop.abort();
  expectCode(await peer.reply(), "server_shutting_down");
  peer.close();
  await run.server.finished;
  await run.assertStored(utf8("x"));
  await using never = await InProcess.start({ signal: AbortSignal.abort() });
  await never.server.finished;
});
