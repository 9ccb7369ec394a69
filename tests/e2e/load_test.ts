import assert from "node:assert/strict";
import { listStored, readManifest, sha256, storedSha256 } from "../helpers/files.ts";
import { Random } from "../helpers/random.ts";
import { frame } from "../helpers/raw_frame.ts";
import { RawPeer } from "../helpers/raw_peer.ts";
import { assertAlive, serving } from "../helpers/serving.ts";
import { session } from "../helpers/sessions.ts";

const CONNECTIONS = 100;
const FILES = 50;
const SIZE = 65_536;

const test = serving("", {
  set: { "stateful.max_sessions": 1000, "server.max_connections": 1100 },
});

test("100 connections at once, each with 50 files of 64 KiB, finish without an error", async (server) => {
  const before = (await listStored(server.storage)).length;
  const payload = new Random(64).bytes(SIZE);
  const bytes = frame({ payload });
  const digest = sha256(payload);
  await Promise.all(Array.from({ length: CONNECTIONS }, async () => {
    using peer = await RawPeer.open(server);
    for (let i = 0; i < FILES; i++) {
      await peer.send(bytes);
      const { data } = await peer.reply(60_000);
      assert.equal(data.code, "ok");
      assert.equal(data.file.sha256, digest);
    }
  }));
  assert.equal((await listStored(server.storage)).length - before, CONNECTIONS * FILES);
  assert.equal((await readManifest(server.storage)).length - before, CONNECTIONS * FILES);
});

test("what many clients send at once, small and large, is on the disk as each sent it", async (server) => {
  // Up to one read, one gathered file, several buffers of a stream, and the edges between.
  const sizes = [0, 1, 1900, 2048, 16_384, 65_536, 131_072, 131_073, 1_048_576, 3_500_000];
  await Promise.all(Array.from({ length: 16 }, async (_, client) => {
    const random = new Random(client);
    using peer = client % 2 === 0 ? await RawPeer.open(server) : await session(server);
    const files = sizes.map((size) => ({ size, key: random.bits() }))
      .sort((a, b) => a.key - b.key)
      .map(({ size }) => random.bytes(size));
    const sent = peer.send(
      ...files.map((payload) => client % 2 === 0 ? frame({ payload }) : peer.transfer(payload)),
    );
    for (const payload of files) {
      const { data } = await peer.reply(60_000);
      assert.equal(data.code, "ok");
      assert.equal(data.file.sha256, sha256(payload));
      assert.equal(await storedSha256(server.storage, data.file.path), data.file.sha256);
    }
    await sent;
  }));
});

test("100 sessions at once, pipelining, finish without an error", async (server) => {
  const payload = new Random(65).bytes(10_000);
  await Promise.all(Array.from({ length: CONNECTIONS }, async () => {
    using peer = await session(server);
    const burst = Array.from({ length: 16 }, () => peer.transfer(payload));
    const sent = peer.send(...burst);
    for (let sequence = 1; sequence <= 16; sequence++) {
      const { header, data } = await peer.reply(60_000);
      assert.equal(data.code, "ok");
      assert.equal(header.session.sequence, sequence);
    }
    await sent;
    const { data } = await peer.disconnect();
    assert.equal(data.files, 16);
  }));
});

test("1,000 idle connections cost little memory and let go of it", async (server) => {
  await assertAlive(server);
  const memory = Deno.build.os === "linux" ? await server.memory() : 0;
  const peers: RawPeer[] = [];
  while (peers.length < 1000) {
    peers.push(...await Promise.all(Array.from({ length: 50 }, () => RawPeer.open(server))));
  }
  await assertAlive(server);
  if (Deno.build.os === "linux") {
    const grown = await server.memory() - memory;
    // 20 MiB is the aim; the measure includes garbage that is not collected yet.
    assert.ok(grown < 40 << 20, `memory grew by ${grown} bytes`);
  }
  for (const peer of peers) peer.close();
  await assertAlive(server);
});
