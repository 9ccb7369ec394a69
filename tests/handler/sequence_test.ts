import assert from "node:assert/strict";
import { sha256 } from "../helpers/files.ts";
import { expectCode, InProcess, type InProcessOptions } from "../helpers/in_process.ts";
import { Random } from "../helpers/random.ts";
import { concat, utf8 } from "../helpers/raw_frame.ts";
import { MemorySessionStore } from "../../src/store/mod.ts";

/** Small files take one step or two, by the kind of the store. */
const WAYS: readonly (readonly [name: string, options: () => InProcessOptions])[] = [
  ["in one step", () => ({ store: new MemorySessionStore() })],
  ["with an intent", () => ({})],
];

for (const [way, options] of WAYS) {
  Deno.test(`S-SEQ the same sequence and request is answered from memory, ${way}`, async () => {
    await using run = await InProcess.start(options());
    using peer = await run.attached();
    const first = await peer.upload("once", { name: "a" });
    expectCode(first, "ok");
    const again = await peer.upload("once", { name: "a" }, { sequence: 1 });
    assert.deepEqual(again.data, { ...first.data, replayed: true });
    await run.assertStored(utf8("once"));
    assert.equal((await run.record(peer.id)).lastSequence, 1);
  });

  Deno.test(`S-SEQ-1 another request under a used sequence is refused, ${way}`, async () => {
    await using run = await InProcess.start(options());
    using peer = await run.attached();
    expectCode(await peer.upload("once", { name: "a" }), "ok");
    const others = [
      ["longer", { name: "a" }, {}],
      ["once", { name: "b" }, {}],
      ["once", { name: "a", length: 4 }, {}],
      ["once", { name: "a" }, { mime: "image/png" }],
      ["once", { name: "a", complete: false }, {}],
    ] as const;
    for (const [payload, data, parts] of others) {
      const reply = await peer.upload(payload, data, { ...parts, sequence: 1 });
      assert.equal(expectCode(reply, "sequence_reuse").expected, 2);
    }
    expectCode(await peer.upload("next"), "ok");
  });

  Deno.test(`S-SEQ-5 a checksum failure is repeated from memory, ${way}`, async () => {
    await using run = await InProcess.start(options());
    using peer = await run.attached();
    for (const size of [10, 300_000]) {
      const payload = new Random(size).bytes(size);
      const data = { sha256: "f".repeat(64) };
      const first = await peer.upload(payload, data);
      expectCode(first, "checksum_mismatch");
      const again = await peer.upload(payload, data, { sequence: peer.sequence });
      assert.deepEqual(again.data, { ...first.data, replayed: true });
    }
    await run.assertStored();
    assert.equal((await run.record(peer.id)).lastSequence, 2);
  });

  Deno.test(`40 pipelined transfers are stored once each, in order, with 16 in flight, ${way}`, async () => {
    await using run = await InProcess.start({ ...options(), stateful: { maxInflight: 16 } });
    using peer = await run.attached();
    const random = new Random(40);
    const payloads = Array.from({ length: 40 }, () => random.bytes(random.int(0, 70_000)));
    const frames = payloads.map((payload) => peer.transfer(payload));
    let next = 16;
    await peer.send(concat(...frames.slice(0, next)));
    for (const [i, payload] of payloads.entries()) {
      const { header, data } = await peer.reply();
      assert.equal(header.session.sequence, i + 1);
      assert.equal(data.file.sha256, sha256(payload));
      if (next < 40) await peer.send(frames[next++]!);
    }
    await run.assertStored(...payloads);
    const { ring, lastSequence, filesTransferred } = await run.record(peer.id);
    assert.deepEqual([ring.length, lastSequence, filesTransferred], [16, 40, 40]);
    expectCode(await peer.upload(payloads[23]!, {}, { sequence: 24 }), "replay_too_old");
    expectCode(await peer.upload(payloads[24]!, {}, { sequence: 25 }), "ok");
  });
}

Deno.test("S-SEQ a gap says what is expected, and nothing changes", async () => {
  await using run = await InProcess.start();
  using peer = await run.attached();
  const reply = await peer.upload("early", {}, { sequence: 3 });
  assert.equal(expectCode(reply, "sequence_gap").expected, 1);
  expectCode(await peer.upload("zero", {}, { sequence: 0 }), "replay_too_old");
  expectCode(await peer.upload("first", {}, { sequence: 1 }), "ok");
  await run.assertStored(utf8("first"));
});

Deno.test("S-SEQ-2 refusals do not use up the sequence", async () => {
  await using run = await InProcess.start({
    maxRequestSize: 1000,
    stateful: { maxUploadSize: 1500, sessionQuota: 2000 },
    disk: { budget: 4000 },
  });
  using peer = await run.attached();
  const refusals = [
    [new Uint8Array(1001), {}, "too_large"],
    ["x", { length: 1501, complete: false }, "too_large"],
    ["x", { offset: 5 }, "offset_mismatch"],
    ["xyz", { length: 2 }, "length_mismatch"],
    ["xyz", { length: 4 }, "length_mismatch"],
    ["x", { crit: ["unknown"] }, "unsupported_feature"],
  ] as const;
  for (const [payload, data, code] of refusals) {
    expectCode(await peer.upload(payload, data, { sequence: 1 }), code);
  }
  expectCode(await peer.upload(new Uint8Array(1000), {}, { sequence: 1 }), "ok");
  expectCode(await peer.upload(new Uint8Array(900), {}, { sequence: 2 }), "ok");
  assert.equal(
    expectCode(await peer.upload(new Uint8Array(101), {}, { sequence: 3 }), "quota_exceeded").limit,
    2000,
  );
  using other = await run.attached();
  for (let sequence = 1; sequence <= 2; sequence++) {
    expectCode(await other.upload(new Uint8Array(1000), {}, { sequence }), "ok");
  }
  using third = await run.attached();
  expectCode(await third.upload(new Uint8Array(500), {}, { sequence: 1 }), "storage_full");
  expectCode(await third.upload(new Uint8Array(100), {}, { sequence: 1 }), "ok");
});

Deno.test("S-SEQ-3 heartbeat repeats the last sequence and consumes nothing", async () => {
  await using run = await InProcess.start({ stateful: { keepaliveMs: 30_000 } });
  using peer = await run.attached();
  expectCode(await peer.heartbeat(), "pong");
  expectCode(await peer.upload("one"), "ok");
  for (let i = 0; i < 3; i++) {
    assert.equal(expectCode(await peer.heartbeat(), "pong").next_sequence, 2);
  }
  const { version, leaseUntil } = await run.record(peer.id);
  run.shiftMs = 40_000;
  expectCode(await peer.heartbeat(), "pong");
  const renewed = await run.record(peer.id);
  assert.equal(
    renewed.version,
    version + 1,
    "S-CLK-4 the lease is renewed when half of it is gone",
  );
  assert.ok(renewed.leaseUntil >= leaseUntil + 39_000);
  peer.sequence = 7;
  assert.equal(expectCode(await peer.heartbeat(), "sequence_gap").expected, 1);
});

Deno.test("S-DIS-1 disconnect states the totals, consumes a sequence and ends the connection", async () => {
  await using run = await InProcess.start();
  using peer = await run.attached();
  expectCode(await peer.upload("12345"), "ok");
  expectCode(await peer.upload("678", { complete: false }), "partial");
  expectCode(await peer.upload("90", { offset: 3 }), "ok");
  expectCode(await peer.upload("left behind", { complete: false }), "partial");
  expectCode(await peer.disconnect(9), "sequence_gap");
  const closed = expectCode(await peer.disconnect(5), "session_closed");
  assert.deepEqual([closed.files, closed.bytes, closed.messages], [2, 10, 5]);
  assert.ok(closed.duration_ms >= 0);
  assert.equal(await peer.rest(), "");
  await run.assertStored(utf8("12345"), utf8("67890"));
  assert.deepEqual(Array.from(Deno.readDirSync(`${run.folder}/.incoming`)), []);
});

Deno.test("S-SEQ-3 a pipelined second disconnect does no harm", async () => {
  await using run = await InProcess.start();
  using peer = await run.attached();
  const { id } = peer;
  const [first, second] = [1, 1].map((sequence) =>
    peer.transfer("", undefined, { action: "disconnect", sequence, id })
  );
  await peer.send(concat(first!, second!));
  const replies = await peer.replies();
  assert.deepEqual(replies.map(({ data }) => data.code), ["session_closed"]);
});

Deno.test("S-TRF-9 in a session: an upload id sent under a new sequence stores nothing more", async () => {
  await using run = await InProcess.start();
  const payload = new Random(9).bytes(200_000);
  const upload_id = crypto.randomUUID();
  using first = await run.attached();
  const { file } = expectCode(await first.upload(payload, { upload_id }), "ok");
  for (const digest of [{}, { sha256: sha256(payload) }]) {
    using other = await run.attached();
    const again = expectCode(await other.upload(payload, { upload_id, ...digest }), "ok");
    assert.deepEqual([again.replayed, again.file, again.upload_id], [true, file, upload_id]);
    assert.equal((await run.record(other.id)).filesTransferred, 0);
  }
  using third = await run.attached();
  for (let i = 0; i < 2; i++) {
    expectCode(await third.upload("other", { upload_id }, { sequence: 1 }), "sequence_reuse");
  }
  expectCode(await third.upload("the session goes on", {}, { sequence: 1 }), "ok");
  await run.assertStored(payload, utf8("the session goes on"));
});
