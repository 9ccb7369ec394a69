import assert from "node:assert/strict";
import { sha256 } from "../helpers/files.ts";
import { FaultProxy } from "../helpers/fault_proxy.ts";
import { expectCode, InProcess } from "../helpers/in_process.ts";
import { Random } from "../helpers/random.ts";
import { RawPeer } from "../helpers/raw_peer.ts";

const SIZE = 300_000;

for (const tier of ["RW", "W"] as const) {
  Deno.test(`S-TRF-4 cut anywhere and resumed: one file, its sha256 right, tier ${tier}`, async () => {
    await using run = await InProcess.start({ disk: { tier } });
    const random = new Random(100);
    const points = [
      0,
      1,
      SIZE / 2,
      SIZE - 1,
      SIZE,
      ...Array.from({ length: 40 }, () => random.int(2, SIZE - 2)),
    ];
    const payloads: Uint8Array[] = [];
    for (const point of points) {
      const payload = random.bytes(SIZE);
      payloads.push(payload);
      using peer = await run.attached();
      const bytes = peer.transfer(payload, { length: SIZE });
      await peer.send(bytes.subarray(0, bytes.length - SIZE + point));
      peer.close();
      await run.idle();

      using again = await run.open();
      const { upload, next_sequence } = expectCode(
        await again.connect({}, peer.id),
        "session_resumed",
      );
      if (point === SIZE) {
        assert.deepEqual([next_sequence, upload], [2, null]);
        const reply = await again.upload(payload, { length: SIZE }, { sequence: 1 });
        assert.equal(expectCode(reply, "ok").replayed, true);
        continue;
      }
      const offset = upload?.offset ?? 0;
      assert.equal(offset, point, "nothing that was received is sent again");
      if (upload !== null) {
        assert.deepEqual([upload.sequence, upload.length], [1, SIZE]);
      }
      const { file } = expectCode(
        await again.upload(payload.subarray(offset), { offset, length: SIZE }),
        "ok",
      );
      assert.equal(file.sha256, sha256(payload));
    }
    await run.assertStored(...payloads);
  });
}

for (const how of ["removed", "cut short"] as const) {
  Deno.test(`S-TRF-4 a partial file that was ${how} between two connections starts over`, async () => {
    await using run = await InProcess.start();
    const payload = new Random(26).bytes(SIZE);
    using peer = await run.attached();
    const bytes = peer.transfer(payload, { length: SIZE });
    await peer.send(bytes.subarray(0, bytes.length - 1000));
    peer.close();
    await run.idle();
    const { temporaryPath } = (await run.record(peer.id)).upload!;
    const path = `${run.folder}/${temporaryPath}`;
    await (how === "removed" ? Deno.remove(path) : Deno.truncate(path, 100));

    using again = await run.open();
    const { upload } = expectCode(await again.connect({}, peer.id), "session_resumed");
    assert.equal(upload, null, "no offset is told that the bytes on the disk do not have");
    expectCode(await again.upload(payload, { length: SIZE }), "ok");
    await run.assertStored(payload);
  });
}

Deno.test("S-TRF-4 one upload reset 25 times: its offset only goes up", async () => {
  await using run = await InProcess.start();
  const random = new Random(25);
  const payload = random.bytes(4_000_000);
  await using proxy = await FaultProxy.listen({
    target: { hostname: "127.0.0.1", port: run.port },
    plan: () => ({ up: { faults: [{ after: random.int(500, 500_000), kind: "reset" }] } }),
  });
  using first = await run.attached();
  let highest = 0;
  for (let cuts = 0; cuts < 25; cuts++) {
    using peer = await RawPeer.open(proxy);
    try {
      const { upload } = expectCode(await peer.connect({}, first.id), "session_resumed");
      assert.ok((upload?.offset ?? 0) >= highest, "the offset goes up");
      highest = upload?.offset ?? 0;
      const rest = { offset: highest, length: payload.length, complete: false };
      await peer.send(peer.transfer(payload.subarray(highest, -1), rest));
      await peer.reply();
    } catch (error) {
      if (error instanceof assert.AssertionError) throw error;
    }
    first.close();
    peer.close();
    await run.idle();
  }
  assert.ok(highest > 0, "some of it arrived");
  using last = await run.open();
  const { upload } = expectCode(await last.connect({}, first.id), "session_resumed");
  const rest = { offset: upload.offset, length: payload.length };
  expectCode(await last.upload(payload.subarray(upload.offset), rest), "ok");
  await run.assertStored(payload);
});

Deno.test("S-TRF-4 a partial file outlives the server that received it, in tier RW", async () => {
  await using run = await InProcess.start();
  const payload = new Random(26).bytes(SIZE);
  using peer = await run.attached();
  const data = { length: SIZE, name: "kept", upload_id: crypto.randomUUID() };
  const bytes = peer.transfer(payload, data);
  await peer.send(bytes.subarray(0, bytes.length - 1000));
  peer.close();
  await run.idle();
  await run.restart();
  using again = await run.open();
  const { upload } = expectCode(await again.connect({}, peer.id), "session_resumed");
  assert.deepEqual([upload.offset, upload.upload_id], [SIZE - 1000, data.upload_id]);
  const rest = { ...data, offset: upload.offset };
  expectCode(await again.upload(payload.subarray(upload.offset), rest), "ok");
  await run.assertStored(payload);
});

Deno.test("S-TRF-4 in tier W a partial file is gone with its server, and the offset says 0", async () => {
  await using run = await InProcess.start({ disk: { tier: "W" } });
  const payload = new Random(27).bytes(SIZE);
  using peer = await run.attached();
  const bytes = peer.transfer(payload);
  await peer.send(bytes.subarray(0, bytes.length - 1000));
  peer.close();
  await run.idle();
  await run.restart();
  using again = await run.open();
  assert.equal(expectCode(await again.connect({}, peer.id), "session_resumed").upload, null);
  expectCode(await again.upload(payload), "ok");
  await run.assertStored(payload);
});

Deno.test("S-SEQ-5 an intent left by a lost store is brought to its end by the next server", async () => {
  await using run = await InProcess.start();
  const payload = new Random(28).bytes(SIZE);
  for (const [i, is] of ["intent", "commit"].entries()) {
    using peer = await run.attached();
    const when = is === "intent" ? "after" : "before";
    run.flaky.failSave(
      when,
      (record) => is === "intent" ? record.intent !== null : record.lastSequence === 1,
    );
    expectCode(await peer.upload(payload), "store_unavailable");
    peer.close();
    await run.idle();
    assert.notEqual((await run.record(peer.id)).intent, null);
    await run.restart();
    using again = await run.open();
    const { next_sequence } = expectCode(await again.connect({}, peer.id), "session_resumed");
    assert.equal(next_sequence, 2);
    const reply = await again.upload(payload, undefined, { sequence: 1 });
    assert.equal(expectCode(reply, "ok").replayed, true);
    assert.equal((await run.stored()).length, i + 1);
  }
  await run.assertStored(payload, payload);
});

Deno.test("S-TRF-6 a half-closed peer reads how far its upload came", async () => {
  await using run = await InProcess.start();
  using peer = await run.attached();
  const bytes = peer.transfer(new Uint8Array(SIZE));
  await peer.send(bytes.subarray(0, bytes.length - 5));
  await peer.halfClose();
  assert.equal(expectCode(await peer.reply(), "incomplete").offset, SIZE - 5);
  assert.equal(await peer.rest(), "");
  await run.idle();
  assert.equal((await run.record(peer.id)).upload?.offset, SIZE - 5);
});
