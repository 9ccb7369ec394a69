import assert from "node:assert/strict";
import { FaultProxy } from "../helpers/fault_proxy.ts";
import { listFiles, listStored, sha256, storedSha256 } from "../helpers/files.ts";
import type { Program } from "../helpers/program.ts";
import { Random } from "../helpers/random.ts";
import { concat, frameV1, utf8 } from "../helpers/raw_frame.ts";
import { RawPeer } from "../helpers/raw_peer.ts";
import { assertAlive, assertStores, serving, TIERS, until } from "../helpers/serving.ts";

const random = new Random(20);
const TWENTY = Array.from({ length: 20 }, () => random.bytes(50_000));

/** The digests of all files stored now. */
async function digests(server: Program): Promise<string[]> {
  const paths = await listStored(server.storage);
  return await Promise.all(paths.map((path) => storedSha256(server.storage, path)));
}

/** Waits until these files are stored, each exactly once. */
async function assertArrive(server: Program, files: readonly Uint8Array[]): Promise<void> {
  const wanted = files.map(sha256);
  await until(async () => {
    const all = await digests(server);
    return wanted.every((digest) => all.includes(digest));
  }, `${files.length} files are stored`);
  const all = await digests(server);
  for (const digest of wanted) assert.equal(all.filter((other) => other === digest).length, 1);
}

/** Sends bytes and their end; returns the lines of the answer. */
async function lines(server: { port: number }, ...parts: Uint8Array[]): Promise<string[]> {
  using peer = await RawPeer.open(server);
  await peer.send(...parts);
  await peer.halfClose();
  const text = await peer.rest();
  assert.ok(text === "" || text.endsWith("\n"));
  return text.split("\n").slice(0, -1);
}

for (const [tier, flags] of TIERS) {
  const test = serving(`v1, tier ${tier}`, { flags });

  test("S-VER-3 20 files of 50 kB from a client that closes without ever reading are all stored", async (server) => {
    await assertStores(server, 20, async () => {
      const peer = await RawPeer.open(server);
      await peer.send(...TWENTY.map((bytes) => frameV1(bytes)));
      peer.close();
      await assertArrive(server, TWENTY);
    });
  });

  if (Deno.build.os !== "windows") {
    test("S-VER-3 they are also stored when the server reads late", async (server) => {
      const files = TWENTY.map((bytes) => concat("late", bytes));
      await assertStores(server, 20, async () => {
        const peer = await RawPeer.open(server);
        await peer.send(frameV1(files[0]!));
        // The server stands still while the client sends the rest and closes.
        server.signal("SIGSTOP");
        try {
          await peer.send(...files.slice(1).map((bytes) => frameV1(bytes)));
          peer.close();
        } finally {
          server.signal("SIGCONT");
        }
        await assertArrive(server, files);
      });
    });
  }

  test("S-VER-3 they are also stored when they arrive in small pieces", async (server) => {
    const files = TWENTY.map((bytes) => concat("slow", bytes));
    await using proxy = await FaultProxy.listen({
      target: { hostname: "127.0.0.1", port: server.port },
      plan: () => ({ up: { chunk: 1000 } }),
    });
    await assertStores(server, 20, async () => {
      const peer = await RawPeer.open(proxy);
      await peer.send(...files.map((bytes) => frameV1(bytes)));
      peer.close();
      await assertArrive(server, files);
    });
  });

  test("S-VER-3 nothing is written before EOF has been read, then one line for each file", async (server) => {
    using peer = await RawPeer.open(server);
    await peer.send(frameV1(utf8("one"), "text/plain"), frameV1(utf8("two"), "image/png"));
    await until(
      async () => (await listStored(server.storage)).some((path) => path.endsWith(".png")),
      "both files are stored",
    );
    await assert.rejects(peer.line(300), /nothing came/);

    const all = await lines(
      server,
      frameV1(utf8("one"), "text/plain"),
      frameV1(utf8("two"), "image/png"),
    );
    assert.equal(all.length, 2);
    assert.match(all[0]!, /^OK received_[0-9a-f]{16,}\.txt$/);
    assert.match(all[1]!, /^OK received_[0-9a-f]{16,}\.png$/);
    assert.equal(await storedSha256(server.storage, all[1]!.slice(3)), sha256(utf8("two")));
  });

  test("S-VER-1 version 1.0 without a session is v1", async (server) => {
    const all = await lines(server, utf8('{"version":"1.0","mime_type":"text/plain","size":1}\nx'));
    assert.equal(all.length, 1);
    assert.match(all[0]!, /^OK /);
  });

  test("S-FRM frames one byte at a time give the same answer, 0 bytes included", async (server) => {
    await using proxy = await FaultProxy.listen({
      target: { hostname: "127.0.0.1", port: server.port },
      plan: () => ({ up: { chunk: 1 } }),
    });
    const all = await lines(proxy, frameV1(utf8("{}\n")), frameV1(utf8("")), frameV1(utf8("x")));
    assert.deepEqual(all.map((line) => line.slice(0, 2)), ["OK", "OK", "OK"]);
    assert.equal(await storedSha256(server.storage, all[0]!.slice(3)), sha256(utf8("{}\n")));
  });

  test("S-FRM-5 a media type that is none is stored as application/octet-stream", async (server) => {
    const all = await lines(
      server,
      frameV1(utf8("x"), "../../evil"),
      frameV1(utf8("x"), "png"),
      frameV1(utf8("x"), ""),
    );
    for (const line of all) assert.match(line, /^OK received_[0-9a-f]{16,}\.bin$/);
    assert.equal(all.length, 3);
  });

  test("S-VER-3 death inside a file publishes nothing of it and keeps the files before", async (server) => {
    const before = await listFiles(server.storage);
    const broken = concat(
      frameV1(utf8("whole")),
      frameV1(new Uint8Array(100_000)).subarray(0, 60_000),
    );
    await assertStores(server, 1, async () => {
      const all = await lines(server, broken);
      assert.match(all[0]!, /^OK /);
      assert.match(all[1]!, /^ERROR /);
      assert.equal(all.length, 2);
    });
    assert.equal((await listFiles(server.storage)).length, before.length + 1, "no partial is left");
  });

  test("S-FRM-6 a v1 header over 4096 bytes ends the connection", async (server) => {
    await assertStores(server, 1, async () => {
      const all = await lines(server, frameV1(utf8("x")), utf8("{" + " ".repeat(5000)));
      assert.match(all[0]!, /^OK /);
      assert.match(all[1]!, /^ERROR /);
    });
    await assertAlive(server);
  });

  test("a v1 file over max_request_size is refused, and read away", async (server) => {
    const before = (await listFiles(server.storage)).length;
    const all = await lines(server, frameV1(new Uint8Array(11 << 20)));
    assert.equal(all.length, 1);
    assert.match(all[0]!, /^ERROR /);
    assert.equal((await listFiles(server.storage)).length, before);
  });

  for (const size of ["-1", '"1"', "1.0", "null"]) {
    test(`S-FRM-1 a v1 size of ${size} is refused`, async (server) => {
      await assertStores(server, 0, async () => {
        const all = await lines(server, utf8(`{"mime_type":"text/plain","size":${size}}\nx`));
        assert.equal(all.length, 1);
        assert.match(all[0]!, /^(ERROR |\{)/);
      });
    });
  }
}

const each = serving("v1_ack each", { set: { "versions.v1_ack": "each" } });

each("S-VER-3 a line follows each file", async (server) => {
  using peer = await RawPeer.open(server);
  for (const text of ["one", "two"]) {
    await peer.send(frameV1(utf8(text)));
    assert.equal(await peer.line(), "OK");
  }
});

const never = serving("v1_ack never", { set: { "versions.v1_ack": "never" } });

never("S-VER-3 nothing is ever written", async (server) => {
  await assertStores(server, 1, async () => {
    assert.deepEqual(await lines(server, frameV1(utf8("x"))), []);
  });
});

const off = serving("versions.v1 off", { set: { "versions.v1": "off" } });

off("S-VER-4 a v1 connection is closed without storing anything", async (server) => {
  await assertStores(server, 0, async () => {
    using peer = await RawPeer.open(server);
    await peer.send(frameV1(utf8("x"))).catch(() => {});
    await peer.halfClose().catch(() => {});
    assert.doesNotMatch(await peer.rest(), /^OK/m);
  });
  await assertAlive(server);
});
