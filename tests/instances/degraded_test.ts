/** A store that is away, lost, locked or slow, under a running server (S-DEG-1, S-DEG-2). @module */
import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { connect, SqliteSessionStore } from "../../mod.ts";
import { listStored, sha256, storedSha256 } from "../helpers/files.ts";
import { expectCode } from "../helpers/in_process.ts";
import { inRedis, inSqlite, Instance } from "../helpers/instances.ts";
import { FLAGS_W, Program } from "../helpers/program.ts";
import { Random } from "../helpers/random.ts";
import { RawPeer, type RawReply } from "../helpers/raw_peer.ts";
import { RedisServer } from "../helpers/redis_server.ts";
import { testWith } from "../helpers/require.ts";
import { until } from "../helpers/serving.ts";
import { TempDir } from "../helpers/temp.ts";

const REDIS: [string] = ["redis-server"];

/** A Redis that keeps what it has over a restart, and a server on it. */
async function site(path: string, commandTimeoutMs = 2000) {
  await using opened = new AsyncDisposableStack();
  const dir = opened.use(await TempDir.make());
  const keeping = ["--appendonly", "yes", "--appendfsync", "always"];
  const redis = opened.use(await RedisServer.start(path, keeping));
  const open = inRedis(redis.url, commandTimeoutMs);
  const folder = dir.join("storage");
  const server = opened.use(await Instance.start("a", folder, open));
  const owned = opened.move();
  return { redis, server, folder, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

testWith(
  REDIS,
  "S-DEG-2 Redis lost in mid-session yields no false ok, stateless goes on, and so does the session when it is back",
  async (path) => {
    await using at = await site(path);
    const bytes = new Random(21).bytes(400_000);
    using peer = await at.server.peer();
    await peer.connect({ want_token: true });
    expectCode(await peer.upload("one"), "ok");
    const frame = peer.transfer(bytes, { length: bytes.length });
    await peer.send(frame.subarray(0, frame.length - 100_000));
    await until(
      async () => (await at.server.record(peer.id)).upload !== null,
      "it is being received",
    );
    await at.redis.kill();
    await peer.send(frame.subarray(frame.length - 100_000));
    expectCode(await peer.reply(), "store_unavailable");
    assert.equal((await listStored(at.folder)).length, 1, "nothing is published");
    using other = await at.server.peer();
    expectCode(await other.stateless("not a session's"), "ok");
    expectCode(await other.connect(), "store_unavailable");
    using asking = await at.server.peer();
    const fallback = await asking.connect({ fallback: "stateless" });
    assert.equal(expectCode(fallback, "ok").degraded, "store_unavailable");
    assert.equal(fallback.header.session.mode, "stateless");
    await at.redis.start();
    await until(() => at.server.store.stats().then(() => true, () => false), "Redis is back");
    // The same frame again; what is here already need not be sent twice.
    let reply = await peer.upload(bytes, { length: bytes.length }, { sequence: 2 });
    if (reply.data.code === "offset_mismatch") {
      const { offset } = reply.data;
      const data = { length: bytes.length, offset };
      reply = await peer.upload(bytes.subarray(offset), data, { sequence: 2 });
    }
    const { file } = expectCode(reply, "ok");
    assert.equal(await storedSha256(at.folder, file.path), sha256(bytes));
    assert.equal((await listStored(at.folder)).length, 3, "each once");
    await at.redis.clients(2);
  },
);

testWith(
  REDIS,
  "S-DEG-2 a Redis slower than the timeout is store_unavailable, and the retry stores one file",
  async (path) => {
    await using at = await site(path, 200);
    using peer = await at.server.peer();
    await peer.connect();
    expectCode(await peer.upload("one"), "ok");
    await at.redis.command("CLIENT", "PAUSE", "700", "ALL");
    expectCode(await peer.upload("two"), "store_unavailable");
    let reply: RawReply;
    do reply = await peer.upload("two", {}, { sequence: 2 }); while (
      reply.data.code === "store_unavailable"
    );
    if (reply.data.code === "offset_mismatch") {
      reply = await peer.upload("", { offset: reply.data.offset }, { sequence: 2 });
    }
    expectCode(reply, "ok");
    assert.equal((await listStored(at.folder)).length, 2);
  },
);

testWith(
  REDIS,
  "S-DEG-1 a server starts without Redis, says so, and serves sessions once it is there; tier W, no permission asked",
  async (path) => {
    await using redis = await RedisServer.start(path, ["--requirepass", "s3cr3t"]);
    await redis.kill();
    await using server = await Program.serve({
      flags: FLAGS_W,
      args: ["--persistence", "redis", "--redis-url", `redis://:s3cr3t@127.0.0.1:${redis.port}`],
    });
    using peer = await RawPeer.open(server);
    expectCode(await peer.stateless("goes on"), "ok");
    expectCode(await peer.connect(), "store_unavailable");
    assert.equal(expectCode(await peer.connect({ fallback: "stateless" }), "ok").mode, "stateless");
    await redis.start();
    await server.event("redis.ready", ({ connection }) => connection === "commands");
    using later = await RawPeer.open(server);
    expectCode(await later.connect(), "session_created");
    expectCode(await later.upload("in a session"), "ok");
    assert.doesNotMatch(server.output(), /s3cr3t|NotCapable|permission/i);
  },
);

testWith(
  REDIS,
  "S-CON-4 a Redis that has forgotten everything is no takeover, and the program's client goes on",
  async (path) => {
    await using at = await site(path);
    await using client = await connect({ port: at.server.port, mode: "stateful" });
    const bytes = new Random(22).bytes(3_000_000);
    await client.send(bytes.subarray(0, 1000));
    await at.redis.command("FLUSHALL");
    await client.send(bytes);
    assert.equal((await listStored(at.folder)).length, 2);
    assert.ok(at.server.log.all.some(({ event }) => event === "session.lost"));
    assert.ok(!at.server.log.all.some(({ event }) => event === "session.fenced"));
    await client.disconnect();
  },
);

Deno.test("S-DEG-2 a locked SQLite file costs sessions a code, and stateless frames nothing", async () => {
  await using dir = await TempDir.make();
  const [path, folder] = [dir.join("sessions.db"), dir.join("storage")];
  await using server = await Instance.start("a", folder, inSqlite(path));
  using other = await server.peer();
  /** The longest that a frame without a session took while the file was locked, in milliseconds. */
  const slowestBeside = async () => {
    using peer = await server.peer();
    await peer.connect();
    using db = new DatabaseSync(path);
    db.exec("BEGIN IMMEDIATE");
    const answer = peer.upload("in a session");
    let slowest = 0;
    let answered = false;
    answer.then(() => answered = true);
    while (!answered) {
      const began = performance.now();
      expectCode(await other.stateless("beside it"), "ok");
      slowest = Math.max(slowest, performance.now() - began);
    }
    expectCode(await answer, "store_unavailable");
    db.exec("ROLLBACK");
    expectCode(await peer.upload("in a session", {}, { sequence: 1 }), "ok");
    return slowest;
  };
  // What a busy machine adds is not there each time; what the lock costs would be.
  const rounds: number[] = [];
  while (rounds.length < 3 && !(Math.min(...rounds) < 200)) rounds.push(await slowestBeside());
  assert.ok(Math.min(...rounds) < 200, `${rounds} ms`);
});

Deno.test("S-DEG-2 no frame is ok whose number went to a SQLite file that is gone", async () => {
  await using dir = await TempDir.make();
  const [path, folder] = [dir.join("sessions.db"), dir.join("storage")];
  await using server = await Instance.start("a", folder, inSqlite(path));
  using peer = await server.peer();
  await peer.connect();
  expectCode(await peer.upload("one"), "ok");
  for (const suffix of ["", "-wal", "-shm"]) await Deno.remove(path + suffix);
  expectCode(await peer.upload("two"), "session_unknown");
  using again = await server.peer();
  expectCode(await again.connect({}, peer.id), "session_unknown");
  expectCode(await again.connect(), "session_created");
  expectCode(await again.upload("two"), "ok");
  await using db = await SqliteSessionStore.open(path);
  assert.equal((await db.load(again.id!))!.lastSequence, 1);
  assert.equal((await listStored(folder)).length, 2);
});
