/** What is told of sessions and transfers, where it happens: in process, with a store that fails. */
import assert from "node:assert/strict";
import type { ServerEvent } from "../../src/events.ts";
import { TOMBSTONE_MS } from "../../src/session/mod.ts";
import { EventLog } from "../helpers/event_log.ts";
import { sha256 } from "../helpers/files.ts";
import { expectCode, InProcess, type InProcessOptions } from "../helpers/in_process.ts";
import { Random } from "../helpers/random.ts";
import { frameV1, utf8 } from "../helpers/raw_frame.ts";

/** A server, and what it tells. */
async function start(options: InProcessOptions = {}) {
  const told = new EventLog<ServerEvent>();
  const run = await InProcess.start({ ...options, onEvent: (event) => told.push(event) });
  return { run, told, [Symbol.asyncDispose]: () => run[Symbol.asyncDispose]() };
}

/** The steps of a session, or of those without one: `type rule from → to`. */
function steps({ all }: EventLog<ServerEvent>, id: string | null): string[] {
  return all.filter((event) =>
    ("session" in event ? event.session : undefined) === id?.slice(0, 8) &&
    !/^(server|connection)\./.test(event.type)
  ).map((event) => {
    const { type, rule, ...rest } = event;
    const states = "from" in rest ? ` ${rest.from} → ${rest.to}` : "";
    return `${type} ${rule}${states}`;
  });
}

const isType = (type: ServerEvent["type"]) => (event: ServerEvent) => event.type === type;

/** Bytes that are streamed, and not gathered. */
const LARGE = new Random(1).bytes(300_000);

Deno.test("a session is told from its first step to its last, with rule and states", async () => {
  await using it = await start();
  const { run, told } = it;
  using first = await run.attached({ want_token: true });
  const { id } = first;
  expectCode(await first.upload(LARGE, { length: LARGE.length }), "ok");
  expectCode(await first.upload("small"), "ok");
  first.close();
  await told.wait(isType("session.detached"));
  const token = "not its token";
  using stranger = await run.open();
  expectCode(await stranger.connect({ token }, id), "unauthorized");
  assert.deepEqual(steps(told, id), [
    "session.created S-CON-1 Idle → Authenticated",
    "transfer.begun S-TRF-1 Authenticated → Active",
    "transfer.announced S-SEQ-5 Active → Active",
    "transfer.stored S-TRF-7 Active → Active",
    "transfer.announced S-SEQ-5 Active → Active",
    "transfer.stored S-TRF-7 Active → Active",
    "session.detached S-DIS-1 Active → Detached",
  ]);
  assert.deepEqual(steps(told, null), ["request.refused S-CON-5"]);
  // Plain data that gives nothing away.
  const text = JSON.stringify(structuredClone(told.all));
  assert.ok(!text.includes(id!) && !text.includes(token), text);
  const [stored] = told.all.filter((event) => event.type === "transfer.stored");
  assert.match(stored!.file!, /^file_1_.*\.bin$/);
});

Deno.test("a cut, a resume, a takeover and the end are told", async () => {
  await using it = await start();
  const { run, told } = it;
  using first = await run.attached();
  const { id } = first;
  const bytes = first.transfer(LARGE, { length: LARGE.length });
  await first.send(bytes.subarray(0, bytes.length - 100_000));
  first.close();
  await told.wait(isType("session.detached"));
  using _second = await run.attached({}, id);
  using third = await run.attached({}, id);
  expectCode(await third.heartbeat(), "pong");
  run.shiftMs += 50_000;
  expectCode(await third.heartbeat(), "pong");
  const rest = { offset: 200_000, length: LARGE.length };
  expectCode(await third.upload(LARGE.subarray(200_000), rest), "ok");
  expectCode(await third.disconnect(), "session_closed");
  assert.deepEqual(steps(told, id), [
    "session.created S-CON-1 Idle → Authenticated",
    "transfer.begun S-TRF-1 Authenticated → Active",
    "transfer.checkpointed S-TRF-4 Active → Active",
    "transfer.refused S-TRF-6",
    "session.detached S-DIS-1 Active → Detached",
    "session.resumed S-CON-2 Detached → Authenticated",
    "session.taken_over S-TAKE-2 Authenticated → Authenticated",
    "session.renewed S-CLK-4 Authenticated → Authenticated",
    "transfer.announced S-SEQ-5 Authenticated → Authenticated",
    "transfer.stored S-TRF-7 Authenticated → Active",
    "session.closed S-DIS-1 Active → Disconnected",
  ]);
  const resumed = told.all.find((event) => event.type === "session.resumed");
  assert.deepEqual(resumed, {
    ...{ type: "session.resumed", rule: "S-CON-2", connection: 2, session: id!.slice(0, 8) },
    ...{ from: "Detached", to: "Authenticated", epoch: 2, sequence: 0, offset: 200_000 },
    address: "127.0.0.1",
  });
  const closed = told.all.find((event) => event.type === "session.closed");
  assert.ok(closed?.type === "session.closed");
  assert.deepEqual([closed.files, closed.bytes, closed.messages], [1, LARGE.length, 2]);
});

Deno.test("what is only repeated is told as replayed: from the ring, and by the upload id", async () => {
  await using it = await start();
  const { run, told } = it;
  const data = { upload_id: crypto.randomUUID(), sha256: sha256(LARGE), length: LARGE.length };
  using peer = await run.attached();
  expectCode(await peer.upload(LARGE, data), "ok");
  expectCode(await peer.upload(LARGE, data, { sequence: 1 }), "ok");
  expectCode(await peer.upload(LARGE, data), "ok");
  // Without the digest in front the bytes must be read before anybody can tell.
  const { sha256: _, ...blind } = data;
  expectCode(await peer.upload(LARGE, blind), "ok");
  expectCode(await peer.stateless(LARGE, data), "ok");
  assert.deepEqual(steps(told, peer.id), [
    "session.created S-CON-1 Idle → Authenticated",
    "transfer.begun S-TRF-1 Authenticated → Active",
    "transfer.announced S-SEQ-5 Active → Active",
    "transfer.stored S-TRF-7 Active → Active",
    "transfer.replayed S-SEQ-1 Active → Active",
    "transfer.replayed S-TRF-9 Active → Active",
    "transfer.begun S-TRF-1 Active → Active",
    "transfer.dropped S-TRF-4 Active → Active",
    "transfer.replayed S-TRF-9 Active → Active",
  ]);
  assert.deepEqual(steps(told, null), ["transfer.replayed S-TRF-9"]);
});

Deno.test("a part, a cancel, a wrong digest and an end with an open file are told", async () => {
  await using it = await start();
  const { run, told } = it;
  using peer = await run.attached();
  expectCode(await peer.upload(LARGE, { complete: false }), "partial");
  expectCode(await peer.upload("", { cancel: true }), "partial");
  const wrong = { sha256: "0".repeat(64), length: LARGE.length };
  expectCode(await peer.upload(LARGE, wrong), "checksum_mismatch");
  expectCode(await peer.upload(LARGE, { complete: false }), "partial");
  expectCode(await peer.disconnect(), "session_closed");
  assert.deepEqual(steps(told, peer.id), [
    "session.created S-CON-1 Idle → Authenticated",
    "transfer.begun S-TRF-1 Authenticated → Active",
    "transfer.checkpointed S-TRF-4 Active → Active",
    "transfer.dropped S-TRF-4 Active → Active",
    "transfer.begun S-TRF-1 Active → Active",
    "transfer.dropped S-TRF-4 Active → Active",
    "transfer.refused S-TRF-5 Active → Active",
    "transfer.begun S-TRF-1 Active → Active",
    "transfer.checkpointed S-TRF-4 Active → Active",
    "session.closed S-DIS-1 Active → Disconnected",
    "transfer.dropped S-TRF-4 Disconnected → Disconnected",
  ]);
  const reasons = told.all.filter((event) => event.type === "transfer.dropped");
  assert.deepEqual(reasons.map(({ reason }) => reason), ["cancelled", "failed", "ended"]);
});

Deno.test("S-TRF-4 a frame of 8 MiB is checkpointed once, by its reply", async () => {
  await using it = await start();
  const { run, told } = it;
  using peer = await run.attached();
  const half = new Uint8Array(8 * 1024 * 1024);
  expectCode(await peer.upload(half, { complete: false }), "partial");
  expectCode(await peer.upload(half, { complete: false, offset: half.length }), "partial");
  const saves = told.all.filter(({ type }) => type === "transfer.checkpointed");
  assert.equal(saves.length, 2);
});

Deno.test("files without a session are told: whole ones, streamed ones, broken ones, version 1", async () => {
  await using it = await start();
  const { run, told } = it;
  using peer = await run.open();
  expectCode(await peer.stateless("small"), "ok");
  expectCode(await peer.stateless(LARGE), "ok");
  expectCode(await peer.stateless(LARGE, { sha256: "0".repeat(64) }), "checksum_mismatch");
  using old = await run.open();
  await old.send(frameV1(utf8("v1")), frameV1(LARGE).subarray(0, 200_000));
  await old.halfClose();
  await old.rest();
  await run.idle(1);
  assert.deepEqual(steps(told, null), [
    "transfer.stored S-TRF-7",
    "transfer.begun S-TRF-1",
    "transfer.stored S-TRF-7",
    "transfer.begun S-TRF-1",
    "transfer.dropped S-TRF-6",
    "transfer.refused S-TRF-5",
    "transfer.stored S-TRF-7",
    "transfer.begun S-TRF-1",
    "transfer.dropped S-TRF-6",
    "transfer.refused S-TRF-6",
  ]);
  const [small, , v1] = told.all.filter((event) => event.type === "transfer.stored");
  assert.match(small!.path!, /^received_/);
  assert.ok(small!.ms! >= 0 && small!.bytes === 5);
  assert.deepEqual([v1!.version, v1!.connection], [1, 2]);
  const stay = told.all.filter(({ type }) => type.startsWith("connection."));
  assert.deepEqual(stay.map(({ type }) => type), [
    "connection.opened",
    "connection.opened",
    "connection.closed",
  ]);
});

Deno.test("what expires, is forgotten, or must make room is told, and so is the limit", async () => {
  await using it = await start({ stateful: { maxSessions: 1, sessionTimeoutMs: 60_000 } });
  const { run, told } = it;
  using first = await run.attached();
  const { id } = first;
  expectCode(await first.upload(LARGE, { complete: false }), "partial");
  first.close();
  await run.idle();
  run.shiftMs += 60_001;
  using second = await run.attached(); // nothing but a sweep makes room
  expectCode(await second.disconnect(), "session_closed");
  using third = await run.attached();
  run.shiftMs += TOMBSTONE_MS;
  using other = await run.open();
  expectCode(await other.connect(), "max_sessions");
  expectCode(await other.connect({ fallback: "stateless" }), "ok");
  assert.deepEqual(steps(told, id).slice(-4), [
    "session.detached S-DIS-1 Active → Detached",
    "session.expired S-CLK-1 Detached → Timeout",
    "transfer.dropped S-TRF-4 Timeout → Timeout",
    "session.forgotten S-CON-4 Timeout → Cleanup",
  ]);
  assert.equal(steps(told, second.id).at(-1), "session.forgotten S-CON-4 Disconnected → Cleanup");
  assert.equal(
    steps(told, third.id).at(-1),
    "session.renewed S-CLK-4 Authenticated → Authenticated",
  );
  const { connection } = await told.wait(isType("limit.reached")) as ServerEvent<"limit.reached">;
  const limit = { connection, limit: "max_sessions", code: "max_sessions" } as const;
  assert.deepEqual(told.all.filter(({ type }) => /limit|refused|degraded/.test(type)), [
    { type: "limit.reached", ...limit },
    {
      ...{ type: "request.refused", rule: "S-DEG-1", connection, code: "max_sessions" },
      address: "127.0.0.1",
      reason: "Cannot create session: max_sessions are alive",
    },
    { type: "limit.reached", ...limit },
    { type: "connection.degraded", rule: "S-DEG-1", connection, code: "max_sessions" },
  ]);
});

Deno.test("a clean start closes the old session, and says so", async () => {
  await using it = await start();
  const { run, told } = it;
  using first = await run.attached();
  first.close();
  await run.idle();
  using second = await run.open();
  expectCode(await second.connect({ clean: true }, first.id), "session_created");
  assert.equal(steps(told, first.id).at(-1), "session.closed S-CON-3 Detached → Disconnected");
  assert.deepEqual(steps(told, second.id), ["session.created S-CON-1 Idle → Authenticated"]);
});

Deno.test("limits tell which setting they are", async () => {
  await using it = await start({
    maxConnections: 2,
    maxRequestSize: 1000,
    rate: { connectionsPerSecond: 100, sessionsPerMinute: 1 },
    stateful: { maxUploadSize: 500, sessionQuota: 100 },
    disk: { budget: 600 },
    degradeAbove: { sessions: 50 },
  });
  const { run, told } = it;
  using peer = await run.attached();
  expectCode(await peer.upload(new Uint8Array(1001)), "too_large");
  expectCode(await peer.upload(new Uint8Array(501), undefined, { sequence: 1 }), "too_large");
  expectCode(await peer.upload(new Uint8Array(101), undefined, { sequence: 1 }), "quota_exceeded");
  expectCode(await peer.stateless(new Uint8Array(1001)), "too_large");
  expectCode(await peer.stateless(new Uint8Array(601)), "storage_full");
  using other = await run.open();
  expectCode(await other.connect(), "rate_limited");
  using third = await run.open();
  expectCode(await third.reply(), "too_many_connections");
  const limits = told.all.filter((event) => event.type === "limit.reached");
  assert.deepEqual(limits.map(({ limit, code }) => `${limit} ${code}`), [
    "max_request_size too_large",
    "max_upload_size too_large",
    "session_quota quota_exceeded",
    "max_request_size too_large",
    "storage storage_full",
    "sessions_per_minute rate_limited",
    "max_connections too_many_connections",
  ]);
  const { address } = await told.wait(isType("connection.refused")) as ServerEvent<
    "connection.refused"
  >;
  assert.equal(address, "127.0.0.1");
});

Deno.test("a store that is lost and back is told once each (S-DEG-2)", async () => {
  await using it = await start();
  const { run, told } = it;
  using peer = await run.attached();
  run.flaky.down = true;
  using other = await run.open();
  expectCode(await other.connect(), "store_unavailable");
  expectCode(await peer.upload("lost"), "store_unavailable");
  run.flaky.down = false;
  expectCode(await peer.upload("back", undefined, { sequence: 1 }), "ok");
  expectCode(await other.connect(), "session_created");
  run.flaky.failSave("before");
  expectCode(await peer.upload("lost"), "store_unavailable");
  expectCode(await other.upload("back"), "ok");
  const found = told.all.filter(({ type }) => type.startsWith("store."));
  assert.deepEqual(found.map(({ type, rule }) => `${type} ${rule}`), [
    "store.lost S-DEG-2",
    "store.back S-DEG-2",
    "store.lost S-DEG-2",
    "store.back S-DEG-2",
  ]);
  assert.match((found[0] as ServerEvent<"store.lost">).cause, /the test has switched it off/);
  assert.equal((found[1] as ServerEvent<"store.back">).store, "flaky");
});

for (const tier of ["RW", "W"] as const) {
  Deno.test(`a commit that was cut short is told when it is brought to its end, tier ${tier}`, async () => {
    const paths: string[] = [];
    await using it = await start({ disk: { tier }, onStored: ({ path }) => paths.push(path) });
    const { run, told } = it;
    using peer = await run.attached();
    run.flaky.failSave("before", ({ lastSequence }) => lastSequence === 1);
    expectCode(await peer.upload("its commit fails"), "store_unavailable");
    assert.deepEqual(paths, []);
    const again = expectCode(
      await peer.upload("its commit fails", undefined, { sequence: 1 }),
      "ok",
    );
    assert.deepEqual(paths, [again.file.path]);
    const stored = told.all.filter((event) => event.type === "transfer.stored");
    assert.deepEqual(stored.map(({ recovered }) => recovered), [true]);
    assert.equal(steps(told, peer.id).at(-1), "transfer.replayed S-SEQ-1 Active → Active");
  });
}
