import assert from "node:assert/strict";
import { expectCode, InProcess } from "../helpers/in_process.ts";
import { FaultProxy } from "../helpers/fault_proxy.ts";
import { Random } from "../helpers/random.ts";
import { RawPeer } from "../helpers/raw_peer.ts";

const SIZE = 500_000;

Deno.test("S-TAKE-3 S-TAKE-4 an idle holder is told within 250 ms, and the reply follows its release", async () => {
  await using run = await InProcess.start();
  using old = await run.attached();
  using fresh = await run.open();
  const start = performance.now();
  const notice = old.reply().then((reply) => ({ reply, at: performance.now() }));
  expectCode(await fresh.connect({}, old.id), "session_resumed");
  const { reply, at } = await notice;
  expectCode(reply, "session_taken_over");
  assert.equal(reply.header.session.action, "disconnect");
  assert.equal(reply.header.session.id, old.id);
  assert.ok(at - start < 250, `${at - start} ms`);
  assert.equal(await old.rest(), "", "the holder's connection is closed");
  const { epoch, takeovers, state } = await run.record(old.id);
  assert.deepEqual([epoch, takeovers.length, state], [2, 1, "authenticated"]);
  expectCode(await fresh.upload("mine now"), "ok");
});

Deno.test("S-TAKE-3 a holder in mid-payload is checkpointed, and its upload goes on", async () => {
  for (const tier of ["RW", "W"] as const) {
    await using run = await InProcess.start({ disk: { tier } });
    const payload = new Random(3).bytes(SIZE);
    using old = await run.attached();
    const bytes = old.transfer(payload, { length: SIZE });
    await old.send(bytes.subarray(0, bytes.length - 100_000));
    using fresh = await run.open();
    const start = performance.now();
    const { upload } = expectCode(await fresh.connect({}, old.id), "session_resumed");
    const notice = expectCode(await old.reply(), "session_taken_over");
    assert.ok(performance.now() - start < 250);
    // What was on its way when the holder stopped may be lost, what it says it has is not.
    const offset = upload?.offset ?? 0;
    assert.equal(notice.offset ?? 0, offset);
    const rest = { offset, length: SIZE };
    expectCode(await fresh.upload(payload.subarray(offset), rest), "ok");
    await run.assertStored(payload);
  }
});

Deno.test("S-TAKE-4 a holder whose peer is silent does not delay the newcomer", async () => {
  await using run = await InProcess.start();
  await using proxy = await FaultProxy.listen({
    target: { hostname: "127.0.0.1", port: run.port },
    plan: () => ({ down: { faults: [{ after: 2000, kind: "stall" }] } }),
  });
  using old = await RawPeer.open(proxy);
  expectCode(await old.connect(), "session_created");
  using fresh = await run.open();
  const start = performance.now();
  expectCode(await fresh.connect({}, old.id), "session_resumed");
  assert.ok(performance.now() - start < 250);
  expectCode(await fresh.upload("alive"), "ok");
  old.close();
});

Deno.test("S-TAKE-4 a holder that pipelines and never reads does not delay the newcomer", async () => {
  await using run = await InProcess.start();
  using old = await run.attached();
  const beats = old.transfer("", undefined, { action: "heartbeat", sequence: 0 });
  const flood = new Uint8Array(beats.length * 40_000);
  for (let at = 0; at < flood.length; at += beats.length) flood.set(beats, at);
  const flooding = old.send(flood).catch(() => {});
  using fresh = await run.open();
  const start = performance.now();
  expectCode(await fresh.connect({}, old.id), "session_resumed");
  assert.ok(performance.now() - start < 2000);
  expectCode(await fresh.upload("alive"), "ok");
  old.close();
  await flooding;
});

Deno.test("S-TAKE-5 of 100 racing re-attaches one is attached, the others are told or refused", async () => {
  await using run = await InProcess.start({ maxConnections: 200 });
  const payload = new Random(5).bytes(SIZE);
  using first = await run.attached();
  const bytes = first.transfer(payload, { length: SIZE });
  await first.send(bytes.subarray(0, bytes.length - 1000));

  const racers = await Promise.all(Array.from({ length: 100 }, () => run.open()));
  const codes = await Promise.all(
    racers.map(async (peer) => (await peer.connect({}, first.id)).data),
  );
  const count = (code: string) => codes.filter((data) => data.code === code).length;
  assert.equal(count("session_resumed"), 5);
  assert.equal(count("takeover_flapping"), 95);
  const flapping = codes.find(({ code }) => code === "takeover_flapping");
  assert.equal(flapping?.retry_after_ms, 5000);

  const told = racers.filter((_, i) => codes[i]!.code === "session_resumed");
  const alive: RawPeer[] = [];
  for (const peer of told) {
    const { data } = await peer.heartbeat().catch(() => ({ data: { code: "gone" } }));
    if (data.code === "pong") alive.push(peer);
    else assert.ok(["session_taken_over", "gone"].includes(data.code));
  }
  assert.equal(alive.length, 1, "exactly one is attached");
  const { epoch, upload } = await run.record(first.id);
  assert.equal(epoch, 6);
  const offset = upload?.offset ?? 0;
  const rest = { offset, length: SIZE };
  expectCode(await alive[0]!.upload(payload.subarray(offset), rest, { sequence: 1 }), "ok");
  await run.assertStored(payload);

  run.shiftMs = 11_000;
  using later = await run.open();
  expectCode(await later.connect({}, first.id), "session_resumed");
  for (const peer of racers) peer.close();
});

Deno.test("S-TAKE-2 a handler whose epoch is lost changes nothing and stops", async () => {
  await using run = await InProcess.start();
  using old = await run.attached();
  expectCode(await old.upload("part", { complete: false }), "partial");
  // Another instance takes the session: it is known by its epoch alone.
  const kept = await run.record(old.id);
  const taken = { ...kept, version: kept.version + 1, epoch: kept.epoch + 1, instance: "other" };
  assert.equal(await run.flaky.save(taken), true);
  expectCode(await old.upload(" two", { offset: 4 }), "session_taken_over");
  assert.equal(await old.rest(), "");
  // It says only that it was alive (S-TAKE-7).
  const { takeovers, ...rest } = await run.record(old.id);
  const { takeovers: _, ...expected } = taken;
  assert.deepEqual(rest, { ...expected, version: taken.version + 1 });
  assert.equal(takeovers.length, 1);
  await run.assertStored();
});

Deno.test("two servers on one store and folder: epochs only go up, one file a sequence", async () => {
  await using one = await InProcess.start({ stateful: { instance: "one" } });
  await using two = await InProcess.start({
    store: one.flaky,
    stateful: { instance: "two" },
    disk: {},
  });
  using first = await one.attached();
  let epoch = 1;
  for (let turn = 1; turn <= 10; turn++) {
    one.shiftMs = two.shiftMs = turn * 11_000; // so that it does not count as flapping
    const server = turn % 2 === 0 ? one : two;
    using peer = await server.open();
    expectCode(await peer.connect({}, first.id), "session_resumed");
    expectCode(await peer.upload(`turn ${turn}`), "ok");
    const record = await one.record(first.id);
    assert.ok(record.epoch > epoch);
    epoch = record.epoch;
    assert.equal(record.lastSequence, turn);
  }
  assert.deepEqual([(await one.stored()).length, (await two.stored()).length], [5, 5]);
});

Deno.test("S-TAKE-7 connections that died without a word do not count as takeovers", async () => {
  await using run = await InProcess.start();
  let id: string | null = null;
  for (let each = 0; each < 8; each++) {
    using peer = await run.attached({}, id);
    id = peer.id;
    run.flaky.failSave("before", ({ detachedAt }) => detachedAt !== null);
    peer.close();
    await run.idle();
  }
  const { state, takeovers } = await run.record(id);
  assert.deepEqual([state, takeovers], ["authenticated", []]);
});
