/** A storage without capabilities, alone and behind a server: what users then lose, and what they do not. @module */
import assert from "node:assert/strict";
import { connect } from "../../mod.ts";
import { sha256 } from "../helpers/files.ts";
import { FaultProxy } from "../helpers/fault_proxy.ts";
import { expectCode, InProcess } from "../helpers/in_process.ts";
import { Random } from "../helpers/random.ts";
import { storageSuite } from "../storage_suite.ts";
import { MemoryStorage } from "./memory_storage.ts";

storageSuite("MemoryStorage", () => {
  const storage = new MemoryStorage();
  return Promise.resolve({
    storage,
    read: (path) => Promise.resolve(new Uint8Array(storage.files.get(path)!)),
    files: () => Promise.resolve([...storage.files.keys()]),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  });
}, {
  partials: "bytes end with their upload",
  read: "bytes end with their upload",
  recover: "bytes end with their upload",
  find: "it remembers no upload ids",
  refresh: "it remembers no upload ids",
  sweep: "nothing is left to be swept",
  gather: "it has no step that several files could share",
  data: "there is no disk to flush to",
  durable: "there is no disk to flush to",
  budget: "it has no limit",
  memory: "memory ends with its process",
  list: "its map of files is the list",
  names: "it names files by random UUIDs",
});

const SIZE = 300_000;
const UPLOAD = "6f9619ff-8b86-4d01-b42d-000000000001";

/** A server on a {@linkcode MemoryStorage}. */
async function start(): Promise<{ run: InProcess; memory: MemoryStorage } & AsyncDisposable> {
  const memory = new MemoryStorage();
  const run = await InProcess.start({ storage: () => memory });
  return { run, memory, [Symbol.asyncDispose]: () => run[Symbol.asyncDispose]() };
}

function assertKept({ files }: MemoryStorage, ...contents: readonly Uint8Array[]): void {
  const found = Array.from(files.values(), sha256);
  assert.deepEqual(found.sort(), contents.map(sha256).sort());
}

for (const mode of ["stateful", "stateless"] as const) {
  Deno.test(`MemoryStorage serves a client, ${mode}, and the terms tell of no upload ids`, async () => {
    await using at = await start();
    const payloads = [0, 1, SIZE, 11_000_000].map((size) => new Random(size).bytes(size));
    await using client = await connect({ port: at.run.port, mode });
    for (const payload of payloads.slice(0, mode === "stateful" ? 4 : 3)) {
      const { confirmed, file } = await client.send(payload);
      assert.deepEqual([confirmed, file?.sha256], [true, sha256(payload)]);
    }
    assertKept(at.memory, ...payloads.slice(0, mode === "stateful" ? 4 : 3));
    const { server } = client.terms!;
    assert.deepEqual([server.tier, server.upload_ids], ["memory", false]);
    await client.disconnect();
  });
}

Deno.test("MemoryStorage: a client's upload goes on after a cut while its server lives (S-TRF-4)", async () => {
  await using at = await start();
  await using proxy = await FaultProxy.listen({
    target: { hostname: "127.0.0.1", port: at.run.port },
    plan: (connection) => ({
      up: { faults: connection === 0 ? [{ after: SIZE, kind: "reset" }] : [] },
    }),
  });
  const payload = new Random(2).bytes(4 * SIZE);
  await using client = await connect({ port: proxy.port, mode: "stateful" });
  const { file, resumedFrom } = await client.send(payload);
  assert.equal(file?.sha256, sha256(payload));
  assert.ok(resumedFrom.length === 1, "one cut");
  assertKept(at.memory, payload);
});

Deno.test("MemoryStorage: after a restart of the server an upload starts over at offset 0 (S-TRF-1)", async () => {
  await using at = await start();
  const { run } = at;
  const payload = new Random(3).bytes(SIZE);
  using peer = await run.attached();
  const bytes = peer.transfer(payload, { length: SIZE });
  await peer.send(bytes.subarray(0, bytes.length - 1000));
  peer.close();
  await run.idle();
  using cut = await run.attached({}, peer.id);
  assert.equal((await run.record(peer.id)).upload?.offset, SIZE - 1000, "the process has it open");
  cut.close();
  await run.idle();

  await run.restart();
  using again = await run.open();
  const { upload, next_sequence } = expectCode(
    await again.connect({}, peer.id),
    "session_resumed",
  );
  assert.deepEqual([upload, next_sequence], [null, 1]);
  const offset = SIZE - 1000;
  const rest = await again.upload(payload.subarray(offset), { offset, length: SIZE }, {
    sequence: 1,
  });
  assert.equal(expectCode(rest, "offset_mismatch").offset, 0);
  expectCode(await again.upload(payload, { length: SIZE }, { sequence: 1 }), "ok");
  assertKept(at.memory, payload);
});

Deno.test("MemoryStorage: a retry whose first reply was lost stores twice without a session (S-TRF-9)", async () => {
  await using at = await start();
  const payload = new Random(4).bytes(1000);
  const data = { upload_id: UPLOAD, sha256: sha256(payload) };
  for (let tries = 0; tries < 2; tries++) {
    using peer = await at.run.open();
    assert.equal(expectCode(await peer.stateless(payload, data), "ok").replayed, undefined);
  }
  assertKept(at.memory, payload, payload);
  // A session answers a repeated frame from its own record, whatever the storage remembers (S-SEQ-1).
  using peer = await at.run.attached();
  expectCode(await peer.upload(payload, data), "ok");
  const again = await peer.upload(payload, data, { sequence: 1 });
  assert.equal(expectCode(again, "ok").replayed, true);
  assertKept(at.memory, payload, payload, payload);
});

Deno.test("MemoryStorage: a commit cut short runs again with the retry (S-SEQ-5)", async () => {
  await using at = await start();
  const { run } = at;
  const payload = new Random(5).bytes(SIZE);
  using peer = await run.attached();
  run.flaky.failSave("before", (record) => record.lastSequence === 1);
  expectCode(await peer.upload(payload), "store_unavailable");
  peer.close();
  await run.idle();
  assert.notEqual((await run.record(peer.id)).intent, null);
  await run.restart();
  using again = await run.open();
  const { next_sequence } = expectCode(await again.connect({}, peer.id), "session_resumed");
  assert.equal(next_sequence, 1);
  expectCode(await again.upload(payload, undefined, { sequence: 1 }), "ok");
  assertKept(at.memory, payload, payload);
  assert.equal((await run.record(peer.id)).filesTransferred, 1);
});
