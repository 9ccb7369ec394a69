import assert from "node:assert/strict";
import { listFiles } from "../helpers/files.ts";
import { command, Program } from "../helpers/program.ts";
import { Random } from "../helpers/random.ts";
import { RawPeer } from "../helpers/raw_peer.ts";
import { TempDir } from "../helpers/temp.ts";
import { assertAlive, TIERS, until } from "../helpers/serving.ts";
import { assertStored, session } from "../helpers/sessions.ts";

// Windows has no SIGTERM that a program could hear.
const ignore = Deno.build.os === "windows";
const MIB = 1 << 20;

/** Waits until the server has begun to write a file: before that it stands at a frame boundary. */
async function underWay(server: Program): Promise<void> {
  const isPartial = (path: string) => /^\.incoming\/|\/file_/.test(path);
  await until(
    async () => (await listFiles(server.storage)).some(isPartial),
    "the payload is being written",
  );
}

for (const [tier, flags] of TIERS) {
  const test = (name: string, fn: () => Promise<void>) =>
    Deno.test({ name: `stop, tier ${tier}: ${name}`, fn, ignore });

  test("S-DRN-1 SIGTERM without connections ends the program with 0", async () => {
    await using server = await Program.serve({ flags });
    await assertAlive(server);
    const start = performance.now();
    const { code, signal } = await server.stop();
    assert.deepEqual({ code, signal }, { code: 0, signal: null });
    assert.ok(performance.now() - start < 3000);
  });

  test("S-DRN-1 idle connections get the notice and are closed", async () => {
    await using server = await Program.serve({ flags });
    using alone = await RawPeer.open(server);
    assert.equal((await alone.stateless("before")).data.code, "ok");
    using peer = await session(server);
    server.signal("SIGTERM");
    for (const each of [alone, peer]) {
      const { header, data } = await each.reply();
      assert.equal(data.code, "server_shutting_down");
      assert.equal(data.class, "retry");
      assert.equal(typeof data.retry_after_ms, "number");
      assert.equal(header.session.action, "disconnect");
      assert.equal(await each.rest(), "");
      each.close();
    }
    assert.equal((await server.status()).code, 0);
  });

  test("S-DRN-1 a payload under way is finished, and new connections are refused", async () => {
    await using server = await Program.serve({ flags });
    const bytes = new Random(1).bytes(4 * MIB);
    using peer = await session(server);
    const whole = peer.transfer(bytes);
    await peer.send(whole.subarray(0, MIB));
    await underWay(server);
    server.signal("SIGTERM");
    await until(
      async () => {
        try {
          (await RawPeer.open(server)).close();
          return false;
        } catch (error) {
          return error instanceof Deno.errors.ConnectionRefused;
        }
      },
      "the listener closes at once",
      1000,
    );
    await peer.send(whole.subarray(MIB));
    await assertStored(server, (await peer.reply()).data, bytes);
    assert.equal((await peer.reply()).data.code, "server_shutting_down");
    assert.equal(await peer.rest(), "");
    peer.close();
    assert.equal((await server.status()).code, 0);
  });

  test("S-DRN-1 a payload that goes on too long is cut, and its durable offset is sent", async () => {
    await using server = await Program.serve({ flags, set: { "server.drain_timeout": 0.5 } });
    using peer = await session(server);
    const sent = 100_000;
    await peer.send(peer.transfer(new Uint8Array(sent), {}, { size: 1_000_000 }));
    await underWay(server);
    const start = performance.now();
    server.signal("SIGTERM");
    const { data } = await peer.reply();
    assert.equal(data.code, "server_shutting_down");
    assert.equal(data.offset, sent);
    peer.close();
    assert.equal((await server.status()).code, 0);
    assert.ok(performance.now() - start < 4000);
  });

  test("S-DRN-1 a second signal ends the program at once", async () => {
    await using server = await Program.serve({ flags, set: { "server.drain_timeout": 60 } });
    using peer = await session(server);
    await peer.send(peer.transfer(new Uint8Array(1000), {}, { size: 1_000_000 }));
    await underWay(server);
    server.signal("SIGTERM");
    await server.event("server.stopping");
    const start = performance.now();
    server.signal("SIGTERM");
    const { code, signal } = await server.status();
    assert.ok(code !== 0 || signal !== null);
    assert.ok(performance.now() - start < 2000);
    await peer.rest().catch(() => {});
  });

  test("S-DRN-1 SIGINT does the same as SIGTERM", async () => {
    await using server = await Program.serve({ flags });
    await assertAlive(server);
    server.signal("SIGINT");
    assert.equal((await server.status()).code, 0);
    const partial = (await listFiles(server.storage)).filter((path) => path.includes(".incoming/"));
    assert.deepEqual(partial, []);
  });
}

Deno.test({
  name: "SIGHUP ends no server",
  ignore,
  async fn() {
    await using server = await Program.serve();
    server.signal("SIGHUP");
    await assertAlive(server);
    assert.equal((await server.stop()).code, 0);
  },
});

Deno.test({
  name: "a log file that was renamed goes on in a new file after SIGHUP",
  // fxfer-server may open nothing but its storage: it goes on in the renamed file.
  ignore: Deno.build.os !== "linux" || /fxfer-server$/.test(Deno.env.get("FXFER_BIN") ?? ""),
  async fn() {
    await using temp = await TempDir.make();
    const [log, rotated] = [`${temp.path}/log`, `${temp.path}/log.1`];
    const has = (path: string, event: string) => async () =>
      (await Deno.readTextFile(path).catch(() => "")).includes(event);
    const server = new Deno.Command("sh", {
      args: ["-c", 'exec "$@" 2>>log', "-", ...command(["serve", "--port", "0"], ["-A"])],
      cwd: temp.path,
      stdout: "null",
    }).spawn();
    try {
      await until(has(log, "server.listening"), "the server listens", 20_000);
      for (let times = 0; times < 2; times++) {
        await Deno.rename(log, rotated);
        server.kill("SIGHUP");
        await until(has(log, "log.reopened"), "the log goes on in a new file");
        assert.ok(!await has(rotated, "server.stopped")());
      }
    } finally {
      server.kill("SIGTERM");
    }
    assert.equal((await server.status).code, 0);
    assert.match(await Deno.readTextFile(log), /server\.stopped[^\n]*\n$/);
  },
});
