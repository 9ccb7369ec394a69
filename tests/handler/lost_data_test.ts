/**
 * A store that comes back without what it had: Redis without persistence, a replica that lagged behind, a
 * file that was restored from a backup. Nobody has taken the session over, and no frame may run on a record
 * by which it was not judged.
 *
 * @module
 */
import assert from "node:assert/strict";
import { close, expire, openUpload, type SessionRecord } from "../../src/session/mod.ts";
import { assertContents, listStored } from "../helpers/files.ts";
import { expectCode, InProcess } from "../helpers/in_process.ts";
import { openBelow } from "../helpers/instances.ts";
import { Random } from "../helpers/random.ts";
import type { RawPeer, RawReply } from "../helpers/raw_peer.ts";
import { until } from "../helpers/serving.ts";

const utf8 = (text: string) => new TextEncoder().encode(text);
const NOTHING = () => Promise.resolve();

/** Changes a record as another process would. */
async function change(
  run: InProcess,
  id: string | null,
  to: (record: SessionRecord) => SessionRecord,
): Promise<void> {
  const record = await run.record(id);
  assert.ok(await run.flaky.save({ ...to(record), version: record.version + 1 }));
}

/** Sends a file as a client does that does what it is told: under the expected number, from the offset. */
async function resync(peer: RawPeer, payload: Uint8Array, sequence: number): Promise<RawReply> {
  for (let offset = 0, tries = 0;; tries++) {
    assert.ok(tries < 4, "the session goes on");
    const data = { offset, length: payload.length };
    const reply = await peer.upload(payload.subarray(offset), data, { sequence });
    if (reply.data.code === "sequence_gap") sequence = reply.data.expected;
    else if (reply.data.code === "offset_mismatch") offset = reply.data.offset;
    else return reply;
  }
}

Deno.test("S-CON-4 a session that the store has lost is unknown, not taken over", async () => {
  await using run = await InProcess.start();
  const empty = await run.flaky.snapshot();
  for (const ask of ["a frame", "a heartbeat", "a disconnect"]) {
    using peer = await run.attached();
    expectCode(await peer.upload("one"), "ok");
    // A heartbeat asks the store only if the lease is half gone.
    run.shiftMs = ask === "a heartbeat" ? 40_000 : 0;
    await empty();
    const reply = ask === "a frame"
      ? await peer.upload("two")
      : ask === "a heartbeat"
      ? await peer.heartbeat()
      : await peer.disconnect();
    expectCode(reply, "session_unknown");
    assert.equal(await peer.rest(), "", "it is told once, and the connection is closed");
    using again = await run.open();
    expectCode(await again.connect({}, peer.id), "session_unknown");
    const lost = run.log.all.filter(({ event }) => event === "session.lost");
    assert.deepEqual(lost.at(-1)!.fields.session, peer.id!.slice(0, 8));
    assert.equal(lost.at(-1)!.level, "warn");
  }
  assert.ok(!run.log.all.some(({ event }) => event === "session.fenced"));
});

Deno.test("S-TAKE-2 an attach that the store has lost is no takeover: the client connects again", async () => {
  await using run = await InProcess.start();
  using first = await run.attached({ want_token: false });
  expectCode(await first.upload("one"), "ok");
  const older = await run.flaky.snapshot();
  first.close();
  await run.idle();
  using second = await run.attached({}, first.id);
  expectCode(await second.upload("two"), "ok");
  await older();
  expectCode(await second.upload("three"), "not_connected");
  assert.equal(await second.rest(), "");
  using third = await run.open();
  const { next_sequence } = expectCode(await third.connect({}, first.id), "session_resumed");
  assert.equal(next_sequence, 2);
  const payload = utf8("three");
  expectCode(await resync(third, payload, 3), "ok");
  await run.assertStored(utf8("one"), utf8("two"), payload);
});

/** The files that a frame of the test brings: gathered in memory, or streamed into a file. */
const SIZES = { "in memory": 500, "in a file": 300_000 } as const;

for (const [how, size] of Object.entries(SIZES)) {
  for (const connected of [true, false]) {
    const then = connected ? "the same connection" : "another connection";
    Deno.test(`S-SEQ a store that came back older goes on, payload ${how}, on ${then}`, async () => {
      await using run = await InProcess.start();
      const random = new Random(31);
      const files = Array.from({ length: 6 }, () => random.bytes(size));
      using peer = await run.attached();
      for (const file of files.slice(0, 3)) expectCode(await peer.upload(file), "ok");
      const older = await run.flaky.snapshot();
      for (const file of files.slice(3, 5)) expectCode(await peer.upload(file), "ok");
      await older();
      const { code, expected } = (await peer.upload(files[5]!)).data;
      assert.deepEqual([code, expected], ["sequence_gap", 4]);
      // One that was in memory is published, and found again under any number that the record has not reached.
      const published = how === "in memory" ? 6 : 5;
      assert.equal((await listStored(run.folder)).length, published);
      const { lastSequence, intent, upload } = await run.record(peer.id);
      assert.deepEqual([lastSequence, intent, upload], [3, null, null]);
      if (!connected) peer.close();
      await run.idle(connected ? 1 : 0);
      using other = connected ? peer : await run.attached({}, peer.id);
      expectCode(await resync(other, files[5]!, 6), "ok");
      await run.assertStored(...files);
    });
  }
}

Deno.test("S-TRF-4 a store that came back older inside a payload ends with the whole file", async () => {
  await using run = await InProcess.start();
  const random = new Random(32);
  const [one, two] = [random.bytes(1000), random.bytes(9_000_000)];
  using peer = await run.attached();
  const older = await run.flaky.snapshot();
  expectCode(await peer.upload(one), "ok");
  const frame = peer.transfer(two, { length: two.length });
  await peer.send(frame.subarray(0, 400_000));
  await run.receiving();
  await older();
  await peer.send(frame.subarray(400_000));
  const { code, expected } = (await peer.reply()).data;
  assert.deepEqual([code, expected], ["sequence_gap", 1]);
  expectCode(await resync(peer, two, 2), "ok");
  await run.assertStored(one, two);
});

Deno.test("S-TRF-4 bytes that are open here are not those of an older record's file", async () => {
  for (const parked of [true, false]) {
    await using run = await InProcess.start();
    const random = new Random(33);
    const [one, two] = [random.bytes(300_000), random.bytes(400_000)];
    using peer = await run.attached();
    const part = { complete: false };
    expectCode(await peer.upload(one.subarray(0, 100_000), part), "partial");
    const older = await run.flaky.snapshot();
    expectCode(await peer.upload(one.subarray(100_000), { offset: 100_000 }), "ok");
    expectCode(await peer.upload(two.subarray(0, 200_000), part), "partial");
    if (parked) {
      peer.close();
      await run.idle();
    }
    await older();
    using again = parked ? await run.open() : peer;
    if (parked) {
      const { upload, next_sequence } = expectCode(
        await again.connect({}, peer.id),
        "session_resumed",
      );
      assert.equal(next_sequence, 2);
      assert.equal(upload, null, "the file of the record is finished, the other one is another's");
    }
    expectCode(await resync(again, two, 4), "ok");
    await run.assertStored(one, two);
  }
});

Deno.test("S-SEQ-5 an intent that came back is brought to its end once", async () => {
  for (const size of Object.values(SIZES)) {
    await using run = await InProcess.start();
    const [one, two] = [new Random(34).bytes(size), new Random(35).bytes(size)];
    using peer = await run.attached();
    let older = NOTHING;
    const save = run.flaky.save.bind(run.flaky);
    run.flaky.save = async (record, maxLive) => {
      const saved = await save(record, maxLive);
      if (record.intent !== null && older === NOTHING) older = await run.flaky.snapshot();
      return saved;
    };
    expectCode(await peer.upload(one), "ok");
    expectCode(await peer.upload(two.subarray(0, 100), { complete: false }), "partial");
    await older();
    // Judged by the record with the intent, whose file is not the one that is open here.
    const rest = { offset: 100, length: size };
    expectCode(await peer.upload(two.subarray(100), rest), "sequence_gap");
    expectCode(await resync(peer, two, 3), "ok");
    await assertContents(run.folder, [one, two]);
  }
});

Deno.test("S-TAKE-2 the same epoch in another process is a takeover", async () => {
  await using run = await InProcess.start();
  using peer = await run.attached();
  for (const text of ["one", "two"]) expectCode(await peer.upload(text), "ok");
  await change(run, peer.id, (record) => ({ ...record, instance: "another" }));
  expectCode(await peer.upload("three"), "session_taken_over");
  assert.equal(await peer.rest(), "");
  // It could not know, and has published the file. Whoever repeats the frame is answered this file.
  using again = await run.attached({}, peer.id);
  expectCode(await again.upload("three"), "ok");
  await run.assertStored(utf8("one"), utf8("two"), utf8("three"));
});

Deno.test("S-CLK-1 a session that another process has ended is not said to be taken over", async () => {
  await using run = await InProcess.start();
  const late = (record: SessionRecord) => expire(record, record.leaseUntil + record.expiryMs);
  for (const [end, code] of [[late, "session_expired"], [close, "session_taken_over"]] as const) {
    using peer = await run.attached();
    await change(run, peer.id, (record) => end(record, Date.now()));
    expectCode(await peer.upload("one"), code);
  }
});

Deno.test("S-CLK-4 a lease that was renewed in between is no reason to judge again", async () => {
  await using run = await InProcess.start();
  using peer = await run.attached();
  const payload = new Random(36).bytes(300_000);
  const frame = peer.transfer(payload, { length: payload.length });
  await peer.send(frame.subarray(0, 200_000));
  await run.receiving();
  await change(run, peer.id, (record) => openUpload(record, record.upload!, Date.now()));
  await peer.send(frame.subarray(200_000));
  expectCode(await peer.reply(), "ok");
  await run.assertStored(payload);
});

Deno.test("A file whose session the store has lost does not stay open", async () => {
  await using run = await InProcess.start({ stateful: { maxSessions: 1 } });
  const empty = await run.flaky.snapshot();
  using peer = await run.attached();
  expectCode(await peer.upload(new Uint8Array(300_000), { complete: false }), "partial");
  peer.close();
  await run.idle();
  const open = async () => (await openBelow(run.folder)).filter((path) => path.includes(".part"));
  assert.equal((await open()).length, 1);
  await empty();
  using other = await run.attached();
  using third = await run.open();
  // The store is full, so the server looks for what has expired.
  expectCode(await third.connect(), "max_sessions");
  await until(async () => (await open()).length === 0, "it is closed");
  expectCode(await other.upload("goes on"), "ok");
});
