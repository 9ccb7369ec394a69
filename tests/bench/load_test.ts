import assert from "node:assert/strict";
import { renderTable, rowOf, runLoad, SCENARIOS } from "../../src/bench/mod.ts";
import { Frames } from "../../src/bench/frames.ts";
import { ReplyScanner } from "../../src/bench/reply_scanner.ts";
import { Decoder, encodeReply, encodeV1Results } from "../../src/protocol/mod.ts";
import { readManifest, sha256 as sha256Of } from "../helpers/files.ts";
import { InProcess } from "../helpers/in_process.ts";
import { pure } from "../helpers/pure.ts";
import { TempDir } from "../helpers/temp.ts";
import { contenders } from "./contenders.ts";
import { median, medianRow, SCENARIO_NAMES } from "./measure.ts";
import { BenchServer } from "./server.ts";

const ID = "3f2b8c1e-9d4a-4c6b-8e1f-0a2b3c4d5e6f";
const plan = { hostname: "127.0.0.1", port: 1, connections: 1, requests: 12, size: 1000 } as const;

pure("Frames are what the protocol's own decoder reads, numbered from 1", () => {
  const frames = new Frames({ ...plan, wire: "stateful" }, ID);
  const decoder = new Decoder();
  for (let sequence = 1; sequence <= 12; sequence++) {
    const [request, payload] = decoder.push(frames.next());
    assert.ok(request?.type === "request" && payload?.type === "payload");
    const { header } = request.request;
    const wanted = { id: ID, mode: "stateful", sequence, action: "transfer", dataSize: 0 };
    assert.deepEqual(header.session, wanted);
    assert.deepEqual([header.size, payload.bytes.length], [1000, 1000]);
  }
  assert.equal(frames.made, 12);
});

pure("The frames of one large file join without a gap and end it", () => {
  const size = 100_000;
  const frames = new Frames({ ...plan, wire: "stateful", size, requests: 3, oneFile: true }, ID);
  const decoder = new Decoder();
  const seen: unknown[] = [];
  for (let i = 0; i < 3; i++) {
    for (const bytes of [frames.next(), ...frames.pieces()]) {
      for (const event of decoder.push(bytes)) {
        assert.notEqual(event.type, "fault");
        if (event.type !== "request" || event.request.action !== "transfer") continue;
        const { offset, length, complete } = event.request.data;
        seen.push([offset, length, complete]);
      }
    }
  }
  const length = 300_000;
  assert.deepEqual(seen, [[0, length, false], [size, length, false], [2 * size, length, true]]);
});

/** The codes found when the bytes come in pieces of `step`. */
function scan(scanner: ReplyScanner, bytes: Uint8Array, step: number): string[] {
  const codes: string[] = [];
  for (let at = 0; at < bytes.length; at += step) {
    const part = bytes.subarray(at, at + step);
    scanner.room().set(part);
    scanner.filled(part.length);
    for (let code; (code = scanner.next()) !== undefined;) codes.push(code);
  }
  return codes;
}

pure("ReplyScanner.next() finds every reply's code, however the bytes are split", () => {
  const header = { id: ID, mode: "stateful", sequence: 1, action: "transfer" } as const;
  const replies = [
    encodeReply(header, { code: "ok", file: { path: "a", size: 1, sha256: "", mime_type: "a/b" } }),
    encodeReply(header, { code: "sequence_gap", expected: 7 }),
    encodeReply(header, { code: "session_created" }),
  ];
  const all = new Uint8Array(replies.flatMap((reply) => [...reply]));
  for (const step of [1, 7, 300, all.length]) {
    const scanner = new ReplyScanner("stateful");
    assert.deepEqual(scan(scanner, all, step), ["ok", "sequence_gap", "session_created"]);
    assert.equal(scanner.id, ID);
  }
});

pure("ReplyScanner.next() reads the lines of version 1", () => {
  const lines = encodeV1Results([{ ok: true, path: "a.bin" }, { ok: false, text: "too large" }]);
  const codes = scan(new ReplyScanner("v1"), lines, 3);
  assert.deepEqual(codes, ["ok", "v1_error"]);
});

pure("renderTable() leaves out what nobody measured", () => {
  const row = { scenario: "B", contender: "x", value: 1234.5, unit: "files/s", errors: 0 };
  assert.deepEqual(renderTable([row]), [
    "| scenario | contender |        result | errors |",
    "| -------- | --------- | ------------: | -----: |",
    "| B        | x         | 1,235 files/s |      0 |",
  ]);
  assert.match(renderTable([{ ...row, p99Ms: 0.5 }])[2]!, /\| +0\.50 \|/);
});

pure("medianRow() takes the middle of every column and adds up errors", () => {
  const row = { scenario: "B", contender: "x", unit: "files/s" };
  assert.deepEqual(
    medianRow([
      { ...row, value: 5, cpuUs: 1, errors: 0 },
      { ...row, value: 1, cpuUs: 9, errors: 2 },
      { ...row, value: 3, cpuUs: 2, errors: 1 },
    ]),
    { ...row, value: 3, cpuUs: 2, errors: 3 },
  );
  assert.equal(median([4, 1]), 2.5);
});

pure("Every scenario of a contender exists", () => {
  for (
    const { name, scenarios } of contenders({
      url: "redis://127.0.0.1:1",
      command: () => Promise.resolve(),
    })
  ) {
    const unknown = scenarios.filter((scenario) => !SCENARIO_NAMES.includes(scenario));
    assert.deepEqual(unknown, [], name);
  }
});

Deno.test("Every scenario runs in every wire without an error, and stores what it says", async () => {
  await using server = await InProcess.start({
    maxConnections: 1000,
    v1Ack: "each",
    maxRequestSize: 2 ** 30,
    stateful: { maxSessions: 1000 },
  });
  const { hostname, port } = server.server.addr;
  let stored = 0;
  for (const scenario of SCENARIOS) {
    for (const wire of ["stateless", "stateful", "v1"] as const) {
      const shape = scenario.shape(wire, 100);
      const result = await runLoad({ hostname, port, wire, ...shape });
      const requests = shape.requests * (shape.reconnect ? 1 : shape.connections);
      assert.deepEqual([result.errors, result.done], [{}, requests], `${scenario.name} ${wire}`);
      assert.equal(result.payloadBytes, requests * shape.size);
      assert.ok(result.sentBytes > result.payloadBytes && result.receivedBytes > 0);
      assert.ok(result.p50Ms > 0 && result.p50Ms <= result.p99Ms && result.p99Ms <= result.maxMs);
      const row = rowOf(scenario, wire, result);
      assert.ok(row.value > 0 && row.errors === 0);
      stored += shape.oneFile ? 1 : requests;
    }
  }
  assert.equal((await readManifest(server.folder)).length, stored);
  let alive = 0;
  for await (const { state } of server.flaky.list()) if (state !== "closed") alive++;
  assert.equal(alive, 0, "no session is left behind");
});

Deno.test("The bare server stores whole files with their digests, in every scenario", async () => {
  const bare = contenders(undefined).find(({ name }) => name === "bare")!;
  await using dir = await TempDir.make();
  await using server = await BenchServer.start(dir.path, bare);
  const { hostname, port, folder } = server;
  let sent = 0;
  for (const scenario of SCENARIOS) {
    const shape = scenario.shape("stateless", 50);
    const { errors, done } = await runLoad({ hostname, port, wire: "stateless", ...shape });
    assert.deepEqual(errors, {}, scenario.name);
    sent += done;
  }
  const listed = await readManifest(folder.path);
  assert.equal(listed.length, sent);
  for (const { path, size, sha256 } of listed) {
    const bytes = await Deno.readFile(`${folder.path}/${path}`);
    assert.deepEqual([bytes.length, sha256Of(bytes)], [size, sha256]);
  }
});

Deno.test("What a server refuses is counted by code, and ends the load", async () => {
  await using server = await InProcess.start({ maxRequestSize: 100, maxConnections: 3 });
  const { hostname, port } = server.server.addr;
  const load = { hostname, port, wire: "stateless", requests: 2 } as const;
  const large = await runLoad({ ...load, connections: 1, size: 101 });
  assert.deepEqual([large.done, large.errors], [0, { too_large: 2 }]);
  const many = await runLoad({ ...load, connections: 5, size: 10 });
  assert.ok((many.errors.too_many_connections ?? 0) >= 1, JSON.stringify(many.errors));
});

Deno.test("A load that nobody answers counts connection_lost", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { hostname, port } = listener.addr;
  listener.close();
  const load = { hostname, port, wire: "stateful", connections: 2, requests: 1, size: 1 } as const;
  assert.deepEqual((await runLoad(load)).errors, { connection_lost: 2 });
});

Deno.test("A load that takes too long is cut and says so", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { hostname, port } = listener.addr;
  const accepted = listener.accept();
  const load = { hostname, port, wire: "stateless", connections: 1, requests: 1, size: 1 } as const;
  const { errors } = await runLoad({ ...load, timeoutMs: 50 });
  (await accepted).close();
  assert.deepEqual(errors, { timeout: 1 });
});
