/** Files that keep their names, and come back: against the program, in both tiers. */
import assert from "node:assert/strict";
import { listFiles, sha256 } from "../helpers/files.ts";
import { fxfer } from "../helpers/fxfer.ts";
import { Program } from "../helpers/program.ts";
import { Random } from "../helpers/random.ts";
import { frame, type Json } from "../helpers/raw_frame.ts";
import { RawPeer } from "../helpers/raw_peer.ts";
import { serving, TIERS } from "../helpers/serving.ts";

const ARGS = ["--keep-names", "--set", "security.anonymous=put,get,list,remove"];
const random = new Random(13);
const HEADER = { version: "2.1" };

/** Stores a file; gives what the reply says. */
async function store(peer: RawPeer, name: string, bytes: Uint8Array, data: Json = {}) {
  const reply = await peer.request({ payload: bytes, header: HEADER, data: { name, ...data } });
  assert.equal(reply.data.code, "ok", JSON.stringify(reply.data));
  return reply.data;
}

async function get(peer: RawPeer, data: Json): Promise<Uint8Array> {
  const reply = await peer.ask("fetch", data);
  assert.equal(reply.data.code, "ok", JSON.stringify(reply.data));
  return await peer.payload(reply);
}

for (const [tier, flags] of TIERS) {
  const test = serving(`serve --keep-names ${tier}`, { flags, args: ARGS });

  test("S-NAM-2 S-NAM-3 keeps a tree as it was sent, and overwrites nothing", async (server) => {
    using peer = await RawPeer.open(server);
    const mtime_ms = 1_700_000_000_000;
    const bytes = random.bytes(100);
    const names = ["a/b/c.txt", "a/CON", "a/..", "e\u0301", "a/b/🎉\n", "x".repeat(255)];
    const paths: string[] = [];
    for (const name of names) paths.push((await store(peer, name, bytes, { mtime_ms })).file.path);
    assert.deepEqual(paths, [
      "files/public/a/b/c.txt",
      "files/public/a/%43ON",
      "files/public/a/%2E%2E",
      "files/public/é",
      "files/public/a/b/🎉%0A",
      `files/public/${"x".repeat(255)}`,
    ]);
    const time = (await Deno.stat(`${server.storage}/${paths[0]}`)).mtime?.getTime();
    assert.equal(time, mtime_ms);
    const again = await store(peer, names[0]!, bytes);
    assert.deepEqual([again.existing, again.file.path], [true, paths[0]]);
    const other = await store(peer, names[0]!, random.bytes(10));
    assert.equal(other.file.path, "files/public/a/b/c (2).txt");
    const refused = await peer.request({
      payload: random.bytes(10),
      header: HEADER,
      data: { name: names[0], on_clash: "refuse" },
    });
    assert.equal(refused.data.code, "name_taken");
    const { files } = (await peer.ask("list", { prefix: "a/", order: "name" })).data;
    assert.equal(files.length, 5);
    const kept = (await listFiles(server.storage)).filter((path) => path.startsWith("files/"));
    assert.equal(kept.length, 7);
  });
}

Deno.test("S-GET-2 S-REM-1 a fetch that was cut goes on at another instance, and verify knows what was removed", async () => {
  await using server = await Program.serve({ args: ARGS });
  const bytes = random.bytes(5_000_000);
  let path: string;
  let gone: string;
  {
    using peer = await RawPeer.open(server);
    path = (await store(peer, "big/file.bin", bytes)).file.path;
    gone = (await store(peer, "gone", random.bytes(3))).file.path;
    await peer.send(frame({ action: "fetch", data: { path }, header: HEADER }));
    assert.equal((await peer.reply()).data.file.sha256, sha256(bytes));
  } // cut inside the payload
  await using other = await Program.serve({ args: ARGS, cwd: server.cwd });
  using peer = await RawPeer.open(other);
  const rest = await get(peer, { name: "big/file.bin", offset: 1_234_567 });
  assert.equal(sha256(rest), sha256(bytes.subarray(1_234_567)));
  assert.equal((await peer.ask("remove", { path: gone })).data.code, "ok");
  using first = await RawPeer.open(server);
  assert.equal((await first.ask("fetch", { path: gone })).data.code, "not_found");
  const { code, out } = await fxfer(["verify", server.storage], { cwd: server.cwd });
  assert.equal(code, 0, out);
});

Deno.test("S-GET-3 a small upload beside four fetches does not wait for them", async () => {
  await using server = await Program.serve({
    args: [...ARGS, "--set", "stateless.max_request_size=1GiB"],
  });
  using peer = await RawPeer.open(server);
  const { file: { path, size } } = await store(peer, "large", new Uint8Array(200 << 20));
  let fetched = 0;
  const fetches = Array.from({ length: 4 }, async () => {
    using conn = await Deno.connect({ hostname: "127.0.0.1", port: server.port });
    await conn.write(frame({ action: "fetch", data: { path }, header: HEADER }));
    const buffer = new Uint8Array(1 << 20);
    for (let got = 0; got < size; got += await conn.read(buffer) ?? size);
    fetched++;
  });
  const times: number[] = [];
  while (fetched === 0) {
    const begun = performance.now();
    assert.equal((await peer.stateless("x")).data.code, "ok");
    times.push(performance.now() - begun);
  }
  await Promise.all(fetches);
  times.sort((a, b) => a - b);
  const middle = times[times.length >> 1]!;
  assert.ok(
    times.length >= 5 && middle < 100,
    `${times.length} uploads, ${middle} ms in the middle`,
  );
});
