import assert from "node:assert/strict";
import type { SessionRecord } from "../../src/session/mod.ts";
import { expectCode, type FailWhen, InProcess } from "../helpers/in_process.ts";
import { Random } from "../helpers/random.ts";
import type { RawPeer, RawReply } from "../helpers/raw_peer.ts";

const TIERS = ["RW", "W"] as const;

/** The saves of one upload, each with what its record looks like. */
const SAVES: readonly (readonly [name: string, is: (record: SessionRecord) => boolean])[] = [
  ["the opening save", (record) => record.upload?.offset === 0],
  ["the intent's save", (record) => record.intent !== null],
  ["the commit's save", (record) => record.lastSequence === 1],
];

/** One that is streamed, and one that is gathered: that has no opening save. */
const UPLOADS = [[300_000, SAVES], [9000, SAVES.slice(1)]] as const;

/** What a client does: the same frame again, from the offset it is told, until it is answered. */
async function insist(peer: RawPeer, payload: Uint8Array, sequence: number): Promise<RawReply> {
  for (let offset = 0, tries = 0;; tries++) {
    assert.ok(tries < 5, "the session goes on");
    const reply = await peer.upload(payload.subarray(offset), { offset, length: payload.length }, {
      sequence,
    });
    const { code } = reply.data;
    if (code === "offset_mismatch") offset = reply.data.offset;
    else if (code !== "store_unavailable") return reply;
  }
}

for (const tier of TIERS) {
  for (const when of ["before", "after"] as const satisfies readonly FailWhen[]) {
    for (const [size, saves] of UPLOADS) {
      for (const [name, is] of saves) {
        const lost = `${name} of ${size} bytes fails ${when} it was stored, tier ${tier}`;
        const payload = new Random(1).bytes(size);

        Deno.test(`S-DEG-2 no false ok and one file on the same connection: ${lost}`, async () => {
          await using run = await InProcess.start({ disk: { tier } });
          using peer = await run.attached();
          run.flaky.failSave(when, is);
          expectCode(await peer.upload(payload, { length: payload.length }), "store_unavailable");
          assert.equal(run.flaky.failed, 1);
          const { file } = expectCode(await insist(peer, payload, 1), "ok");
          assert.equal(file.size, payload.length);
          expectCode(await peer.upload("the next one", {}, { sequence: 2 }), "ok");
          await run.assertStored(payload, new TextEncoder().encode("the next one"));
          const { filesTransferred, totalBytes } = await run.record(peer.id);
          assert.deepEqual([filesTransferred, totalBytes], [2, payload.length + 12]);
        });

        Deno.test(`S-DEG-2 no false ok and one file after a reconnect: ${lost}`, async () => {
          await using run = await InProcess.start({ disk: { tier } });
          using peer = await run.attached();
          run.flaky.failSave(when, is);
          expectCode(await peer.upload(payload, { length: payload.length }), "store_unavailable");
          peer.close();
          await run.idle();
          using again = await run.attached({}, peer.id);
          expectCode(await insist(again, payload, 1), "ok");
          await run.assertStored(payload);
        });
      }
    }

    Deno.test(`S-DEG-2 a part whose save fails ${when} it was stored is not written twice, tier ${tier}`, async () => {
      await using run = await InProcess.start({ disk: { tier } });
      using peer = await run.attached();
      const [first, second] = [new Random(2).bytes(9000), new Random(3).bytes(5000)];
      run.flaky.failSave(when, (record) => record.lastSequence === 1);
      const part = { complete: false };
      expectCode(await peer.upload(first, part), "store_unavailable");
      const again = await peer.upload(first, part, { sequence: 1 });
      if (again.data.code === "offset_mismatch") {
        assert.equal(again.data.offset, first.length);
        const rest = { ...part, offset: first.length };
        expectCode(await peer.upload("", rest, { sequence: 1 }), "partial");
      } else {
        expectCode(again, "partial");
        assert.equal(again.data.replayed, true);
      }
      expectCode(await peer.upload(second, { offset: first.length }, { sequence: 2 }), "ok");
      await run.assertStored(new Uint8Array([...first, ...second]));
    });

    Deno.test(`S-SEQ-3 a disconnect whose save fails ${when} it was stored can be repeated, tier ${tier}`, async () => {
      await using run = await InProcess.start({ disk: { tier } });
      using peer = await run.attached();
      expectCode(await peer.upload("one"), "ok");
      run.flaky.failSave(when, (record) => record.state === "closed");
      expectCode(await peer.disconnect(), "store_unavailable");
      const closed = expectCode(await peer.disconnect(peer.sequence), "session_closed");
      assert.equal(closed.files, 1);
    });

    Deno.test(`S-TAKE-2 a resume whose save fails ${when} it was stored keeps the partial file, tier ${tier}`, async () => {
      await using run = await InProcess.start({ disk: { tier } });
      const payload = new Random(4).bytes(400_000);
      using peer = await run.attached();
      const cut = peer.transfer(payload, { length: payload.length });
      await peer.send(cut.subarray(0, cut.length - 100_000));
      peer.close();
      await run.idle();
      for (let tries = 0; tries < 3; tries++) {
        using unlucky = await run.open();
        run.flaky.failSave(when);
        expectCode(await unlucky.connect({}, peer.id), "store_unavailable");
      }
      using again = await run.open();
      const { upload } = expectCode(await again.connect({}, peer.id), "session_resumed");
      assert.equal(upload.offset, 300_000);
      const rest = { offset: 300_000, length: payload.length };
      expectCode(await again.upload(payload.subarray(300_000), rest), "ok");
      await run.assertStored(payload);
    });
  }
}

Deno.test("S-DEG-2 a store that is away for a whole payload loses nothing of it", async () => {
  await using run = await InProcess.start();
  using peer = await run.attached();
  const payload = new Random(5).bytes(9_000_000);
  const bytes = peer.transfer(payload, { length: payload.length });
  await peer.send(bytes.subarray(0, 4_000_000));
  await run.flaky.load("until the server has read what is here");
  run.flaky.down = true;
  await peer.send(bytes.subarray(4_000_000));
  expectCode(await peer.reply(), "store_unavailable");
  expectCode(await peer.heartbeat(), "store_unavailable");
  run.flaky.down = false;
  expectCode(await insist(peer, payload, 1), "ok");
  await run.assertStored(payload);
});

Deno.test("S-DEG-1 a connect while the store is down falls back only if it asked for it", async () => {
  await using run = await InProcess.start();
  run.flaky.down = true;
  using peer = await run.open();
  expectCode(await peer.connect(), "store_unavailable");
  const reply = await peer.connect({ fallback: "stateless" });
  const { mode, degraded } = expectCode(reply, "ok");
  assert.deepEqual([mode, degraded, reply.header.session.id], [
    "stateless",
    "store_unavailable",
    null,
  ]);
  assert.equal(reply.header.session.mode, "stateless");
  expectCode(await peer.stateless("without a session"), "ok");
  run.flaky.down = false;
  expectCode(await peer.connect(), "session_created");
});
