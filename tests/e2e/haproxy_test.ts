/** Several instances behind a real HAProxy, with the configuration that deploy/ ships. @module */
import assert from "node:assert/strict";
import net from "node:net";
import { type Client, connect } from "../../src/client/mod.ts";
import { readCertificates } from "../../src/tls/mod.ts";
import { issue } from "../helpers/certificates.ts";
import { Cluster, type ClusterOptions } from "../helpers/cluster.ts";
import { listFiles, listStored, readManifest, sha256, storedSha256 } from "../helpers/files.ts";
import { Random } from "../helpers/random.ts";
import { frame } from "../helpers/raw_frame.ts";
import { RawPeer } from "../helpers/raw_peer.ts";
import { RedisServer } from "../helpers/redis_server.ts";
import { testWithAll } from "../helpers/require.ts";
import { received } from "../helpers/serving.ts";
import { assertStored, resume } from "../helpers/sessions.ts";

const MIB = 1 << 20;
const SQLITE = ["--persistence", "sqlite"];

/** A test that needs both programs. */
const test = (name: string, fn: (haproxy: string, redis: string) => Promise<void>) =>
  testWithAll(["haproxy", "redis-server"], name, fn);

/** Runs a test on a cluster that keeps its sessions in a Redis of its own. */
async function withRedis(
  programs: readonly [haproxy: string, redis: string],
  set: NonNullable<ClusterOptions["set"]>,
  fn: (cluster: Cluster) => Promise<void>,
): Promise<void> {
  await using redis = await RedisServer.start(programs[1]);
  const store = ["--persistence", "redis", "--redis-url", redis.url];
  await using cluster = await Cluster.start(programs[0], { store, set });
  await fn(cluster);
}

/** Fails unless the manifest has one line for each file, each file is what its line says, and nothing is half done. */
async function assertWhole(storage: string, count: number): Promise<void> {
  const stored = await listStored(storage);
  const lines = await readManifest(storage);
  assert.equal(stored.length, count);
  assert.deepEqual(lines.map(({ path }) => path).sort(), stored);
  for (const { path, sha256: digest } of lines) {
    assert.equal(await storedSha256(storage, path), digest, path);
  }
}

/** A session moves: its server is killed inside a file, and the other goes on inside that file. */
async function killed(cluster: Cluster): Promise<void> {
  const bytes = new Random(31).bytes(16 * MIB);
  using peer = await RawPeer.open(cluster);
  const name = cluster.holder(await peer.connect());
  const whole = peer.transfer(bytes, { sha256: sha256(bytes) });
  await peer.send(whole.subarray(0, 12 * MIB));
  // 8 MiB are a checkpoint, and it is saved before what follows is read.
  await received(cluster.storage, 11 * MIB);
  await cluster.seen(() => cluster.server(name).kill(), name, "DOWN");
  await peer.rest();

  const other = cluster.other(name);
  const { peer: again, upload, reply } = await resume(cluster, peer.id);
  using _ = again;
  assert.equal(cluster.holder(reply), other);
  const offset: number = upload?.offset;
  assert.ok(offset >= 8 * MIB && offset <= 12 * MIB, `resumed inside the file, at ${offset}`);
  const terms = { offset, length: bytes.length, sha256: sha256(bytes) };
  const rest = await again.upload(bytes.subarray(offset), terms);
  await assertStored(cluster.server(other), rest.data, bytes);

  // The killed one comes back, and the session moves to it between two files.
  await cluster.seen(() => cluster.serve(name), name, "UP");
  await cluster.seen(() => cluster.server(other).stop(), other, "DOWN");
  const { peer: third, reply: back } = await resume(cluster, peer.id);
  using __ = third;
  assert.equal(cluster.holder(back), name);
  await assertStored(cluster.server(name), (await third.upload(bytes)).data, bytes);
  const { data } = await third.disconnect();
  assert.deepEqual([data.code, data.files, data.bytes], ["session_closed", 2, 2 * bytes.length]);
  await assertWhole(cluster.storage, 2);
}

test("a session whose server is killed resumes inside its file on the other (redis)", async (...programs) => {
  await withRedis(programs, {}, killed);
});

test("a session whose server is killed resumes inside its file on the other (sqlite)", async (haproxy) => {
  await using cluster = await Cluster.start(haproxy, { store: SQLITE });
  await killed(cluster);
});

/** Sends files of 200 kB until told to stop; gives how many were stored. */
async function load(client: Client, random: Random, more: () => boolean): Promise<number> {
  let count = 0;
  for (; more(); count++) {
    const bytes = random.bytes(200_000);
    const { confirmed, file } = await client.send(bytes);
    assert.ok(confirmed);
    assert.equal(file?.sha256, sha256(bytes));
  }
  return count;
}

test("S-DRN-1 a rolling restart under load fails no upload", async (...programs) => {
  await withRedis(programs, { "server.drain_timeout": 2 }, async (cluster) => {
    let over = false;
    const modes = [
      "stateful",
      "stateful",
      "stateful",
      "stateful",
      "stateless",
      "stateless",
    ] as const;
    const clients = await Promise.all(modes.map((mode) => connect({ port: cluster.port, mode })));
    const loads = clients.map((client, i) => load(client, new Random(i), () => !over));
    const counts = Promise.all(loads);
    counts.catch(() => over = true);
    for (const name of ["a", "b"] as const) {
      await cluster.seen(
        async () => {
          assert.equal((await cluster.server(name).stop()).code, 0);
        },
        name,
        "DOWN",
      );
      await cluster.seen(() => cluster.serve(name), name, "UP");
    }
    over = true;
    const sent = await counts;
    for (const client of clients) await client.close();
    assert.ok(sent.every((count) => count > 0), String(sent));
    await assertWhole(cluster.storage, sent.reduce((sum, count) => sum + count, 0));
  });
});

test("S-TAKE-2 an instance frozen for 10 s wakes fenced and changes nothing", async (...programs) => {
  await withRedis(programs, {}, async (cluster) => {
    const random = new Random(32);
    const [first, second] = [random.bytes(3 * MIB), random.bytes(MIB)];
    using peer = await RawPeer.open(cluster);
    const name = cluster.holder(await peer.connect());
    const whole = peer.transfer(first);
    await peer.send(whole.subarray(0, MIB));
    await received(cluster.storage, MIB / 2);
    const frozen = performance.now();
    await cluster.seen(() => cluster.server(name).signal("SIGSTOP"), name, "DOWN");
    // The rest waits in the sockets for it to wake, or is on its way there.
    const sending = peer.send(whole.subarray(MIB)).catch(() => {});

    const { peer: again, upload, reply } = await resume(cluster, peer.id);
    using _ = again;
    const other = cluster.server(cluster.holder(reply));
    assert.notEqual(cluster.holder(reply), name);
    // Another file than the frozen one has in its hands, of the same length, from the same offset.
    const offset: number = upload?.offset ?? 0;
    const changed = new Uint8Array([
      ...first.subarray(0, offset),
      ...random.bytes(first.length - offset),
    ]);
    const terms = { offset, length: first.length };
    await assertStored(other, (await again.upload(changed.subarray(offset), terms)).data, changed);
    await assertStored(other, (await again.upload(second)).data, second);

    await new Promise((resolve) => setTimeout(resolve, 10_000 - (performance.now() - frozen)));
    await cluster.seen(() => cluster.server(name).signal("SIGCONT"), name, "UP");
    await sending;
    const told = await peer.replies();
    // As a reply to the frame it had in its hands, as a notice, or both.
    const codes = new Set(told.map(({ data }) => data.code));
    assert.deepEqual([...codes], ["session_taken_over"]);

    await assertStored(other, (await again.upload(first)).data, first);
    assert.equal((await again.disconnect()).data.files, 3);
    await assertWhole(cluster.storage, 3);
    const left = (await listFiles(cluster.storage)).filter((path) => path.startsWith(".incoming/"));
    assert.deepEqual(left, []);
  });
});

test("S-CON-5 strict address binding sees the client's address through the balancer", async (haproxy) => {
  await using cluster = await Cluster.start(haproxy, { store: SQLITE });
  using peer = await RawPeer.open(cluster);
  const reply = await peer.connect();
  const name = cluster.holder(reply);
  assert.equal(await connectFrom("127.0.0.2", cluster.port, peer.id), "unauthorized");
  assert.equal((await peer.heartbeat()).data.code, "pong");
  assert.equal(await connectFrom("127.0.0.1", cluster.port, peer.id), "session_resumed");
  assert.equal((await peer.reply()).data.code, "session_taken_over");
  // Past the balancer there is no way in: its address alone is believed, and must say who it is for.
  using direct = await RawPeer.open(cluster.server(name));
  assert.equal((await direct.connect({}, peer.id)).data.code, "protocol_error");
});

/** The code that a connect gets which comes from one of this machine's own addresses. */
function connectFrom(localAddress: string, port: number, id: string | null): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const socket = net.connect({ host: "127.0.0.1", port, localAddress });
  let text = "";
  socket.on("data", (data) => {
    text += data;
    const [, code] = /"code":"([a-z_]+)"/.exec(text) ?? [];
    if (code === undefined) return;
    socket.destroy();
    resolve(code);
  });
  socket.on("error", reject);
  socket.on("close", () => reject(new Error(`The server said no code: ${text}`)));
  socket.write(frame({ action: "connect", mode: "stateful", id }));
  return promise;
}

test("S-TLS-2 TLS ends at the balancer: its name is verified, with PROXY v2 behind it", async (haproxy) => {
  const root = await issue("root", undefined, { isAuthority: true });
  const { certificate, key } = await issue("haproxy", root);
  await using cluster = await Cluster.start(haproxy, {
    store: SQLITE,
    certificate: certificate + key,
    set: { "logging.level": "debug" },
  });
  const bytes = new Random(33).bytes(3 * MIB);
  const port = cluster.tlsPort;
  await using client = await connect({ port, tls: { caCerts: [root.certificate] } });
  const { confirmed, file } = await client.send(bytes);
  assert.ok(confirmed);
  assert.equal(file?.sha256, sha256(bytes));
  await client.disconnect();
  await assertWhole(cluster.storage, 1);

  await assert.rejects(connect({ port, tls: true, retries: 0 }), { code: "unauthorized" });
  await assert.rejects(connect({ port, retries: 0 }), { code: "connection_lost" });
  const { pin } = readCertificates(certificate)[0]!;
  await assert.rejects(connect({ port, tls: { pin }, retries: 0 }), /leave the pin out/);
});
