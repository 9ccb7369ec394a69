import assert from "node:assert/strict";
import { listStored, readManifest, sha256 } from "../helpers/files.ts";
import { Random } from "../helpers/random.ts";
import { utf8 } from "../helpers/raw_frame.ts";
import { RawPeer } from "../helpers/raw_peer.ts";
import { assertAlive, assertStores, serving, TIERS } from "../helpers/serving.ts";
import { assertStored, session } from "../helpers/sessions.ts";

const MIB = 1 << 20;

for (const [tier, flags] of TIERS) {
  const test = serving(`stateful, tier ${tier}`, {
    flags,
    set: { "stateful.max_sessions": 1000 },
  });

  test("a file is named session_<id>/file_<sequence>_<timestamp>.<ext>", async (server) => {
    using peer = await session(server);
    const { header, data } = await peer.upload("hello", { name: "a.txt" }, { mime: "text/plain" });
    await assertStored(server, data, utf8("hello"));
    assert.equal(header.session.sequence, 1);
    assert.equal(header.session.id, peer.id);
    assert.match(data.file.path, new RegExp(`^session_${peer.id}/file_1_[0-9A-Za-z_.-]+\\.txt$`));
    const manifest = await readManifest(server.storage);
    assert.ok(
      manifest.some(({ path, sha256 }) => path === data.file.path && sha256 === data.file.sha256),
    );
  });

  test("files of 0 bytes and of max_request_size are stored", async (server) => {
    using peer = await session(server);
    await assertStored(server, (await peer.upload("")).data, new Uint8Array());
    const large = new Random(1).bytes(10 * MIB);
    await assertStored(server, (await peer.upload(large)).data, large);
    assert.equal((await peer.upload("", { length: 0 })).data.code, "ok");
  });

  test("40 pipelined transfers get 40 replies in order", async (server) => {
    await assertStores(server, 40, async () => {
      const random = new Random(41);
      using peer = await session(server);
      const payloads = Array.from({ length: 40 }, () => random.bytes(random.int(0, 100_000)));
      const sent = peer.send(...payloads.map((payload) => peer.transfer(payload)));
      for (const [i, payload] of payloads.entries()) {
        const { header, data } = await peer.reply();
        assert.equal(header.session.sequence, i + 1);
        await assertStored(server, data, payload);
      }
      await sent;
    });
  });

  test("a file larger than max_request_size comes in several frames", async (server) => {
    await assertStores(server, 1, async () => {
      using peer = await session(server);
      const bytes = new Random(25).bytes(25 * MIB);
      for (let offset = 0; offset < 20 * MIB; offset += 10 * MIB) {
        const { data } = await peer.upload(bytes.subarray(offset, offset + 10 * MIB), {
          offset,
          length: bytes.length,
          complete: false,
        });
        assert.equal(data.code, "partial");
        assert.equal(data.offset, offset + 10 * MIB);
      }
      const { data } = await peer.upload(bytes.subarray(20 * MIB), {
        offset: 20 * MIB,
        length: bytes.length,
        sha256: sha256(bytes),
      });
      await assertStored(server, data, bytes);
      assert.match(data.file.path, /\/file_[13]_/);
    });
  });

  test("a file of unknown length comes in frames without length", async (server) => {
    using peer = await session(server);
    for (const [offset, text] of [[0, "from "], [5, "stdin "]] as const) {
      const { data } = await peer.upload(text, { offset, complete: false });
      assert.equal(data.code, "partial");
    }
    const { data } = await peer.upload("at last", { offset: 11, complete: true });
    await assertStored(server, data, utf8("from stdin at last"));
  });

  test("S-TRF-1 S-SEQ-2 a wrong offset is refused with the right one and consumes nothing", async (server) => {
    using peer = await session(server);
    await peer.upload("abcde", { complete: false, length: 10 });
    for (const offset of [0, 4, 6]) {
      const { data } = await peer.upload("x", { offset, length: 10, complete: false }, {
        sequence: 2,
      });
      assert.equal(data.code, "offset_mismatch");
      assert.equal(data.class, "resync");
      assert.equal(data.offset, 5);
    }
    const { data } = await peer.upload("fghij", { offset: 5, length: 10 }, { sequence: 2 });
    await assertStored(server, data, utf8("abcdefghij"));
  });

  test("S-TRF-2 a length that changes or is exceeded is length_mismatch, before the payload", async (server) => {
    using peer = await session(server);
    assert.equal((await peer.upload("abc", { length: 2 })).data.code, "length_mismatch");
    await peer.upload("abcde", { length: 10, complete: false }, { sequence: 1 });
    const parts = { sequence: 2 };
    const changed = await peer.upload("fghij", { offset: 5, length: 11, complete: false }, parts);
    assert.equal(changed.data.code, "length_mismatch");
    const over = await peer.upload("fghijk", { offset: 5, length: 10, complete: false }, parts);
    assert.equal(over.data.code, "length_mismatch");
    await assertStored(
      server,
      (await peer.upload("fghij", { offset: 5, length: 10 }, parts)).data,
      utf8("abcdefghij"),
    );
  });

  test("S-TRF-5 a wrong sha256 publishes nothing, for one frame and for several", async (server) => {
    await assertStores(server, 0, async () => {
      using peer = await session(server);
      const wrong = sha256(utf8("other"));
      assert.equal((await peer.upload("bytes", { sha256: wrong })).data.code, "checksum_mismatch");
      await peer.upload("by", { complete: false });
      const { data } = await peer.upload("tes", { offset: 2, sha256: wrong });
      assert.equal(data.code, "checksum_mismatch");
    });
  });

  test("S-TRF-8 a refused payload is read away and the session goes on", async (server) => {
    using peer = await session(server);
    const [{ data }] = await Promise.all([
      peer.reply(),
      peer.send(peer.transfer(new Uint8Array(32 * MIB))),
    ]);
    assert.equal(data.code, "too_large");
    assert.equal((await peer.upload("same number", {}, { sequence: 1 })).data.code, "ok");
  });

  test("cancel drops the partial file", async (server) => {
    await assertStores(server, 1, async () => {
      using peer = await session(server);
      await peer.upload("abcde", { complete: false, length: 10 });
      const { data } = await peer.upload("", { cancel: true });
      assert.equal(data.class, "success");
      await assertStored(server, (await peer.upload("new")).data, utf8("new"));
    });
  });

  test("S-SEQ-3 heartbeat answers pong and consumes nothing", async (server) => {
    using peer = await session(server);
    assert.equal((await peer.heartbeat()).data.code, "pong");
    assert.equal((await peer.upload("one")).data.code, "ok");
    const { header, data } = await peer.heartbeat();
    assert.equal(data.code, "pong");
    assert.equal(header.session.sequence, 1);
    assert.equal((await peer.upload("two")).header.session.sequence, 2);
  });

  test("S-DIS-1 disconnect states the totals, and the session is closed", async (server) => {
    using peer = await session(server);
    await peer.upload("12345");
    await peer.upload("678");
    const { data } = await peer.disconnect();
    assert.equal(data.code, "session_closed");
    assert.equal(data.files, 2);
    assert.equal(data.bytes, 8);
    assert.equal(await peer.rest(), "", "S-DIS-2: then the server closes");
    using late = await RawPeer.open(server);
    const again = await late.connect({}, peer.id);
    assert.equal(again.data.code, "session_expired");
    assert.equal(again.data.state, "closed");
  });

  test("S-TRF-9 an upload_id is answered with its first result after the session is lost too", async (server) => {
    await assertStores(server, 1, async () => {
      const terms = { upload_id: crypto.randomUUID(), sha256: sha256(utf8("once")) };
      using peer = await session(server);
      const first = await peer.upload("once", terms);
      using other = await session(server);
      const again = await other.upload("once", terms);
      assert.equal(again.data.code, "ok");
      assert.equal(again.data.replayed, true);
      assert.deepEqual(again.data.file, first.data.file);
      // And after a fallback: the same upload as a stateless one.
      using alone = await RawPeer.open(server);
      const third = await alone.stateless("once", terms);
      assert.equal(third.data.replayed, true);
      assert.deepEqual(third.data.file, first.data.file);
    });
  });

  test("stateless frames are served beside sessions", async (server) => {
    using peer = await session(server);
    const { data } = await peer.stateless("beside");
    assert.equal(data.code, "ok");
    assert.match(data.file.path, /^received_/);
    assert.equal((await peer.upload("inside")).data.code, "ok");
  });

  test("the manifest lists every file that stands under a final name", async (server) => {
    const listed = (await readManifest(server.storage)).map(({ path }) => path).sort();
    if (tier === "W") {
      // In tier W a partial file has its final name already; its mode tells it apart.
      const stored = await listStored(server.storage);
      for (const path of stored.filter((path) => !listed.includes(path))) {
        assert.equal((await Deno.stat(`${server.storage}/${path}`)).mode! & 0o777, 0o200, path);
      }
    } else {
      assert.deepEqual(await listStored(server.storage), listed);
    }
    await assertAlive(server);
  });
}
