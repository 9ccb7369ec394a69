import assert from "node:assert/strict";
import { listFiles, listStored, readManifest, sha256, storedSha256 } from "../helpers/files.ts";
import { Random } from "../helpers/random.ts";
import { concat, frame, type Json, utf8 } from "../helpers/raw_frame.ts";
import { RawPeer } from "../helpers/raw_peer.ts";
import { assertAlive, assertStores, serving, TIERS, until } from "../helpers/serving.ts";

const MIB = 1 << 20;

/** The media type of a stored sample, with the extension of its name. */
const PNG = "image/png";

for (const [tier, flags] of TIERS) {
  const test = serving(`stateless, tier ${tier}`, { flags });

  test("the smallest upload is stored and confirmed", async (server) => {
    await assertStores(server, 1, async () => {
      using peer = await RawPeer.open(server);
      // Written out, not built: no data_size, no session data.
      await peer.send(
        '{"version":"2.0","mime_type":"image/png","size":5,"session":{"id":null,"mode":"stateless","sequence":1,"action":"transfer"}}\nhello',
      );
      const { header, data } = await peer.reply();
      assert.equal(header.version, "2.0");
      assert.equal(header.mime_type, "application/json");
      assert.equal(header.size, 0);
      assert.deepEqual({ ...header.session, data_size: 0 }, {
        id: null,
        mode: "stateless",
        sequence: 1,
        action: "transfer",
        data_size: 0,
      });
      assert.equal(data.code, "ok");
      assert.equal(data.class, "success");
      assert.equal(data.message, "stored");
      assert.equal(data.durability, "process");
      assert.equal(data.file.size, 5);
      assert.equal(data.file.mime_type, PNG);
      assert.equal(data.file.sha256, sha256(utf8("hello")));
      assert.equal(await storedSha256(server.storage, data.file.path), data.file.sha256);
    });
  });

  test("the session data of a reply ends in LF, which data_size counts", async (server) => {
    using peer = await RawPeer.open(server);
    await peer.send(frame({ payload: "x" }));
    await peer.halfClose();
    const text = await peer.rest();
    const [line, data] = text.split("\n");
    assert.equal(JSON.parse(line!).session.data_size, utf8(data!).length + 1);
    assert.ok(text.endsWith("}\n"));
  });

  test("a file of 0 bytes is stored", async (server) => {
    await assertStores(server, 1, async () => {
      using peer = await RawPeer.open(server);
      const { data } = await peer.stateless("");
      assert.equal(data.code, "ok");
      assert.equal(data.file.size, 0);
      assert.equal((await Deno.stat(`${server.storage}/${data.file.path}`)).size, 0);
    });
  });

  test("40 pipelined transfers get 40 replies in order", async (server) => {
    await assertStores(server, 40, async () => {
      const random = new Random(40);
      const payloads = Array.from({ length: 40 }, () => random.bytes(random.int(0, 100_000)));
      using peer = await RawPeer.open(server);
      const sent = peer.send(
        ...payloads.map((payload, i) => frame({ payload, sequence: i + 1 })),
      );
      for (const [i, payload] of payloads.entries()) {
        const { header, data } = await peer.reply();
        assert.equal(header.session.sequence, i + 1);
        assert.equal(data.file.sha256, sha256(payload));
        assert.equal(await storedSha256(server.storage, data.file.path), data.file.sha256);
      }
      await sent;
    });
  });

  test("S-SEQ-4 stateless frames ignore their sequence", async (server) => {
    await assertStores(server, 3, async () => {
      using peer = await RawPeer.open(server);
      for (const sequence of [7, 7, 0]) {
        const { data } = await peer.request({ payload: "same", sequence });
        assert.equal(data.code, "ok");
        assert.equal(data.replayed, undefined);
      }
    });
  });

  test("S-TRF-5 the announced sha256 is checked, and a wrong one publishes nothing", async (server) => {
    using peer = await RawPeer.open(server);
    const digest = sha256(utf8("checked"));
    await assertStores(server, 1, async () => {
      assert.equal((await peer.stateless("checked", { sha256: digest })).data.code, "ok");
    });
    await assertStores(server, 0, async () => {
      const { data } = await peer.stateless("chequed", { sha256: digest });
      assert.equal(data.code, "checksum_mismatch");
      assert.equal(data.class, "resync");
    });
    // A large payload is checked as well: it takes another way through the server.
    await assertStores(server, 0, async () => {
      const { data } = await peer.stateless(new Uint8Array(3 * MIB), { sha256: digest });
      assert.equal(data.code, "checksum_mismatch");
    });
    assert.equal((await peer.stateless("after it")).data.code, "ok");
  });

  test("S-TRF-9 an upload_id seen before with the same sha256 answers the first result", async (server) => {
    const data: Json = { upload_id: crypto.randomUUID(), sha256: sha256(utf8("once")) };
    await assertStores(server, 1, async () => {
      using peer = await RawPeer.open(server);
      const first = await peer.stateless("once", data);
      using other = await RawPeer.open(server);
      const again = await other.stateless("once", data);
      assert.equal(first.data.code, "ok");
      assert.equal(again.data.code, "ok");
      assert.equal(again.data.replayed, true);
      assert.deepEqual(again.data.file, first.data.file);
    });
  });

  test("S-TRF-2 a payload over max_request_size is too_large before it is read", async (server) => {
    await assertStores(server, 0, async () => {
      using peer = await RawPeer.open(server);
      const { data } = await peer.request({ size: 10 * MIB + 1 });
      assert.equal(data.code, "too_large");
    });
  });

  test("a payload of exactly max_request_size is stored", async (server) => {
    using peer = await RawPeer.open(server);
    const payload = new Random(10).bytes(10 * MIB);
    const { data } = await peer.stateless(payload);
    assert.equal(data.code, "ok");
    assert.equal(data.file.sha256, sha256(payload));
    assert.equal(await storedSha256(server.storage, data.file.path), data.file.sha256);
  });

  test("S-TRF-8 a refused 32 MiB payload gets its reply, and the connection goes on", async (server) => {
    using peer = await RawPeer.open(server);
    const [{ data }] = await Promise.all([
      peer.reply(),
      peer.send(frame({ payload: new Uint8Array(32 * MIB) })),
    ]);
    assert.equal(data.code, "too_large");
    assert.equal((await peer.stateless("goes on")).data.code, "ok");
  });

  test("S-TRF-8 a client that stops at its write error still reads the reply", async (server) => {
    using peer = await RawPeer.open(server);
    let error: unknown;
    // More than is drained: the server closes its writing half, then the connection.
    try {
      await peer.send(frame({ size: 512 * MIB }));
      const chunk = new Uint8Array(MIB);
      for (let sent = 0; sent < 512; sent++) await peer.send(chunk);
    } catch (caught) {
      error = caught;
    }
    assert.ok(error !== undefined, "the server does not read 512 MiB of a refused payload");
    assert.equal((await peer.reply()).data.code, "too_large");
    await assertAlive(server);
  });

  test("S-TRF-6 EOF before size bytes is incomplete and publishes nothing", async (server) => {
    const before = await listFiles(server.storage);
    using peer = await RawPeer.open(server);
    await peer.send(frame({ payload: "half of", size: 14 }));
    await peer.halfClose();
    const [reply, ...more] = await peer.replies();
    assert.equal(reply?.data.code, "incomplete");
    assert.equal(reply?.data.offset, 0, "a stateless upload cannot be resumed");
    assert.deepEqual(more, []);
    assert.deepEqual(await listFiles(server.storage), before, "nothing is left of it");
  });

  test("S-TRF-6 a connection closed inside a payload leaves nothing", async (server) => {
    const before = await listFiles(server.storage);
    const peer = await RawPeer.open(server);
    await peer.send(frame({ payload: new Uint8Array(3 * MIB), size: 4 * MIB }));
    await until(
      async () => (await listFiles(server.storage)).length > before.length,
      "the payload is being written",
    );
    peer.close();
    await until(
      async () => (await listFiles(server.storage)).length === before.length,
      "the partial file is removed",
    );
  });

  test("a half-close right after the payload gets the reply", async (server) => {
    using peer = await RawPeer.open(server);
    await peer.send(frame({ payload: "all of it" }));
    await peer.halfClose();
    const [reply, ...more] = await peer.replies();
    assert.equal(reply?.data.code, "ok");
    assert.deepEqual(more, []);
  });

  test("S-TRF-1 S-TRF-2 an offset or a length that does not fit is refused, nothing written", async (server) => {
    await assertStores(server, 0, async () => {
      using peer = await RawPeer.open(server);
      const { data } = await peer.stateless("abc", { offset: 5, length: 8 });
      assert.equal(data.code, "offset_mismatch");
      assert.equal(data.offset, 0);
      assert.equal((await peer.stateless("abc", { length: 2 })).data.code, "length_mismatch");
    });
  });

  test("S-CON-7 a stateful transfer or heartbeat before connect is not_connected", async (server) => {
    using peer = await RawPeer.open(server);
    const id = crypto.randomUUID();
    const parts = { mode: "stateful", id, sequence: 1 };
    assert.equal((await peer.request({ ...parts, payload: "x" })).data.code, "not_connected");
    assert.equal(
      (await peer.request({ ...parts, action: "heartbeat" })).data.code,
      "not_connected",
    );
    assert.equal((await peer.stateless("goes on")).data.code, "ok");
  });

  test("a client that pipelines and never reads waits alone, in bounded memory", async (server) => {
    // Refused without a payload, so each costs little and its reply is longer than itself.
    const block = concat(...Array(1000).fill(frame({ data: { crit: ["x"] } })));
    const attack = async () => {
      using peer = await RawPeer.open(server);
      const stuck = await peer.getsStuck(block, 500, 500);
      assert.ok(stuck, "the server stops reading when its replies are not read");
      await assertAlive(server);
    };
    // The first time also pays for what the runtime keeps: code, and room to collect garbage in.
    await attack();
    const memory = await server.memory();
    await attack();
    const grown = await server.memory() - memory;
    assert.ok(grown < 48 * MIB, `memory grew by ${grown} bytes`);
  });

  test("the manifest and the folder agree after all of this", async (server) => {
    const lines = await readManifest(server.storage);
    assert.deepEqual(lines.map(({ path }) => path).sort(), await listStored(server.storage));
    for (const { path, sha256: digest, size } of lines) {
      assert.equal(await storedSha256(server.storage, path), digest);
      assert.equal((await Deno.stat(`${server.storage}/${path}`)).size, size);
    }
  });
}
