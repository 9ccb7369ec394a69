import assert from "node:assert/strict";
import { listFiles, readManifest, sha256, storedSha256 } from "../helpers/files.ts";
import { FLAGS_RW, FLAGS_W, Program } from "../helpers/program.ts";
import { Random } from "../helpers/random.ts";
import { frameV1, utf8 } from "../helpers/raw_frame.ts";
import { RawPeer } from "../helpers/raw_peer.ts";
import { assertAlive } from "../helpers/serving.ts";
import { assertStored, resume, session } from "../helpers/sessions.ts";
import { TempDir } from "../helpers/temp.ts";

const ignore = Boolean(Deno.env.get("FXFER_BIN"));

Deno.test({
  name:
    "With --allow-net and --allow-write=storage alone the main job is done, nothing is written outside",
  ignore,
  async fn() {
    await using dir = await TempDir.make();
    await Deno.writeTextFile(dir.join("precious.txt"), "keep");
    // There is a configuration, but reading it is not allowed: the defaults hold, without a prompt.
    await Deno.writeTextFile(dir.join("config.yaml"), "server:\n  mode: stateless\n");
    {
      await using server = await Program.serve({ flags: FLAGS_W, cwd: dir.path });
      const listening = await server.event("server.listening");
      assert.equal(listening.tier, "W");

      const bytes = new Random(2).bytes(3_000_000);
      using cut = await session(server);
      await cut.send(cut.transfer(bytes.subarray(0, 2_000_000), {}, { size: bytes.length }));
      await cut.halfClose();
      assert.equal((await cut.reply()).data.offset, 2_000_000);
      const { peer, upload } = await resume(server, cut.id);
      using again = peer;
      assert.equal(upload?.offset, 2_000_000);
      const rest = bytes.subarray(2_000_000);
      await assertStored(server, (await again.upload(rest, { offset: 2_000_000 })).data, bytes);
      assert.equal((await again.disconnect()).data.code, "session_closed");

      using alone = await RawPeer.open(server);
      await assertStored(server, (await alone.stateless("one")).data, utf8("one"));
      using old = await RawPeer.open(server);
      await old.send(frameV1(utf8("v1")));
      await old.halfClose();
      assert.match(await old.rest(), /^OK received_/);
      await assertAlive(server);
    }
    const files = await listFiles(dir.path);
    const outside = files.filter((path) => !path.startsWith("storage/"));
    assert.deepEqual(outside, ["config.yaml", "precious.txt"]);
    assert.equal(await Deno.readTextFile(dir.join("precious.txt")), "keep");
    const manifest = await readManifest(dir.join("storage"));
    assert.equal(manifest.length, 4);
    for (const { path, sha256: digest } of manifest) {
      assert.equal(await storedSha256(dir.join("storage"), path), digest);
    }
  },
});

Deno.test({
  name: "In tier W a file has mode 0200 until it is whole and 0640 afterwards",
  ignore: ignore || Deno.build.os === "windows",
  async fn() {
    await using server = await Program.serve({ flags: FLAGS_W });
    using peer = await session(server);
    await peer.upload("first half ", { complete: false });
    const mode = async () => {
      const [path] = (await listFiles(server.storage)).filter((path) => path.includes("/file_"));
      return (await Deno.stat(`${server.storage}/${path}`)).mode! & 0o777;
    };
    assert.equal(await mode(), 0o200);
    assert.deepEqual(await readManifest(server.storage), []);
    const { data } = await peer.upload("and the rest", { offset: 11 });
    assert.equal(data.file.sha256, sha256(utf8("first half and the rest")));
    assert.equal(await mode(), 0o640);
  },
});

Deno.test({
  name: "In tier RW a partial file has no final name",
  ignore,
  async fn() {
    await using server = await Program.serve();
    using peer = await session(server);
    await peer.upload("first half ", { complete: false });
    const files = await listFiles(server.storage);
    assert.equal(files.filter((path) => path.startsWith(".incoming/")).length, 1);
    assert.equal(files.filter((path) => path.includes("/file_")).length, 0);
  },
});

Deno.test({
  name: "Without permission to write, serve says what is missing and ends",
  ignore,
  async fn() {
    await assert.rejects(
      Program.serve({ flags: ["--no-prompt", "--allow-net"] }).then(async (server) => {
        await server[Symbol.asyncDispose]();
      }),
      /--allow-write/,
    );
  },
});

Deno.test("with storage.state two v1 files are all that is in the storage folder", {
  ignore, // its permissions name the storage folder only
}, async () => {
  const flags = FLAGS_RW.map((flag) => flag.replace("storage", "storage,state"));
  await using server = await Program.serve({ flags, set: { "storage.state": "state" } });
  const random = new Random(3);
  const files = [random.bytes(1000), random.bytes(70_000)];
  using peer = await RawPeer.open(server);
  await peer.send(...files.map((bytes) => frameV1(bytes)));
  await peer.halfClose();
  assert.equal((await peer.rest()).match(/^OK /gm)?.length, 2);
  const names = Array.from(Deno.readDirSync(server.storage), ({ name }) => name);
  assert.equal(names.length, 2, names.join());
  const digests = await Promise.all(names.map((name) => storedSha256(server.storage, name)));
  assert.deepEqual(digests.sort(), files.map(sha256).sort());
});
