/** The doors of `serve` for embedding programs: handler, authorize, onEvent, onStored, events. */
import assert from "node:assert/strict";
import { Events, FxferError, type ServerEvent, type Stored } from "../../mod.ts";
import { DiskStorage, MemorySessionStore, serve, silentLogger } from "../../mod.ts";
import { createLogger, type LogEvent } from "../../src/log.ts";
import type { Authorize } from "../../src/server/mod.ts";
import { sha256 } from "../helpers/files.ts";
import { expectCode, InProcess } from "../helpers/in_process.ts";
import { Random } from "../helpers/random.ts";
import { frame, frameV1, utf8 } from "../helpers/raw_frame.ts";
import { TempDir } from "../helpers/temp.ts";

const LARGE = new Random(1).bytes(300_000);
const deny = () => {
  throw new FxferError("mode_not_allowed", "Cannot serve: not today");
};

Deno.test("handler wraps the built-in one: it sees requests and answers, and hears of the end", async () => {
  const seen: string[] = [];
  await using run = await InProcess.start({
    handler: (builtIn) => ({
      async handle(request, context) {
        if (request.version === 1) deny();
        const reply = await builtIn.handle(request, context);
        seen.push(`${context.connectionId} ${reply.body.code}`);
        return { ...reply, body: { ...reply.body, house: "ours" } };
      },
      closed(context) {
        seen.push(`${context.connectionId} closed`);
        return builtIn.closed?.(context);
      },
    }),
  });
  {
    using peer = await run.attached();
    assert.equal(expectCode(await peer.upload(LARGE), "ok").house, "ours");
    assert.equal(expectCode(await peer.stateless("x"), "ok").house, "ours");
  }
  await run.idle();
  using old = await run.open();
  await old.send(frameV1(utf8("v1")));
  await old.halfClose();
  assert.match(await old.rest(), /^ERROR /);
  await run.idle();
  assert.deepEqual(seen, ["1 session_created", "1 ok", "1 ok", "1 closed", "2 closed"]);
  for await (const { state } of run.flaky.list()) {
    assert.equal(state, "detached", "the built-in handler heard of the end, too");
  }
});

Deno.test("a handler that cannot be made leaves nothing open", () => {
  const storage = { sweep: undefined } as unknown as DiskStorage;
  const broken = () => {
    throw new RangeError("no handler");
  };
  const store = new MemorySessionStore();
  assert.throws(() => serve({ storage, store, port: 0, handler: broken }), /no handler/);
});

/** What is answered to each kind of request, under a door that is shut. */
const SHUT: readonly (readonly [name: string, authorize: Authorize, code: string])[] = [
  ["false", () => false, "unauthorized"],
  ["a promise of false", () => Promise.resolve(false), "unauthorized"],
  ["an FxferError", deny, "mode_not_allowed"],
  ["a rejection with one", () => Promise.reject(new FxferError("busy")), "busy"],
];

for (const [name, authorize, code] of SHUT) {
  Deno.test(`authorize that gives ${name} refuses every request before its payload is read`, async () => {
    let open = true;
    const stored: Stored[] = [];
    await using run = await InProcess.start({
      authorize: (request, context) => open || authorize(request, context),
      onStored: (file) => stored.push(file),
    });
    using peer = await run.attached();
    open = false;
    // The header alone: the answer does not wait for the payload, which then is read away.
    const whole = peer.transfer(LARGE);
    const header = whole.length - LARGE.length;
    await peer.send(whole.subarray(0, header));
    expectCode(await peer.reply(), code);
    await peer.send(whole.subarray(header));
    expectCode(await peer.heartbeat(), code);
    expectCode(await peer.disconnect(1), code);
    using other = await run.open();
    expectCode(await other.stateless("no"), code);
    expectCode(await other.connect(), code);
    expectCode(await other.connect({}, peer.id), code);
    // Who may not be served is not served in another way (S-DEG-1).
    expectCode(await other.connect({ fallback: "stateless" }), code);
    using old = await run.open();
    await old.send(frameV1(utf8("v1")), frameV1(LARGE));
    await old.halfClose();
    assert.match(await old.rest(), /^ERROR .*\nERROR .*\n$/);
    await run.assertStored();
    assert.deepEqual(stored, []);
    // A refusal uses no number up (S-SEQ-2), and the connections go on.
    open = true;
    expectCode(await peer.upload("yes", undefined, { sequence: 1 }), "ok");
    expectCode(await other.stateless("yes"), "ok");
    assert.equal(stored.length, 2);
  });
}

Deno.test("authorize that allows sees each request once, with who asks", async () => {
  const asked: unknown[] = [];
  await using run = await InProcess.start({
    async authorize(request, { clientAddress }) {
      await Promise.resolve();
      assert.equal(clientAddress, "127.0.0.1");
      asked.push(request.version === 1 ? request.frame.size : request.frame.action);
    },
  });
  using peer = await run.attached();
  expectCode(await peer.upload("one"), "ok");
  expectCode(await peer.heartbeat(), "pong");
  expectCode(await peer.stateless(LARGE), "ok");
  expectCode(await peer.disconnect(), "session_closed");
  using old = await run.open();
  await old.send(frameV1(utf8("v1")));
  await old.halfClose();
  assert.match(await old.rest(), /^OK /);
  assert.deepEqual(asked, ["connect", "transfer", "heartbeat", "transfer", "disconnect", 2]);
  await run.assertStored(utf8("one"), LARGE, utf8("v1"));
});

Deno.test("authorize that fails is internal_error, and is logged", async () => {
  await using run = await InProcess.start({
    authorize: () => {
      throw new RangeError("its list is broken");
    },
  });
  run.errorsExpected = true;
  using peer = await run.open();
  expectCode(await peer.stateless("x"), "internal_error");
  const { fields } = await run.log.wait(({ event }) => event === "request.failed");
  assert.match(String(fields.cause), /its list is broken/);
});

Deno.test("onStored gets each new file once, after its commit and before its answer", async () => {
  const stored: Stored[] = [];
  await using run = await InProcess.start({ onStored: (file) => stored.push(file) });
  const upload_id = crypto.randomUUID();
  const once = { name: "one.bin", upload_id, sha256: sha256(LARGE), length: LARGE.length };
  using peer = await run.attached();
  const { file } = expectCode(await peer.upload(LARGE, once), "ok");
  assert.equal(stored.length, 1, "by the time of the answer");
  expectCode(await peer.upload(LARGE, once, { sequence: 1 }), "ok");
  expectCode(await peer.upload(LARGE, once), "ok");
  expectCode(await peer.stateless(LARGE, once), "ok");
  expectCode(await peer.upload("wrong", { sha256: "0".repeat(64) }), "checksum_mismatch");
  assert.equal(stored.length, 1, "a repetition is no new file");
  assert.deepEqual(stored[0], {
    ...{ path: file.path, size: LARGE.length, sha256: file.sha256, mimeType: file.mime_type },
    ...{ name: "one.bin", uploadId: upload_id, session: { id: peer.id, sequence: 1 } },
    clientAddress: "127.0.0.1",
  });
  await peer.send(frame({ payload: "stateless", data: { name: "two.txt" }, mime: "text/plain" }));
  const second = expectCode(await peer.reply(), "ok").file;
  using old = await run.open();
  await old.send(frameV1(LARGE));
  await old.halfClose();
  const path = (await old.rest()).trimEnd().slice("OK ".length);
  const facts = stored.map((
    { path, size, name, session },
  ) => [path, size, name, session?.sequence]);
  assert.deepEqual(facts.slice(1), [
    [second.path, 9, "two.txt", undefined],
    [path, LARGE.length, undefined, undefined],
  ]);
});

const FAILING = {
  "throws": () => {
    throw new RangeError("its disk is full");
  },
  "is rejected": () => Promise.reject(new RangeError("its disk is full")),
};

for (const [name, fail] of Object.entries(FAILING)) {
  Deno.test(`an onStored that ${name} is logged, and changes no answer`, async () => {
    await using run = await InProcess.start({ onStored: fail });
    run.errorsExpected = true;
    using peer = await run.attached();
    expectCode(await peer.upload("one"), "ok");
    expectCode(await peer.upload(LARGE), "ok");
    expectCode(await peer.stateless("two"), "ok");
    const isFailure = ({ event, fields }: LogEvent) =>
      event === "listener.failed" && /its disk is full/.test(String(fields.cause));
    await run.log.wait(isFailure);
    assert.equal(run.log.all.filter(isFailure).length, 3);
    await run.assertStored(utf8("one"), LARGE, utf8("two"));
  });

  Deno.test(`an onEvent that ${name} is logged, and the log has its lines`, async () => {
    await using run = await InProcess.start({ onEvent: fail });
    run.errorsExpected = true;
    using peer = await run.attached();
    expectCode(await peer.upload("one"), "ok");
    await run.log.wait(({ event }) => event === "listener.failed");
    await run.log.wait(({ event }) => event === "transfer.stored");
  });
}

Deno.test("onEvent hears that the server listens, stops and has stopped", async () => {
  await using folder = await TempDir.make();
  await using storage = await DiskStorage.open(folder.path);
  const told: ServerEvent[] = [];
  const server = serve({ storage, port: 0, onEvent: (event) => told.push(event) });
  const { hostname, port } = server.addr;
  assert.deepEqual(told, [{
    ...{ type: "server.listening", hostname, port, mode: "stateless" },
    ...{ tier: "RW", durability: "process" },
  }]);
  await server.shutdown();
  assert.deepEqual(told.slice(1), [
    { type: "server.stopping", rule: "S-DRN-1", connections: 0 },
    { type: "server.stopped", rule: "S-DRN-1" },
  ]);
});

Deno.test("events are told at the place a program gives, which writes the lines itself", async () => {
  await using folder = await TempDir.make();
  await using storage = await DiskStorage.open(folder.path);
  const lines: string[] = [];
  const told: string[] = [];
  const events = new Events();
  events.subscribe(({ type }) => told.push(type));
  const log = createLogger(({ event }) => lines.push(event), "debug");
  await serve({ storage, port: 0, events, log }).shutdown();
  await serve({ storage, port: 0, events, log: silentLogger }).shutdown();
  assert.deepEqual(lines, []);
  const each = ["server.stopping", "server.stopped"];
  assert.deepEqual(told, [...each, ...each]);
});
