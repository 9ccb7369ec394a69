import assert from "node:assert/strict";
import { FaultProxy } from "../helpers/fault_proxy.ts";
import { listStored, sha256 } from "../helpers/files.ts";
import { Random } from "../helpers/random.ts";
import { concat, utf8 } from "../helpers/raw_frame.ts";
import { RawPeer } from "../helpers/raw_peer.ts";
import { assertStores, serving } from "../helpers/serving.ts";
import { assertStored, resume, session } from "../helpers/sessions.ts";

const test = serving("", { set: { "stateful.max_sessions": 1000, "stateful.max_inflight": 4 } });

test("S-SEQ the same sequence with the same file is answered from memory", async (server) => {
  await assertStores(server, 2, async () => {
    using peer = await session(server);
    const first = await peer.upload("once", { name: "a" });
    const again = await peer.upload("once", { name: "a" }, { sequence: 1 });
    assert.equal(first.data.replayed, undefined);
    assert.equal(again.data.code, "ok");
    assert.equal(again.data.replayed, true);
    assert.deepEqual(again.data.file, first.data.file);
    assert.equal(again.header.session.sequence, 1);
    assert.equal((await peer.upload("next", {}, { sequence: 2 })).data.code, "ok");
  });
});

test("S-SEQ a lost reply is asked for again on a new connection", async (server) => {
  await assertStores(server, 1, async () => {
    const lost = await session(server);
    await lost.send(lost.transfer("reply lost"));
    // The file was stored and its reply is on its way when the connection goes.
    await server.event("transfer.stored", ({ session }) => session === lost.id!.slice(0, 8));
    lost.close();
    const { peer, reply } = await resume(server, lost.id);
    using _ = peer;
    assert.equal(reply.data.next_sequence, 2);
    assert.equal(reply.data.upload, null);
    const again = await peer.upload("reply lost", undefined, { sequence: 1 });
    assert.equal(again.data.replayed, true);
    await assertStored(server, again.data, utf8("reply lost"));
  });
});

const OTHERS = [
  ["another name", "once", { name: "b" }, "text/plain"],
  ["another media type", "once", { name: "a" }, "text/html"],
  ["another size", "once more", { name: "a" }, "text/plain"],
  ["a sha256", "once", { name: "a", sha256: sha256(utf8("once")) }, "text/plain"],
  ["an upload_id", "once", { name: "a", upload_id: crypto.randomUUID() }, "text/plain"],
  ["not complete", "once", { name: "a", complete: false }, "text/plain"],
] as const;
for (const [what, payload, data, mime] of OTHERS) {
  test(`S-SEQ-1 the same sequence with ${what} is sequence_reuse`, async (server) => {
    await assertStores(server, 2, async () => {
      using peer = await session(server);
      await peer.upload("once", { name: "a" }, { mime: "text/plain" });
      const reuse = await peer.upload(payload, data, { sequence: 1, mime });
      assert.equal(reuse.data.code, "sequence_reuse");
      assert.equal(reuse.data.class, "fatal");
      assert.equal((await peer.upload("next", {}, { sequence: 2 })).data.code, "ok");
    });
  });
}

test("S-SEQ-2 a gap is refused with the sequence expected, and nothing is run", async (server) => {
  await assertStores(server, 1, async () => {
    using peer = await session(server);
    for (const sequence of [2, 3, 1000]) {
      const { data } = await peer.upload("early", undefined, { sequence });
      assert.equal(data.code, "sequence_gap");
      assert.equal(data.class, "resync");
      assert.equal(data.expected, 1);
    }
    assert.equal((await peer.upload("in turn", undefined, { sequence: 1 })).data.code, "ok");
  });
});

test("S-SEQ a sequence older than the kept replies is replay_too_old", async (server) => {
  await assertStores(server, 6, async () => {
    using peer = await session(server);
    for (let i = 1; i <= 6; i++) await peer.upload(`file ${i}`);
    // max_inflight is 4: the replies to 3, 4, 5 and 6 are kept.
    const old = await peer.upload("file 2", undefined, { sequence: 2 });
    assert.equal(old.data.code, "replay_too_old");
    const kept = await peer.upload("file 3", undefined, { sequence: 3 });
    assert.equal(kept.data.replayed, true);
  });
});

test("S-SEQ-6 replies that were read are forgotten, and no others", async (server) => {
  await assertStores(server, 4, async () => {
    using peer = await session(server);
    for (let i = 1; i <= 3; i++) await peer.upload(`file ${i}`);
    const { id } = peer;
    const told = {
      id,
      mode: "stateful",
      sequence: 4,
      action: "transfer",
      data_size: 0,
      received: 2,
    };
    await peer.upload("file 4", undefined, { sequence: 4, header: { session: told } });
    for (const sequence of [1, 2]) {
      const { data } = await peer.upload(`file ${sequence}`, undefined, { sequence });
      assert.equal(data.code, "replay_too_old");
    }
    for (const sequence of [3, 4]) {
      const { data } = await peer.upload(`file ${sequence}`, undefined, { sequence });
      assert.equal(data.replayed, true);
    }
  });
});

test("S-SEQ-4 a session's first sequence is 1", async (server) => {
  await assertStores(server, 0, async () => {
    using peer = await session(server);
    const { data } = await peer.upload("zeroth", undefined, { sequence: 0 });
    assert.notEqual(data.class, "success", data.code);
  });
});

test("S-SEQ a failed request repeated gives the same error, from memory", async (server) => {
  await assertStores(server, 1, async () => {
    using peer = await session(server);
    const terms = { sha256: sha256(utf8("other")) };
    const failed = await peer.upload("bytes", terms);
    assert.equal(failed.data.code, "checksum_mismatch");
    const again = await peer.upload("bytes", terms, { sequence: 1 });
    assert.equal(again.data.code, "checksum_mismatch");
    assert.equal(again.data.replayed, true);
    assert.equal((await peer.upload("bytes", {}, { sequence: 2 })).data.code, "ok");
  });
});

test("S-SEQ-2 a refusal that kept the request from running leaves the sequence", async (server) => {
  await assertStores(server, 1, async () => {
    using peer = await session(server);
    const one = { sequence: 1 };
    assert.equal((await peer.upload("x", { offset: 9 }, one)).data.code, "offset_mismatch");
    assert.equal((await peer.upload("x", {}, { sequence: 5 })).data.code, "sequence_gap");
    const large = await Promise.all([
      peer.reply(),
      peer.send(peer.transfer("", {}, { ...one, payload: new Uint8Array(11 << 20) })),
    ]);
    assert.equal(large[0].data.code, "too_large");
    const { data } = await peer.upload("runs", {}, one);
    assert.equal(data.code, "ok");
    assert.equal(data.replayed, undefined);
  });
});

test("S-SEQ a part that was acknowledged is answered from memory as well", async (server) => {
  await assertStores(server, 1, async () => {
    using peer = await session(server);
    const part = { complete: false, length: 10 };
    assert.equal((await peer.upload("first", part)).data.offset, 5);
    const again = await peer.upload("first", part, { sequence: 1 });
    assert.equal(again.data.code, "partial");
    assert.equal(again.data.replayed, true);
    const last = await peer.upload("final", { offset: 5, length: 10 }, { sequence: 2 });
    await assertStored(server, last.data, utf8("firstfinal"));
  });
});

test("S-SEQ with frames in flight, cut anywhere, each is stored exactly once and in order", async (server) => {
  const random = new Random(16);
  for (let round = 0; round < 25; round++) {
    const before = (await listStored(server.storage)).length;
    const payloads = Array.from({ length: 4 }, () => random.bytes(random.int(0, 30_000)));
    const starter = await session(server);
    const { id } = starter;
    starter.close();

    const burst = (peer: RawPeer, from: number) =>
      payloads.slice(from - 1).map((payload, i) =>
        peer.transfer(payload, { name: `${from + i}` }, { sequence: from + i })
      );
    // The session's connect goes through the proxy too, so the cut may hit it as well.
    const total = concat(...burst(starter, 1)).length;
    const cut = {
      after: random.int(1, total + 300),
      kind: random.pick(["close", "reset"] as const),
    };
    await using proxy = await FaultProxy.listen({
      target: { hostname: "127.0.0.1", port: server.port },
      plan: () => random.bits() % 2 ? { up: { faults: [cut] } } : { down: { faults: [cut] } },
    });
    const broken = await RawPeer.open(proxy).catch(() => undefined);
    if (broken !== undefined) {
      await broken.connect({}, id).catch(() => {});
      await broken.send(...burst(broken, 1)).catch(() => {});
      await broken.halfClose().catch(() => {});
      await broken.rest().catch(() => {});
      broken.close();
    }

    const { peer, upload, reply } = await resume(server, id);
    using _ = peer;
    const next: number = reply.data.next_sequence;
    // What was executed is answered from memory; what was cut inside goes on at its offset.
    for (const [i, payload] of payloads.entries()) {
      const sequence = i + 1;
      const offset = sequence === next && upload !== null ? upload.offset : 0;
      const { data } = await peer.upload(
        payload.subarray(offset),
        { name: `${sequence}`, ...(offset > 0 && { offset }) },
        { sequence },
      );
      assert.equal(data.replayed === true, sequence < next, `round ${round}, ${sequence}`);
      await assertStored(server, data, payload);
      assert.match(data.file.path, new RegExp(`/file_${sequence}_`));
    }
    assert.equal((await listStored(server.storage)).length - before, 4, `round ${round}`);
  }
});
