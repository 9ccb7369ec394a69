import assert from "node:assert/strict";
import { expectCode, InProcess, type InProcessOptions } from "../helpers/in_process.ts";
import { frame } from "../helpers/raw_frame.ts";

const HOUR = 3_600_000;
const NOBODY = "2f0e4f0b-5f0c-4a53-9d0b-0a9f5d5f8c11";

Deno.test("S-CON-1 a new session has a UUIDv4 and no token unless it is wanted", async () => {
  await using run = await InProcess.start();
  using plain = await run.open();
  const reply = await plain.connect();
  assert.equal(expectCode(reply, "session_created").token, undefined);
  assert.match(reply.header.session.id, /^[0-9a-f-]{14}4[0-9a-f]{3}-[89ab][0-9a-f-]+$/);
  assert.deepEqual([reply.data.next_sequence, reply.data.upload], [1, null]);

  using secret = await run.open();
  const { token } = expectCode(await secret.connect({ want_token: true }), "session_created");
  assert.match(token, /^[A-Za-z0-9_-]{43}$/);
  const { tokenHash } = await run.record(secret.id);
  assert.match(tokenHash!, /^[0-9a-f]{64}$/);
  assert.ok(!JSON.stringify(run.log.all).includes(token), "the token is not logged");
});

Deno.test("S-CON-6 the reply states the terms, and a client may ask for less but not for more", async () => {
  await using run = await InProcess.start({
    maxRequestSize: 5000,
    stateful: {
      keepaliveMs: 20_000,
      sessionTimeoutMs: 100_000,
      maxInflight: 8,
      maxUnansweredBytes: 9_000_000,
      maxUploadSize: 9,
    },
  });
  using peer = await run.open();
  const terms = expectCode(
    await peer.connect({ keepalive_s: 5, session_expiry_s: 500 }),
    "session_created",
  );
  assert.deepEqual([terms.keepalive_s, terms.session_expiry_s, terms.max_inflight], [5, 100, 8]);
  assert.equal(terms.max_unanswered_bytes, 9_000_000);
  assert.deepEqual(terms.limits, {
    max_header: 16384,
    max_session_data: 65536,
    max_request_size: 5000,
    max_upload_size: 9,
    checkpoint_bytes: 8388608,
  });
  const { tier, durability, versions } = terms.server;
  assert.deepEqual([tier, durability, versions], ["RW", "process", ["2.1", "2.0", "1.0"]]);
  assert.equal(terms.challenge.length, 43);
  using other = await run.open();
  assert.notEqual((await other.connect()).data.challenge, terms.challenge);
});

Deno.test("S-CON-2 a known session is resumed with its next sequence", async () => {
  await using run = await InProcess.start();
  using peer = await run.attached();
  expectCode(await peer.upload("one"), "ok");
  peer.close();
  await run.idle();
  assert.equal((await run.record(peer.id)).state, "detached");
  using again = await run.open();
  const reply = expectCode(await again.connect({}, peer.id), "session_resumed");
  assert.deepEqual([reply.next_sequence, reply.upload], [2, null]);
  assert.equal((await run.record(peer.id)).epoch, 2);
});

Deno.test("S-CON-3 clean closes the old session and its upload, and makes a new id", async () => {
  await using run = await InProcess.start();
  using secret = await run.attached({ want_token: true });
  using stranger = await run.open();
  expectCode(await stranger.connect({ clean: true }, secret.id), "unauthorized");
  expectCode(await secret.heartbeat(), "pong");

  using first = await run.attached();
  expectCode(await first.upload("part", { complete: false }), "partial");
  using fresh = await run.open();
  const reply = await fresh.connect({ clean: true }, first.id);
  expectCode(reply, "session_created");
  assert.notEqual(fresh.id, first.id);
  expectCode(await first.reply(), "session_taken_over");
  using late = await run.open();
  const { state } = expectCode(await late.connect({}, first.id), "session_expired");
  assert.equal(state, "closed");
  assert.deepEqual(Array.from(Deno.readDirSync(`${run.folder}/.incoming`)), []);
});

Deno.test("S-CON-4 S-CLK-1 unknown, expired, closed and forgotten ids, by the clock alone", async () => {
  await using run = await InProcess.start({
    stateful: { sessionTimeoutMs: 60_000, partialTimeoutMs: 60_000 },
  });
  using peer = await run.open();
  expectCode(await peer.connect({}, NOBODY), "session_unknown");

  using closed = await run.attached();
  expectCode(await closed.disconnect(), "session_closed");
  using expired = await run.attached();
  expectCode(await expired.upload("part", { complete: false }), "partial");
  closed.close();
  expired.close();
  await run.idle(1);

  run.shiftMs = 59_000;
  const before = await run.record(expired.id);
  assert.equal(before.state, "detached");
  run.shiftMs = 61_000;
  assert.equal(expectCode(await peer.connect({}, expired.id), "session_expired").state, "expired");
  const ended = expectCode(await peer.connect({}, closed.id), "session_expired");
  assert.deepEqual([ended.state, ended.files, ended.bytes], ["closed", 0, 0], "S-DIS-3");
  assert.equal((await run.record(expired.id)).state, "expired");
  const left = Array.from(Deno.readDirSync(`${run.folder}/.incoming`));
  assert.deepEqual(left, [], "its partial file is removed");

  run.shiftMs += HOUR + 1000;
  expectCode(await peer.connect({}, expired.id), "session_unknown");
  expectCode(await peer.connect({}, closed.id), "session_unknown");
});

Deno.test("S-CLK-1 S-CON-6 a session with an open file lives longer, unless its client asked for less", async () => {
  const stateful = { sessionTimeoutMs: 60_000, partialTimeoutMs: HOUR };
  await using run = await InProcess.start({ stateful });
  const left = async (begun: boolean, terms = {}) => {
    using peer = await run.open();
    const { session_expiry_s, partial_expiry_s } = expectCode(
      await peer.connect(terms),
      "session_created",
    );
    if (begun) expectCode(await peer.upload("part", { complete: false }), "partial");
    return { id: peer.id, terms: [session_expiry_s, partial_expiry_s] };
  };
  const idle = await left(false);
  const begun = await left(true);
  const modest = await left(true, { session_expiry_s: 100 });
  assert.deepEqual([begun.terms, modest.terms], [[60, 3600], [60, 100]]);
  await run.idle();

  const back = async (id: string | null, code: string) => {
    using peer = await run.open();
    return expectCode(await peer.connect({}, id), code);
  };
  run.shiftMs = 61_000;
  await back(idle.id, "session_expired");
  assert.equal((await run.record(modest.id)).state, "detached");
  run.shiftMs = 101_000;
  await back(modest.id, "session_expired");
  run.shiftMs = HOUR - 1000;
  assert.equal((await back(begun.id, "session_resumed")).upload.offset, 4);
  await run.idle();
  run.shiftMs = 2 * HOUR;
  await back(begun.id, "session_expired");
  assert.deepEqual(Array.from(Deno.readDirSync(`${run.folder}/.incoming`)), []);
});

Deno.test("S-CLK-3 a session whose connection stands still longer than its lease does not expire", async () => {
  await using run = await InProcess.start();
  using peer = await run.attached({ keepalive_s: 1, session_expiry_s: 1 });
  const bytes = peer.transfer("0123456789");
  await peer.send(bytes.subarray(0, bytes.length - 5));
  run.shiftMs = 60_000;
  using other = await run.open();
  expectCode(await other.connect({}, peer.id), "session_resumed");
});

Deno.test("S-CON-5 every refusal is unauthorized and leaves the attached connection alone", async () => {
  await using run = await InProcess.start();
  using owner = await run.open();
  const { token } = expectCode(await owner.connect({ want_token: true }), "session_created");
  for (const shown of [{}, { token: "wrong" }, { token: token.slice(1) }, { token: `${token}x` }]) {
    using thief = await run.open();
    const { data } = await thief.connect(shown, owner.id);
    assert.deepEqual(Object.keys(data).sort(), ["class", "code", "message"]);
    assert.equal(data.code, "unauthorized");
  }
  expectCode(await owner.upload("still mine"), "ok");
  assert.equal((await run.record(owner.id)).epoch, 1);
  using self = await run.open();
  expectCode(await self.connect({ token }, owner.id), "session_resumed");
});

Deno.test("S-CON-5 without a token the address decides", async () => {
  const options: InProcessOptions = { stateful: { ipBinding: "strict" } };
  await using run = await InProcess.start(options);
  using peer = await run.attached();
  const record = await run.record(peer.id);
  peer.close();
  await run.idle();
  const kept = await run.record(peer.id);
  await run.flaky.save({ ...kept, version: kept.version + 1, clientAddress: "192.0.2.7" });
  using other = await run.open();
  expectCode(await other.connect({}, record.id), "unauthorized");
});

Deno.test("S-CON-7 a second connect, and anything stateful before the first", async () => {
  await using run = await InProcess.start();
  using peer = await run.open();
  for (const action of ["transfer", "heartbeat", "disconnect"]) {
    const reply = await peer.request({ action, mode: "stateful", id: NOBODY, sequence: 1 });
    expectCode(reply, "not_connected");
  }
  expectCode(await peer.connect(), "session_created");
  const id = peer.id;
  expectCode(await peer.request({ action: "connect", mode: "stateful" }), "protocol_error");
  using again = await run.attached();
  expectCode(
    await again.request({ action: "heartbeat", mode: "stateful", id, sequence: 0 }),
    "not_connected",
  );
});

Deno.test("S-DEG-1 max_sessions refuses, or falls back where that is asked for", async () => {
  await using run = await InProcess.start({ stateful: { maxSessions: 2 } });
  using _one = await run.attached();
  using two = await run.attached({ session_expiry_s: 10 });
  using peer = await run.open();
  const { retry_after_ms } = expectCode(await peer.connect(), "max_sessions");
  assert.ok(retry_after_ms > 0);
  const { degraded } = expectCode(await peer.connect({ fallback: "stateless" }), "ok");
  assert.equal(degraded, "max_sessions");
  two.close();
  await run.idle(2);
  run.shiftMs = 11_000;
  expectCode(await peer.connect(), "session_created"); // what has expired makes room
});

Deno.test("max_sessions is exact when many clients connect at the same moment", async () => {
  await using run = await InProcess.start({ stateful: { maxSessions: 5 } });
  const peers = await Promise.all(Array.from({ length: 60 }, () => run.open()));
  const codes = await Promise.all(peers.map(async (peer) => (await peer.connect()).data.code));
  for (const peer of peers) peer.close();
  assert.equal(codes.filter((code) => code === "session_created").length, 5);
  assert.equal(codes.filter((code) => code === "max_sessions").length, 55);
  assert.deepEqual(await run.flaky.stats(), { live: 5, ended: 0 });
});

Deno.test("S-CLK-3 a session that cannot be cleaned up keeps no other from it", async () => {
  await using run = await InProcess.start({
    stateful: { maxSessions: 4, sessionTimeoutMs: 60_000 },
  });
  const ids: string[] = [];
  for (let n = 0; n < 4; n++) {
    using peer = await run.attached();
    ids.push(peer.id!);
  }
  await run.idle();
  run.shiftMs = 61_000;
  run.flaky.failSave("before", ({ id, endedAt }) => id === ids[1] && endedAt !== null);
  using newcomer = await run.attached();
  assert.deepEqual(await run.flaky.stats(), { live: 2, ended: 3 });
  const [line] = run.log.all.filter(({ event }) => event === "session.unswept");
  assert.equal(line!.fields.session, ids[1]!.slice(0, 8));
  expectCode(await newcomer.heartbeat(), "pong");
});

Deno.test("session creations are limited for each address, with the time to wait", async () => {
  await using run = await InProcess.start({
    rate: { connectionsPerSecond: 1000, sessionsPerMinute: 2 },
  });
  using peer = await run.open();
  for (let i = 0; i < 2; i++) {
    using each = await run.open();
    expectCode(await each.connect(), "session_created");
  }
  await peer.send(frame({ action: "connect", mode: "stateful", data: { fallback: "stateless" } }));
  const { retry_after_ms } = expectCode(await peer.reply(), "rate_limited");
  assert.ok(retry_after_ms > 20_000 && retry_after_ms <= 30_000);
});

Deno.test("S-CLK-3 housekeeping ends what has expired, leaves what is held, and forgets old tombstones", async () => {
  await using run = await InProcess.start({
    stateful: {
      ...{ maxSessions: 3, keepaliveMs: 30_000 },
      ...{ sessionTimeoutMs: 60_000, partialTimeoutMs: 60_000 },
    },
  });
  using closed = await run.attached();
  expectCode(await closed.disconnect(), "session_closed");
  using expired = await run.attached();
  expectCode(await expired.upload("part", { complete: false }), "partial");
  expired.close();
  closed.close();
  await run.idle();
  using held = await run.attached();
  using detached = await run.attached();
  detached.close();
  await run.idle(1);
  run.shiftMs = HOUR + 61_000;
  // A session more than there is room for is what makes it look.
  using newcomer = await run.attached();
  assert.deepEqual(await run.flaky.stats(), { live: 2, ended: 2 });
  assert.equal(await run.flaky.load(closed.id!), undefined, "its tombstone was over");
  assert.equal((await run.record(expired.id)).state, "expired");
  assert.ok((await run.record(held.id)).leaseUntil > Date.now() + run.shiftMs);
  expectCode(await held.heartbeat(), "pong");
  expectCode(await newcomer.heartbeat(), "pong");
  assert.deepEqual(Array.from(Deno.readDirSync(`${run.folder}/.incoming`)), []);
});
