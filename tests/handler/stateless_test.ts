import assert from "node:assert/strict";
import { sha256 } from "../helpers/files.ts";
import { expectCode, InProcess } from "../helpers/in_process.ts";
import { Random } from "../helpers/random.ts";
import { concat, frame, utf8 } from "../helpers/raw_frame.ts";

const KIB = 1024;
const MIB = KIB * KIB;

for (const tier of ["RW", "W"] as const) {
  for (const size of [0, 1, KIB, 64 * KIB, 300 * KIB, 10 * MIB]) {
    Deno.test(`S-TRF-7 stateless: ${size} bytes are stored whole and confirmed, tier ${tier}`, async () => {
      await using run = await InProcess.start({ disk: { tier } });
      using peer = await run.open();
      const payload = new Random(size).bytes(size);
      const { file, durability } = expectCode(await peer.stateless(payload), "ok");
      assert.equal(durability, "process");
      assert.deepEqual([file.size, file.sha256], [size, sha256(payload)]);
      await run.assertStored(payload);
    });
  }
}

Deno.test("S-TRF-8 stateless: 12 MiB are too large, refused with the limit, and the connection goes on", async () => {
  await using run = await InProcess.start();
  using peer = await run.open();
  const refused = expectCode(await peer.stateless(new Uint8Array(12 * MIB)), "too_large");
  assert.equal(refused.limit, 10 * MIB);
  expectCode(await peer.stateless("small"), "ok");
  await run.assertStored(utf8("small"));
});

Deno.test("S-TRF-9 stateless: an upload id sent again stores nothing, with or without sha256", async () => {
  await using run = await InProcess.start();
  for (const size of [100, 300 * KIB]) {
    const payload = new Random(size).bytes(size);
    const upload_id = crypto.randomUUID();
    using peer = await run.open();
    const first = expectCode(await peer.stateless(payload, { upload_id }), "ok");
    assert.equal(first.replayed, undefined);
    for (const digest of [{}, { sha256: sha256(payload) }]) {
      using again = await run.open();
      const { replayed, file } = expectCode(
        await again.stateless(payload, { upload_id, ...digest }),
        "ok",
      );
      assert.equal(replayed, true);
      assert.deepEqual(file, first.file);
    }
    const other = expectCode(await peer.stateless("other", { upload_id }), "sequence_reuse");
    assert.equal(other.field, "upload_id");
  }
  assert.equal((await run.stored()).length, 2);
});

Deno.test("S-TRF-5 stateless: a wrong sha256 publishes nothing, small or streamed", async () => {
  await using run = await InProcess.start();
  using peer = await run.open();
  for (const size of [10, 300 * KIB]) {
    const wrong = { sha256: "0".repeat(64) };
    expectCode(await peer.stateless(new Random(size).bytes(size), wrong), "checksum_mismatch");
  }
  await run.assertStored();
});

Deno.test("a part of a file, a cancel and a wrong length are refused in stateless mode", async () => {
  await using run = await InProcess.start();
  using peer = await run.open();
  assert.equal(
    expectCode(await peer.stateless("part", { offset: 1 }), "offset_mismatch").offset,
    0,
  );
  for (const data of [{ complete: false }, { cancel: true }]) {
    expectCode(await peer.stateless("part", data), "mode_not_allowed");
  }
  expectCode(await peer.stateless("four", { length: 5 }), "length_mismatch");
  expectCode(await peer.stateless("four", { length: 4 }), "ok");
});

Deno.test("stateless heartbeat, connect and disconnect are answered and make no session", async () => {
  await using run = await InProcess.start();
  using peer = await run.open();
  expectCode(await peer.request({ action: "heartbeat" }), "pong");
  const terms = expectCode(await peer.request({ action: "connect" }), "ok");
  assert.deepEqual([terms.mode, terms.limits.max_request_size], ["stateless", 10 * MIB]);
  expectCode(await peer.request({ action: "disconnect" }), "session_closed");
  assert.equal(await peer.rest(), "");
  assert.deepEqual(await run.flaky.stats(), { live: 0, ended: 0 });
});

Deno.test("50 frames in one write get their replies in order, in few segments", async () => {
  await using run = await InProcess.start();
  using peer = await run.open();
  const random = new Random(50);
  const payloads = Array.from({ length: 50 }, () => random.bytes(random.int(0, 3000)));
  await peer.send(concat(...payloads.map((payload, i) => frame({ payload, sequence: i + 1 }))));
  for (const [i, payload] of payloads.entries()) {
    const { header, data } = await peer.reply();
    assert.equal(header.session.sequence, i + 1);
    assert.equal(data.file.sha256, sha256(payload));
  }
  await run.assertStored(...payloads);
});

Deno.test("S-FRM-4 a feature marked critical and not known is refused, and the connection goes on", async () => {
  await using run = await InProcess.start();
  using peer = await run.open();
  const data = { crit: ["teleport"], teleport: 1 };
  assert.equal(
    expectCode(await peer.stateless("x", data), "unsupported_feature").name,
    "teleport",
  );
  expectCode(await peer.stateless("x"), "ok");
});

Deno.test("mode_not_allowed: a mode that is off serves nothing of it", async () => {
  await using stateful = await InProcess.start({ mode: "stateful" });
  {
    using peer = await stateful.open();
    expectCode(await peer.stateless("x"), "mode_not_allowed");
    expectCode(await peer.connect({ fallback: "stateless" }), "session_created");
  }
  await using stateless = await InProcess.start({ mode: "stateless" });
  using peer = await stateless.open();
  expectCode(await peer.connect(), "mode_not_allowed");
  const { degraded } = expectCode(await peer.connect({ fallback: "stateless" }), "ok");
  assert.equal(degraded, "mode_not_allowed");
  expectCode(await peer.stateless("x"), "ok");
});
