/** `server.workers`: several threads, one port, one server to its clients. @module */
import assert from "node:assert/strict";
import { connect } from "../../mod.ts";
import { assertContents, sha256 } from "../helpers/files.ts";
import { fxfer } from "../helpers/fxfer.ts";
import { FLAGS_RW, type Program, type ServeOptions } from "../helpers/program.ts";
import { Random } from "../helpers/random.ts";
import { utf8 } from "../helpers/raw_frame.ts";
import { RawPeer } from "../helpers/raw_peer.ts";
import { RedisServer } from "../helpers/redis_server.ts";
import { testWith } from "../helpers/require.ts";
import { received, until } from "../helpers/serving.ts";
import { assertStored } from "../helpers/sessions.ts";
import { TempDir } from "../helpers/temp.ts";
import { openPeer, peerOf, serveTwo, WORKERS_RW, WORKERS_W } from "../helpers/workers.ts";

// Elsewhere the system does not spread the connections, and workers are refused.
const ignore = Deno.build.os !== "linux";
const STATELESS = { "server.mode": "stateless" };

function test(name: string, fn: () => Promise<void>): void {
  Deno.test({ name: `workers: ${name}`, ignore, fn });
}

/** The same test over each store that workers can share. */
function eachStore(name: string, fn: (server: Program) => Promise<void>): void {
  for (const store of ["memory", "sqlite"]) {
    test(`${name}, ${store}`, async () => {
      await using server = await serveTwo({ set: { "stateful.persistence": store } });
      await fn(server);
    });
  }
  testWith(["redis-server"], `workers: ${name}, redis`, async (path) => {
    await using redis = await RedisServer.start(path);
    const set = { "stateful.persistence": "redis", "stateful.redis_url": redis.url };
    await using server = await serveTwo({ set });
    await fn(server);
  });
}

/** Starts a server that must not start; its exit code and what it said. */
async function refused(args: readonly string[], flags = WORKERS_RW) {
  await using dir = await TempDir.make();
  const all = ["serve", "--port", "0", "--workers", "2", ...args];
  return await fxfer(all, { cwd: dir.path, flags });
}

test("it listens once all do, and both serve", async () => {
  await using server = await serveTwo({ set: STATELESS });
  const listening = await server.event("server.listening");
  assert.equal(listening.workers, 2);
  const contents: Uint8Array[] = [];
  for (const worker of [1, 2, 1, 2]) {
    const bytes = new Random(contents.length).bytes(70_000);
    contents.push(bytes);
    using peer = await peerOf(server, worker);
    await assertStored(server, (await peer.stateless(bytes)).data, bytes);
  }
  await assertContents(server.storage, contents);
  const events = server.log.all.map(({ json }) => json.event);
  assert.equal(events.filter((event) => event === "server.listening").length, 1);
});

test("S-DRN-1 SIGTERM stops all of them, with a notice to each connection", async () => {
  await using server = await serveTwo({ set: STATELESS });
  using one = await peerOf(server, 1);
  using two = await peerOf(server, 2);
  for (const peer of [one, two]) assert.equal((await peer.stateless("x")).data.code, "ok");
  server.signal("SIGTERM");
  for (const peer of [one, two]) {
    assert.equal((await peer.reply()).data.code, "server_shutting_down");
    assert.equal(await peer.rest(), "");
    peer.close();
  }
  assert.equal((await server.status()).code, 0);
  for (const worker of [1, 2]) await server.event("server.stopped", (e) => e.worker === worker);
});

test("S-DRN-1 a payload under way in one of them is finished", async () => {
  await using server = await serveTwo({ set: STATELESS });
  using peer = await peerOf(server, 2);
  const bytes = new Random(7).bytes(3_000_000);
  const whole = peer.transfer(bytes, {}, { id: null, mode: "stateless" });
  await peer.send(whole.subarray(0, 2_000_000));
  await received(server.storage);
  server.signal("SIGTERM");
  await server.event("server.stopped", (event) => event.worker === 1);
  await peer.send(whole.subarray(2_000_000));
  await assertStored(server, (await peer.reply()).data, bytes);
  assert.equal((await server.status()).code, 0);
});

test("S-DRN-1 a second signal ends it at once", async () => {
  await using server = await serveTwo({ set: { ...STATELESS, "server.drain_timeout": 60 } });
  using peer = await peerOf(server, 1);
  await peer.send(peer.transfer(new Uint8Array(10), {}, { id: null, mode: "stateless", size: 99 }));
  server.signal("SIGTERM");
  await server.event("server.stopped", (event) => event.worker === 2);
  server.signal("SIGTERM");
  assert.equal((await server.status()).code, 130);
});

eachStore("a session is resumed wherever its next connection falls", async (server) => {
  const bytes = new Random(1).bytes(300_000);
  let id: string | null = null;
  let offset = 0;
  for (const worker of [1, 2, 1, 2]) {
    using peer = await peerOf(server, worker);
    const { data } = await peer.connect({}, id);
    assert.equal(data.code, id === null ? "session_created" : "session_resumed");
    assert.equal(data.upload?.offset ?? 0, offset, "what was received is kept");
    id = peer.id;
    const end = Math.min(offset + 100_000, bytes.length);
    const part = bytes.subarray(offset, end);
    await peer.send(peer.transfer(part, { offset }, { size: bytes.length - offset }));
    if (end < bytes.length) {
      await peer.halfClose();
      assert.equal((await peer.reply()).data.offset, end);
    } else {
      await assertStored(server, (await peer.reply()).data, bytes);
      break;
    }
    offset = end;
  }
  await assertContents(server.storage, [bytes]);
});

eachStore("S-TAKE-3 a takeover from the other worker is told to the old peer", async (server) => {
  using old = await peerOf(server, 1);
  assert.equal((await old.connect()).data.code, "session_created");
  assert.equal((await old.upload("first")).data.code, "ok");
  using peer = await peerOf(server, 2);
  const { data } = await peer.connect({}, old.id);
  assert.equal(data.code, "session_resumed");
  assert.equal(data.next_sequence, 2);
  // The store tells it (memory, redis), or its next save finds the epoch lost (sqlite).
  await old.send(old.transfer("from the old one")).catch(() => {});
  assert.match(await old.rest(), /"session_taken_over"/);
  assert.equal((await peer.upload("second")).data.code, "ok");
  await assertContents(server.storage, [utf8("first"), utf8("second")]);
});

eachStore("many clients with sessions, every file once", async (server) => {
  const random = new Random(3);
  const contents: Uint8Array[] = [];
  await Promise.all(Array.from({ length: 12 }, async () => {
    await using client = await connect({ port: server.port });
    for (let n = 0; n < 8; n++) {
      const bytes = random.bytes(random.int(16, 90_000));
      contents.push(bytes);
      await client.send(bytes);
    }
  }));
  await assertContents(server.storage, contents);
  const served = new Set(
    server.log.all.filter(({ json }) => json.event === "transfer.stored")
      .map(({ json }) => json.worker),
  );
  assert.deepEqual([...served].sort(), [1, 2]);
});

test("--trace tells the steps of sessions in all of them, with the worker", async () => {
  const set = { "stateful.persistence": "sqlite" };
  await using server = await serveTwo({ set, args: ["--trace"] });
  using one = await peerOf(server, 1);
  assert.equal((await one.connect()).data.code, "session_created");
  using two = await peerOf(server, 2);
  assert.equal((await two.connect({}, one.id)).data.code, "session_resumed");
  const isStep = ({ json }: { json: { event?: unknown } }) => json.event === "session.step";
  await server.event("session.step", ({ rule }) => rule === "S-TAKE-2");
  const steps = server.log.all.filter(isStep).map(({ json }) => json);
  assert.deepEqual(steps.slice(0, 2).map(({ worker, state, rule }) => [worker, state, rule]), [
    [1, "Idle → Connected → Authenticated", "S-CON-1"],
    [2, "Authenticated", "S-TAKE-2"],
  ]);
  const created = server.log.all.filter(({ json }) => json.event === "session.created");
  assert.deepEqual(created.map(({ json }) => json.worker), [1], "told once, and written once");
});

test("S-TRF-9 an upload id sent again to the other worker is the same file", async () => {
  await using server = await serveTwo({ set: STATELESS });
  const upload_id = crypto.randomUUID();
  const paths = new Set();
  for (const worker of [1, 2, 1]) {
    using peer = await peerOf(server, worker);
    const { data } = await peer.stateless("once", { upload_id, sha256: sha256(utf8("once")) });
    assert.equal(data.code, "ok");
    assert.equal(data.replayed, paths.size === 0 ? undefined : true);
    paths.add(data.file.path);
  }
  assert.equal(paths.size, 1);
  await assertContents(server.storage, [utf8("once")]);
});

test("max_connections holds for all of them together", async () => {
  await using server = await serveTwo({ set: { ...STATELESS, "server.max_connections": 6 } });
  const peers: RawPeer[] = [];
  for (let n = 0; n < 6; n++) peers.push((await openPeer(server)).peer);
  for (let n = 0; n < 4; n++) {
    using late = await RawPeer.open(server);
    assert.equal((await late.reply()).data.code, "too_many_connections");
  }
  for (const peer of peers) assert.equal((await peer.stateless("served")).data.code, "ok");
  peers.pop()!.close();
  await server.event("connection.closed", (event) => event.requests === 1);
  // It is told a moment before the others can see it.
  await until(async () => {
    using next = await RawPeer.open(server);
    const reply = await next.stateless("room again").catch(() => undefined); // refused and closed
    return reply?.data.code === "ok";
  }, "room again");
  for (const peer of peers) peer.close();
});

test("S-TRF-3 the budget is one for all of them, promises included", async () => {
  await using server = await serveTwo({ set: { ...STATELESS, "storage.budget": 4_000_000 } });
  using one = await peerOf(server, 1);
  using two = await peerOf(server, 2);
  const whole = one.transfer(new Uint8Array(2_400_000), {}, { id: null, mode: "stateless" });
  await one.send(whole.subarray(0, 1_200_000));
  await received(server.storage);
  assert.equal((await two.stateless(new Uint8Array(2_400_000))).data.code, "storage_full");
  await one.send(whole.subarray(1_200_000));
  assert.equal((await one.reply()).data.code, "ok");
  assert.equal((await two.stateless(new Uint8Array(1_600_001))).data.code, "storage_full");
  assert.equal((await two.stateless(new Uint8Array(1_600_000))).data.code, "ok");
  assert.equal((await one.stateless("x")).data.code, "storage_full");
});

test("/readyz answers for all of them", async () => {
  await using server = await serveTwo({ set: { ...STATELESS, "server.health_port": 0 } });
  const { port } = await server.event("health.listening");
  const response = await fetch(`http://127.0.0.1:${port}/readyz`);
  assert.deepEqual([response.status, await response.json()], [200, { status: "ready" }]);
  using peer = await peerOf(server, 1);
  await peer.send(peer.transfer(new Uint8Array(10), {}, { id: null, mode: "stateless", size: 99 }));
  server.signal("SIGTERM");
  await server.event("server.stopped", (event) => event.worker === 2);
  const stopping = await fetch(`http://127.0.0.1:${port}/readyz`);
  assert.deepEqual([stopping.status, (await stopping.json()).reason], [503, "stopping"]);
  peer.close();
  assert.equal((await server.status()).code, 0);
});

test("a port that is taken is refused, also by another fxfer with workers", async () => {
  await using server = await serveTwo({ set: STATELESS });
  const { code, err } = await refused(["--mode", "stateless", "--port", String(server.port)]);
  assert.equal(code, 8);
  assert.match(err, /port \d+ of 127\.0\.0\.1 is in use/);
});

Deno.test({
  name: "workers: one that cannot start ends the program with its reason",
  ignore: ignore || !!Deno.env.get("FXFER_BIN"), // a compiled program may write anywhere
  fn: oneThatCannotStart,
});

async function oneThatCannotStart(): Promise<void> {
  const { code, err } = await refused(["--mode", "stateless", "--storage", "elsewhere"]);
  assert.equal(code, 1);
  assert.match(err, /Cannot open storage: no permission to write there/);
}

const fromSource = (name: string, fn: () => Promise<void>) =>
  Deno.test({ name: `workers: ${name}`, ignore: ignore || !!Deno.env.get("FXFER_BIN"), fn });

fromSource("from source they need to read the program, and the refusal says so", async () => {
  const { code, err } = await refused(["--mode", "stateless"], FLAGS_RW);
  assert.equal(code, 1);
  assert.match(err, /Cannot start workers: .*--allow-read for its src folder/);
});

fromSource("in tier W they serve too, and say that upload ids are known to one alone", async () => {
  const options: ServeOptions = { flags: WORKERS_W, set: STATELESS };
  await using server = await serveTwo(options);
  assert.equal((await server.event("server.listening")).tier, "W");
  await server.event("workers.upload_ids_apart");
  for (const worker of [1, 2]) {
    using peer = await peerOf(server, worker);
    await assertStored(server, (await peer.stateless("both")).data, utf8("both"));
  }
  assert.equal((await server.stop()).code, 0);
});
