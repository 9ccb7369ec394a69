import assert from "node:assert/strict";
import { type ClientEvent, connect, fileSource } from "../../src/client/mod.ts";
import { V1Sender } from "../../src/client/v1_sender.ts";
import { resolveOptions } from "../../src/client/options.ts";
import { OutgoingFile } from "../../src/client/outgoing_file.ts";
import type { ConnectionPlan, Fault } from "../helpers/fault_proxy.ts";
import { listStored, sha256, storedSha256 } from "../helpers/files.ts";
import { Random } from "../helpers/random.ts";
import { TempDir } from "../helpers/temp.ts";
import { code, pattern } from "./scripted_peer.ts";
import { quick, streamOf, watched } from "./helpers.ts";
import { Live } from "./live.ts";

/** Small frames, so that cuts fall into, between and behind them. */
const FRAMES = { maxRequestSize: 20_000 };

/** Sends three files through cuts, and checks that each is stored whole, once. */
async function sendThrough(
  live: Live,
  plans: ConnectionPlan[],
  mode: "stateful" | "stateless",
): Promise<ClientEvent[]> {
  const before = (await listStored(live.dir)).length;
  await using proxy = await live.proxy(...plans);
  await using it = await watched(proxy.port, { mode, retries: 20 });
  const files = mode === "stateful"
    ? [pattern(10, 1), pattern(90_000, 2), pattern(0, 3), pattern(20_000, 4)]
    : [pattern(10, 1), pattern(20_000, 2), pattern(0, 3), pattern(15_000, 4)];
  const results = await Promise.all(
    files.map((bytes, n) => it.client.send(n % 2 === 0 ? bytes : new Blob([bytes]))),
  );
  const last = await it.client.send(streamOf(files[1]!.slice(0, 7000), files[1]!.slice(7000)));
  for (const [n, result] of [...results, last].entries()) {
    const wanted = sha256(files[n] ?? files[1]!);
    assert.equal(result.sha256, wanted);
    assert.equal(await storedSha256(live.dir, result.file!.path), wanted);
  }
  await it.client.disconnect();
  assert.equal((await listStored(live.dir)).length - before, 5, "each file is stored once");
  return it.events.all;
}

for (const kind of ["reset", "close"] as const) {
  Deno.test(`a ${kind} at any point of the way up: every file is stored once, whole`, async () => {
    await using live = await Live.start(FRAMES);
    for (const after of [0, 1, 200, 400, 900, 10_000, 21_000, 40_000, 90_500, 112_000]) {
      await sendThrough(live, [{ up: { faults: [{ kind, after }] } }], "stateful");
    }
  });

  Deno.test(`a ${kind} at any point of the way down: every file is stored once, whole`, async () => {
    await using live = await Live.start(FRAMES);
    for (const after of [0, 1, 300, 700, 900, 1200, 1500, 1800, 2200, 3000]) {
      await sendThrough(live, [{ down: { faults: [{ kind, after }] } }], "stateful");
    }
  });
}

Deno.test("cuts at seeded random points, many in a row: every file is stored once, whole", async () => {
  await using live = await Live.start(FRAMES);
  for (let seed = 1; seed <= 12; seed++) {
    const random = new Random(seed);
    const plans = Array.from({ length: 6 }, (): ConnectionPlan => {
      const kind = random.pick<Fault["kind"]>(["reset", "close", "half-close"]);
      const up = random.int(0, 1) === 0;
      const after = random.int(0, up ? 60_000 : 2500);
      const rules = { chunk: random.int(1000, 9000), faults: [{ kind, after }] };
      return up ? { up: rules } : { down: rules };
    });
    await sendThrough(live, plans, "stateful").catch((cause) => {
      throw new Error(`Seed ${seed} failed`, { cause });
    });
  }
});

Deno.test("stateless: cuts at seeded random points store every file once (S-TRF-9)", async () => {
  await using live = await Live.start(FRAMES);
  for (let seed = 1; seed <= 8; seed++) {
    const random = new Random(seed);
    const plans = Array.from({ length: 3 }, (): ConnectionPlan => {
      const kind = random.pick<Fault["kind"]>(["reset", "close"]);
      return random.int(0, 1) === 0
        ? { up: { faults: [{ kind, after: random.int(300, 36_000) }] } }
        : { down: { faults: [{ kind, after: random.int(300, 2500) }] } };
    });
    // The stream in it is too large for one request.
    await using proxy = await live.proxy(...plans);
    const before = (await listStored(live.dir)).length;
    await using it = await watched(proxy.port, { mode: "stateless", retries: 20 });
    const files = [pattern(10, 1), pattern(20_000, 2), pattern(0, 3), pattern(15_000, 4)];
    await Promise.all(files.map((bytes) => it.client.send(bytes)));
    await it.client.disconnect();
    assert.equal((await listStored(live.dir)).length - before, 4, `seed ${seed}`);
  }
});

Deno.test("a black hole is noticed by the keep-alive, and the file goes on", async () => {
  await using live = await Live.start();
  await using proxy = await live.proxy({
    up: { faults: [{ kind: "black-hole", after: 300_000 }] },
  });
  await using it = await watched(proxy.port, { keepaliveS: 1 });
  const bytes = pattern(1_000_000);
  const result = await it.client.send(bytes);
  assert.equal(await storedSha256(live.dir, result.file!.path), sha256(bytes));
  assert.equal(result.resumedFrom.length, 1);
});

Deno.test("an interrupted file goes on in another client from where the server has it", async () => {
  await using live = await Live.start();
  await using folder = await TempDir.make();
  const bytes = pattern(3_000_000);
  await Deno.writeFile(folder.join("source.bin"), bytes);
  await using proxy = await live.proxy({ up: { faults: [{ kind: "stall", after: 1_500_000 }] } });
  const uploadId = crypto.randomUUID();
  const abort = new AbortController();
  await using first = await watched(proxy.port, { signal: abort.signal });
  const source = await fileSource(folder.join("source.bin"));
  const sent = first.client.send(source, {
    uploadId,
    onProgress: ({ sent }) => sent >= 2_000_000 && abort.abort(),
  });
  await assert.rejects(sent, code("interrupted"));
  proxy.release();
  const { sessionId, token } = first.client;
  await using second = await watched(live.port, { sessionId: sessionId!, token: token! });
  const result = await second.client.send(await fileSource(folder.join("source.bin")), {
    uploadId,
  });
  assert.ok(result.resumedFrom[0]! > 0 && result.resumedFrom[0]! < 3_000_000);
  assert.equal(await storedSha256(live.dir, result.file!.path), sha256(bytes));
  assert.deepEqual((await second.client.disconnect())?.files, 1);
});

Deno.test("a file that changed between two tries is source_changed, and nothing is published", async () => {
  await using live = await Live.start();
  await using folder = await TempDir.make();
  const path = folder.join("source.bin");
  await Deno.writeFile(path, pattern(3_000_000));
  await using proxy = await live.proxy({ up: { faults: [{ kind: "reset", after: 1_500_000 }] } });
  await using it = await watched(proxy.port, {
    onEvent: (event) => {
      if (event.type === "connection_lost") Deno.writeFileSync(path, pattern(3_000_000, 2));
    },
  });
  await assert.rejects(it.client.send(await fileSource(path)), code("source_changed"));
  assert.deepEqual(await listStored(live.dir), []);
  assert.equal((await it.client.send(pattern(10))).confirmed, true); // the part is dropped first
  await it.client.disconnect();
});

Deno.test("a second client takes the session over, the first is told (S-TAKE-3, S-TAKE-5)", async () => {
  await using live = await Live.start();
  await using first = await watched(live.port);
  const { sessionId, token } = first.client;
  await first.client.send(pattern(5));
  await using second = await watched(live.port, { sessionId: sessionId!, token: token! });
  await first.events.wait((event) =>
    event.type === "notice" && event.code === "session_taken_over"
  );
  await assert.rejects(first.client.send(pattern(6)), code("session_taken_over"));
  assert.equal((await second.client.send(pattern(7))).confirmed, true);
});

Deno.test("auto falls back to stateless when no session is to be had (S-DEG-1)", async () => {
  await using live = await Live.start({ stateful: { maxSessions: 1 } });
  await using first = await watched(live.port);
  await using second = await watched(live.port);
  assert.deepEqual([first.client.mode, second.client.mode], ["stateful", "stateless"]);
  assert.deepEqual(second.events.all[0], { type: "degraded", reason: "max_sessions" });
  assert.match((await second.client.send(pattern(5))).file!.path, /^received_/);
});

Deno.test("an upload id that was stored before answers replayed in another session (S-TRF-9)", async () => {
  await using live = await Live.start(FRAMES);
  const uploadId = crypto.randomUUID();
  const bytes = pattern(90_000);
  await using first = await watched(live.port);
  const one = await first.client.send(bytes, { uploadId });
  await using second = await watched(live.port);
  const two = await second.client.send(bytes, { uploadId, sha256: sha256(bytes) });
  assert.deepEqual([one.replayed, two.replayed], [false, true]);
  assert.deepEqual(two.file, one.file);
  const other = second.client.send(pattern(5), { uploadId, sha256: sha256(pattern(5)) });
  await assert.rejects(other, code("sequence_reuse"));
  assert.equal((await listStored(live.dir)).length, 1);
});

Deno.test("a wrong sha256 is refused by the server, and the next file goes on (S-TRF-5)", async () => {
  await using live = await Live.start(FRAMES);
  await using it = await watched(live.port);
  const wrong = { sha256: sha256(pattern(1)) };
  const sends = [
    it.client.send(pattern(90_000), wrong),
    it.client.send(pattern(10), wrong),
    it.client.send(pattern(50)),
  ];
  await assert.rejects(sends[0]!, code("checksum_mismatch"));
  await assert.rejects(sends[1]!, code("checksum_mismatch"));
  assert.equal((await sends[2]!).confirmed, true);
  assert.equal((await listStored(live.dir)).length, 1);
});

Deno.test("a refused large file does not disturb those behind it (S-TRF-8)", async () => {
  await using live = await Live.start({ ...FRAMES, stateful: { maxUploadSize: 50_000 } });
  await using it = await watched(live.port);
  // Of unknown length, so that only the server can tell.
  const large = it.client.send(streamOf(pattern(30_000), pattern(60_000)));
  const small = it.client.send(pattern(10));
  await assert.rejects(large, code("too_large"));
  assert.equal((await small).confirmed, true);
});

Deno.test("version 1 against this server: stored, and told after the end (S-VER-3)", async () => {
  await using live = await Live.start();
  const sender = new V1Sender({ hostname: "127.0.0.1", port: live.port }, await resolveOptions({}));
  const files = [5, 100_000].map((size) =>
    new OutgoingFile(pattern(size), { mimeType: "image/png" })
  );
  for (const file of files) sender.add(file);
  for (const file of files) assert.equal((await file.result).confirmed, false);
  await sender.disconnect();
  assert.equal((await listStored(live.dir)).filter((path) => path.endsWith(".png")).length, 2);
});

Deno.test("many files at once over one connection, in both modes", async () => {
  await using live = await Live.start();
  for (const mode of ["stateful", "stateless"] as const) {
    await using it = await watched(live.port, { mode });
    const sends = Array.from({ length: 200 }, (_, n) => it.client.send(pattern(n * 7, n)));
    for (const [n, result] of (await Promise.all(sends)).entries()) {
      assert.equal(await storedSha256(live.dir, result.file!.path), sha256(pattern(n * 7, n)));
    }
    await it.client.disconnect();
  }
  assert.equal((await listStored(live.dir)).length, 400);
});

Deno.test("connect() to a stateless server from auto, and refused from stateful", async () => {
  await using live = await Live.start({ mode: "stateless" });
  await using it = await watched(live.port);
  assert.equal(it.client.mode, "stateless");
  await assert.rejects(connect(quick(live.port, { mode: "stateful" })), code("mode_not_allowed"));
});
