import assert from "node:assert/strict";
import type { ServerEvent } from "../../src/events.ts";
import { exportSession, importMigrationKey, importSession } from "../../src/migration/mod.ts";
import type { FileStorage, Tier } from "../../src/storage/mod.ts";
import { code } from "../helpers/errors.ts";
import { expectCode, FlakyStore, InProcess } from "../helpers/in_process.ts";
import { Random } from "../helpers/random.ts";
import type { RawPeer } from "../helpers/raw_peer.ts";

const SIZE = 300_000;
const key = await importMigrationKey(new Uint8Array(32).fill(1));

/** A server with the address that others know it by. */
interface Node extends AsyncDisposable {
  readonly run: InProcess;
  readonly storage: FileStorage;
  readonly address: string;
}

async function node(name: string, tier: Tier = "RW"): Promise<Node> {
  let storage: FileStorage | undefined;
  const run = await InProcess.start({ disk: { tier }, storage: (disk) => storage = disk });
  return {
    run,
    storage: storage!,
    address: `${name}.example:65432`,
    [Symbol.asyncDispose]: () => run[Symbol.asyncDispose](),
  };
}

const leave = ({ run, storage }: Node, id: string, to: string) =>
  exportSession({ store: run.flaky, storage, key, id, to });
const enter = ({ run, storage, address }: Node, blob: Uint8Array, as = address) =>
  importSession(ReadableStream.from([blob]), { store: run.flaky, storage, key, address: as });
const bytesOf = async (blob: ReadableStream<Uint8Array>) =>
  new Uint8Array(await new Response(blob as ReadableStream<Uint8Array<ArrayBuffer>>).arrayBuffer());

/** The whole way; the ticket, as an authorised client is told it. */
async function move(from: Node, to: Node, id: string, token?: string): Promise<string> {
  await enter(to, await bytesOf((await leave(from, id, to.address)).blob));
  return await ticket(from, to, id, token);
}

async function ticket(from: Node, to: Node, id: string, token?: string): Promise<string> {
  using peer = await from.run.open();
  const data = expectCode(await peer.connect({ token }, id), "use_another_server");
  assert.equal(data.address, to.address);
  return data.ticket;
}

/** A session that holds the first half of a file, detached. */
async function halfSent(
  { run }: Node,
  payload: Uint8Array,
): Promise<{ id: string; token: string }> {
  using peer = await run.open();
  const { token } = expectCode(await peer.connect({ want_token: true }), "session_created");
  expectCode(await peer.upload("first file"), "ok");
  const half = payload.subarray(0, payload.length / 2);
  expectCode(await peer.upload(half, { complete: false, length: payload.length }), "partial");
  const id = peer.id!;
  peer.close();
  await run.idle();
  return { id, token };
}

async function finish(peer: RawPeer, payload: Uint8Array, offset: number): Promise<void> {
  const rest = { offset, length: payload.length };
  expectCode(await peer.upload(payload.subarray(offset), rest), "ok");
}

Deno.test("a session goes on inside its file on the other server, with a ticket for its token", async () => {
  await using a = await node("a");
  await using b = await node("b");
  const payload = new Random(1).bytes(SIZE);
  const { id, token } = await halfSent(a, payload);
  const exported = await leave(a, id, "B.example:65432");
  assert.equal(exported.partialBytes, SIZE / 2);
  const blob = await bytesOf(exported.blob);
  const given = await ticket(a, b, id, token);
  const text = new TextDecoder().decode(blob);
  const line = atob(text.split(".")[2]!.replaceAll("-", "+").replaceAll("_", "/"));
  assert.ok(!line.includes(token) && !line.includes(given), "the blob holds no secret");
  assert.deepEqual(await enter(b, blob), { id, partialBytes: SIZE / 2 });

  using stranger = await b.run.open();
  expectCode(await stranger.connect({ token }, id), "unauthorized");
  using peer = await b.run.attached({ token: given }, id);
  assert.equal(peer.sequence, 2);
  // What ran at the other server is answered from memory here (S-SEQ).
  const again = expectCode(await peer.upload("first file", undefined, { sequence: 1 }), "ok");
  assert.equal(again.replayed, true);
  await finish(peer, payload, SIZE / 2);
  await b.run.assertStored(payload);
  const totals = expectCode(await peer.disconnect(), "session_closed");
  assert.deepEqual([totals.files, totals.bytes], [2, SIZE + 10]);
});

Deno.test("an export tells that the session moved, and its server that a connection lost it", async () => {
  const told: ServerEvent[] = [];
  await using a = await node("a");
  using peer = await a.run.attached();
  a.run.flaky.failSave("before", ({ lastSequence }) => lastSequence === 1);
  expectCode(await peer.upload("its commit is cut short"), "store_unavailable");
  const { run: { flaky: store }, storage } = a;
  const to = "b.example:65432";
  await exportSession({ store, storage, key, id: peer.id!, to, onEvent: (e) => told.push(e) });
  const session = peer.id!.slice(0, 8);
  assert.equal(told.length, 2);
  assert.deepEqual(told[0], {
    ...{ type: "session.moved", rule: "S-TAKE-2", session, from: "Active", to: "Disconnected" },
    ...{ address: to, epoch: 2 },
  });
  const stored = told[1];
  assert.ok(stored?.type === "transfer.stored" && stored.recovered && stored.session === session);
  assert.deepEqual([stored.sequence, stored.bytes], [1, 23]);
  expectCode(await peer.reply(), "use_another_server");
  const { fields } = await a.run.log.wait(({ event }) => event === "session.fenced");
  assert.deepEqual(fields, { connection: 1, session, epoch: 2, moved: to });
});

Deno.test("S-TAKE-2 the connection attached at the time is told where, and not what to show there", async () => {
  await using a = await node("a");
  await using b = await node("b");
  using idle = await a.run.attached();
  await leave(a, idle.id!, b.address);
  const notice = await idle.reply();
  assert.equal(notice.header.session.action, "disconnect");
  assert.equal(expectCode(notice, "use_another_server").address, b.address);
  assert.equal(notice.data.ticket, undefined);
  assert.equal(await idle.rest(), "");

  // One that is busy finds out at its next save, and nothing of it is stored.
  using busy = await a.run.attached();
  await leave(a, busy.id!, b.address);
  const data = expectCode(await busy.upload("too late"), "use_another_server");
  assert.deepEqual([data.address, data.ticket], [b.address, undefined]);
  await a.run.assertStored();

  // One inside a payload hears of it there: the same word, whoever found it out first.
  using inside = await a.run.attached();
  await inside.send(inside.transfer(new Uint8Array(1000), { length: SIZE }, { size: SIZE }));
  await a.run.receiving();
  await leave(a, inside.id!, b.address);
  expectCode(await inside.reply(), "use_another_server");
  assert.equal(await inside.rest(), "");
});

Deno.test("a session without a token is asked for by its address, and has a secret from then on", async () => {
  await using a = await node("a");
  await using b = await node("b");
  using first = await a.run.attached();
  expectCode(await first.upload("ran at a"), "ok");
  const id = first.id!;
  const given = await move(a, b, id);
  using stranger = await b.run.open();
  expectCode(await stranger.connect({}, id), "unauthorized");
  using peer = await b.run.attached({ token: given }, id);
  // The principal of the kept request was its address, and so is that of its retry (S-SEQ-1).
  const again = expectCode(await peer.upload("ran at a", undefined, { sequence: 1 }), "ok");
  assert.equal(again.replayed, true);
});

Deno.test("the way there is told to nobody who is not authorised", async () => {
  await using a = await node("a");
  const { id } = await halfSent(a, new Random(2).bytes(1000));
  await leave(a, id, "b.example:65432");
  for (const data of [{}, { token: "wrong" }, { clean: true }]) {
    using peer = await a.run.open();
    const reply = expectCode(await peer.connect(data, id), "unauthorized");
    assert.deepEqual([reply.address, reply.ticket], [undefined, undefined]);
  }
});

Deno.test("a blob is used once: again, at the same moment, and after the session has gone on", async () => {
  await using a = await node("a");
  await using b = await node("b");
  await using c = await node("c");
  const payload = new Random(3).bytes(SIZE);
  const { id, token } = await halfSent(a, payload);
  const blob = await bytesOf((await leave(a, id, b.address)).blob);
  const tries = await Promise.allSettled([enter(b, blob), enter(b, blob), enter(b, blob)]);
  const lost = tries.filter((one) => one.status === "rejected");
  assert.equal(lost.length, 2);
  for (const { reason } of lost) code("replay_detected")(reason);
  await assert.rejects(enter(b, blob), code("replay_detected"));
  const again = await bytesOf((await leave(a, id, b.address)).blob);
  await assert.rejects(enter(b, again), code("replay_detected"));
  await assert.rejects(enter(c, blob), code("invalid_field"));
  assert.equal([...Deno.readDirSync(`${b.run.folder}/.incoming`)].length, 1, "one file is kept");

  const toC = await move(b, c, id, await ticket(a, b, id, token));
  await assert.rejects(enter(b, blob), code("replay_detected"));
  using peer = await c.run.attached({ token: toC }, id);
  await finish(peer, payload, SIZE / 2);
  await c.run.assertStored(payload);
});

Deno.test("a session may come back, and its first stay is in nobody's way", async () => {
  await using a = await node("a");
  await using b = await node("b");
  const payload = new Random(4).bytes(SIZE);
  const { id, token } = await halfSent(a, payload);
  const first = await bytesOf((await leave(a, id, b.address)).blob);
  await enter(b, first);
  const back = await move(b, a, id, await ticket(a, b, id, token));
  await assert.rejects(enter(b, first), code("replay_detected"));
  using peer = await a.run.attached({ token: back }, id);
  await finish(peer, payload, SIZE / 2);
  assert.equal((await a.run.stored()).length, 2);
  assert.deepEqual([...Deno.readDirSync(`${a.run.folder}/.incoming`)], []);
});

Deno.test("a hand-over whose target is gone is taken back in the target's name", async () => {
  await using a = await node("a");
  const payload = new Random(5).bytes(SIZE);
  const { id, token } = await halfSent(a, payload);
  const blob = await bytesOf((await leave(a, id, "gone.example:1")).blob);
  using early = await a.run.open();
  const { ticket } = expectCode(await early.connect({ token }, id), "use_another_server");
  await assert.rejects(enter(a, blob), code("invalid_field"));
  await enter(a, blob, "gone.example:1");
  await assert.rejects(enter(a, blob, "gone.example:1"), code("replay_detected"));
  using peer = await a.run.attached({ token: ticket }, id);
  await finish(peer, payload, SIZE / 2);
});

Deno.test("an export goes one way, and can be written down again for it alone", async () => {
  await using a = await node("a");
  await using b = await node("b");
  const payload = new Random(6).bytes(SIZE);
  const { id, token } = await halfSent(a, payload);
  const torn = (await bytesOf((await leave(a, id, b.address)).blob)).subarray(0, -1);
  const given = await ticket(a, b, id, token);
  await assert.rejects(leave(a, id, "c.example:65432"), code("use_another_server"));
  await assert.rejects(enter(b, torn), code("incomplete"));
  const changed = await bytesOf((await leave(a, id, b.address)).blob);
  const good = changed.slice();
  changed[changed.length - 1]! ^= 1;
  await assert.rejects(enter(b, changed), code("checksum_mismatch"));
  assert.deepEqual([...Deno.readDirSync(`${b.run.folder}/.incoming`)], [], "nothing is left of it");
  await enter(b, good);
  using peer = await b.run.attached({ token: given }, id);
  await finish(peer, payload, SIZE / 2);

  await assert.rejects(leave(a, crypto.randomUUID(), b.address), code("session_unknown"));
  using ended = await a.run.attached();
  await ended.disconnect();
  await assert.rejects(leave(a, ended.id!, b.address), code("session_expired"));
});

Deno.test("a store that fails at the step where the session leaves, or arrives, doubles nothing", async () => {
  for (const when of ["before", "after"] as const) {
    await using a = await node("a");
    await using b = await node("b");
    const payload = new Random(7).bytes(SIZE);
    const { id, token } = await halfSent(a, payload);
    a.run.flaky.failSave(when, ({ moved }) => moved !== undefined);
    await assert.rejects(leave(a, id, b.address), code("store_unavailable"));
    if (when === "before") {
      (await a.run.attached({ token }, id)).close();
      await a.run.idle();
    }
    const blob = await bytesOf((await leave(a, id, b.address)).blob);
    b.run.flaky.failSave(when);
    await assert.rejects(enter(b, blob), code("store_unavailable"));
    if (when === "before") await enter(b, blob);
    else await assert.rejects(enter(b, blob), code("replay_detected"));
    using peer = await b.run.attached({ token: await ticket(a, b, id, token) }, id);
    await finish(peer, payload, SIZE / 2);
    await b.run.assertStored(payload);
  }
});

Deno.test("S-SEQ-5 a commit that was begun is brought to its end before the session leaves", async () => {
  for (const published of [true, false]) {
    await using a = await node("a");
    await using b = await node("b");
    const payload = new Random(8).bytes(SIZE);
    const { id, token } = await halfSent(a, payload);
    using peer = await a.run.attached({ token }, id);
    // The store is lost right after the intent, or right after the file has its name.
    a.run.flaky.failSave(
      published ? "before" : "after",
      ({ intent, ring }) => published ? ring.length === 3 : intent !== null,
    );
    const rest = { offset: SIZE / 2, length: SIZE };
    expectCode(await peer.upload(payload.subarray(SIZE / 2), rest), "store_unavailable");
    assert.notEqual((await a.run.record(id)).intent, null);
    const given = await move(a, b, id, token);
    assert.equal((await a.run.record(id)).intent, null);
    await a.run.assertStored(payload, new TextEncoder().encode("first file"));
    using there = await b.run.attached({ token: given }, id);
    assert.equal(there.sequence, 3);
    const empty = { offset: SIZE, length: SIZE };
    const again = expectCode(await there.upload("", empty, { sequence: 3 }), "ok");
    assert.deepEqual([again.replayed, again.file.size], [true, SIZE]);
    await b.run.assertStored();
  }
});

Deno.test("without bytes that can go along the file starts over, and nothing is lost", async () => {
  for (const [from, to] of [["W", "RW"], ["RW", "W"]] as const) {
    await using a = await node("a", from);
    await using b = await node("b", to);
    const payload = new Random(9).bytes(SIZE);
    const { id, token } = await halfSent(a, payload);
    const given = await move(a, b, id, token);
    using peer = await b.run.open();
    const { upload } = expectCode(await peer.connect({ token: given }, id), "session_resumed");
    assert.equal(upload, null);
    await finish(peer, payload, 0);
    await b.run.assertStored(payload);
  }
});

Deno.test("a store that dies with its process has no sessions to move", async () => {
  await using a = await node("a");
  const store = new (class extends FlakyStore {
    override readonly persistent = false;
  })();
  const { storage } = a;
  const to = "b.example:1";
  await assert.rejects(exportSession({ store, storage, key, id: "x", to }), TypeError);
  const blob = ReadableStream.from([]);
  await assert.rejects(importSession(blob, { store, storage, key, address: to }), TypeError);
  for (const bad of ["b.example", "b:0", "", "b:1/x"]) {
    await assert.rejects(
      exportSession({ ...{ store, storage, key, id: "x" }, to: bad }),
      RangeError,
    );
  }
});
