/** Several workers with sessions and users in the memory that they share. @module */
import assert from "node:assert/strict";
import { formatKey, formatKeyLine, newKey } from "../../src/keys/mod.ts";
import { connect } from "../../mod.ts";
import { assertContents } from "../helpers/files.ts";
import { fxfer } from "../helpers/fxfer.ts";
import { Program } from "../helpers/program.ts";
import { Random } from "../helpers/random.ts";
import { utf8 } from "../helpers/raw_frame.ts";
import { RawPeer } from "../helpers/raw_peer.ts";
import { until } from "../helpers/serving.ts";
import { shownConnect } from "../helpers/shown_connect.ts";
import { TempDir } from "../helpers/temp.ts";
import { peerOf, serveTwo, WORKERS_RW, WORKERS_W } from "../helpers/workers.ts";

const MEMORY = { "stateful.persistence": "memory" };

function test(name: string, fn: () => Promise<void>): void {
  Deno.test({ name: `workers, memory: ${name}`, ignore: Deno.build.os !== "linux", fn });
}

test("S-TAKE-3 a quiet holder in the other worker is told at once, not at its next save", async () => {
  await using server = await serveTwo({ set: MEMORY });
  let holder = await peerOf(server, 1);
  assert.equal((await holder.connect()).data.code, "session_created");
  for (const worker of [2, 1, 2]) {
    const peer = await peerOf(server, worker);
    const before = performance.now();
    assert.equal((await peer.connect({}, holder.id)).data.code, "session_resumed");
    const { data } = await holder.reply();
    assert.deepEqual([data.code, data.notice], ["session_taken_over", true]);
    // A sweep would find it after up to 5 seconds.
    assert.ok(performance.now() - before < 2000, "within a moment");
    holder.close();
    holder = peer;
  }
  holder.close();
});

test("max_sessions is exact for 60 clients that come at once, and one that goes makes room", async () => {
  const set = { ...MEMORY, "stateful.max_sessions": 7 };
  await using server = await serveTwo({ set });
  const peers = await Promise.all(Array.from({ length: 60 }, () => RawPeer.open(server)));
  const codes = await Promise.all(
    peers.map(async (peer) => (await peer.connect()).data.code as string),
  );
  const inside = peers.filter((_, n) => codes[n] === "session_created");
  assert.equal(inside.length, 7);
  assert.equal(codes.filter((code) => code === "max_sessions").length, 53);
  for (const peer of inside) assert.equal((await peer.upload("x")).data.code, "ok");
  assert.equal((await inside[0]!.disconnect()).data.code, "session_closed");
  using late = await RawPeer.open(server);
  assert.equal((await late.connect()).data.code, "session_created");
  using last = await RawPeer.open(server);
  assert.equal((await last.connect()).data.code, "max_sessions");
  for (const peer of peers) peer.close();
});

test("an operator sees the sessions of all, and revokes one in any of them", async () => {
  await using server = await serveTwo({ set: { ...MEMORY, "admin.port": 0 } });
  const { port } = await server.event("admin.listening");
  const admin = (...args: string[]) =>
    fxfer(["admin", "--door", `127.0.0.1:${port}`, ...args], { cwd: server.cwd });
  const peers = [await peerOf(server, 1), await peerOf(server, 2)];
  for (const peer of peers) assert.equal((await peer.connect()).data.code, "session_created");
  const { sessions } = JSON.parse((await admin("sessions", "--json")).out);
  const ids = peers.map(({ id }) => id!.slice(0, 8));
  assert.deepEqual(sessions.map(({ id }: { id: string }) => id).sort(), ids.toSorted());
  for (const peer of peers) {
    const { code, err } = await admin("sessions", "revoke", peer.id!.slice(0, 8));
    assert.equal(code, 0, err);
    assert.equal((await peer.reply()).data.code, "session_revoked");
    peer.close();
  }
});

/** Two workers and the user alice. */
async function withAlice(limits: { readonly bytes?: number } = {}) {
  await using opened = new AsyncDisposableStack();
  const dir = opened.use(await TempDir.make());
  const key = newKey("alice");
  const text = formatKeyLine({ key, can: ["put", "get", "list", "remove"], limits });
  await Deno.writeTextFile(dir.join("fxfer.keys"), `${text}\n`, { mode: 0o600 });
  const flags = WORKERS_RW.map((flag) =>
    flag.startsWith("--allow-read") ? `${flag},fxfer.keys` : flag
  );
  const server = opened.use(
    await serveTwo({ cwd: dir.path, flags, args: ["--keys", "fxfer.keys"], set: MEMORY }),
  );
  return Object.assign(opened.move(), { server, key });
}

test("S-KEY-3 a connect that one worker has seen is seen by the other", async () => {
  await using it = await withAlice();
  const shown = shownConnect(it.key);
  for (
    const [worker, code] of [[1, "ok"], [2, "replay_detected"], [1, "replay_detected"]] as const
  ) {
    using peer = await peerOf(it.server, worker);
    await peer.send(shown);
    assert.equal((await peer.reply()).data.code, code);
  }
});

test("a user's quota is one, wherever the connections fall", async () => {
  await using it = await withAlice({ bytes: 100_000 });
  const { port } = it.server;
  const random = new Random(1);
  const contents: Uint8Array[] = [];
  const sent = await Promise.all(Array.from({ length: 12 }, async () => {
    await using client = await connect({ port, key: formatKey(it.key), retries: 0 });
    const bytes = random.bytes(30_000);
    const done = await client.send(bytes).then(() => true, (error) => {
      assert.equal(error.code, "quota_exceeded");
      return false;
    });
    if (done) contents.push(bytes);
    return done;
  }));
  assert.equal(sent.filter(Boolean).length, 3, "three of 30,000 bytes fit into 100,000");
  const stored = await Deno.readTextFile(`${it.server.storage}/commits.jsonl`);
  assert.equal(stored.trim().split("\n").length, 3);
});

test("auto for both: as many as there are cores, and sessions in memory where nothing may be read", async () => {
  // A compiled program may read its storage, and has its sessions in SQLite.
  const set = { "server.workers": "auto", "logging.level": "debug" };
  await using server = await Program.serve({ flags: WORKERS_W, set });
  const { workers = 1 } = await server.event("server.listening");
  assert.equal(workers, navigator.hardwareConcurrency);
  const bytes = new Random(2).bytes(50_000);
  using first = await RawPeer.open(server);
  assert.equal((await first.connect()).data.code, "session_created");
  await first.send(first.transfer(bytes.subarray(0, 20_000), {}, { size: bytes.length }));
  first.close();
  // Wherever the next connection falls: it is told what is kept, and goes on there.
  await until(async () => {
    using peer = await RawPeer.open(server);
    const { data } = await peer.connect({}, first.id);
    assert.equal(data.code, "session_resumed");
    const offset = data.upload?.offset ?? 0;
    const { data: stored } = await peer.upload(bytes.subarray(offset), { offset });
    return stored.code === "ok";
  }, "the upload is finished");
  using again = await RawPeer.open(server);
  await again.connect({}, first.id);
  assert.equal((await again.upload("more")).data.code, "ok");
  await assertContents(server.storage, [bytes, utf8("more")]);
});
