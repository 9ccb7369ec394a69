/** fetch, list and remove, at the doors of a server in this process. */
import assert from "node:assert/strict";
import type { ServerEvent } from "../../src/events.ts";
import { AfterFind } from "../helpers/after_find.ts";
import { Catalogued } from "../helpers/catalogued.ts";
import { sha256 } from "../helpers/files.ts";
import { expectCode, InProcess, type InProcessOptions } from "../helpers/in_process.ts";
import { Random } from "../helpers/random.ts";
import { frame, type Json } from "../helpers/raw_frame.ts";
import type { RawPeer } from "../helpers/raw_peer.ts";
import { until } from "../helpers/serving.ts";

const ALL = ["put", "get", "list", "remove"] as const;
const random = new Random(13);

/** A server whose catalogue and events the test can reach. */
async function start(options: InProcessOptions = {}) {
  let catalogue: Catalogued | undefined;
  const heard: ServerEvent[] = [];
  const run = await InProcess.start({
    anonymous: ALL,
    onEvent: (event) => heard.push(event),
    storage: (disk, folder) => (catalogue ??= new Catalogued(folder)).over(disk),
    ...options,
  });
  return Object.assign(run, { catalogue: catalogue!, heard });
}

/** Stores a file; gives what the reply says of it. */
async function store(peer: RawPeer, bytes: Uint8Array | string, data: Json = {}): Promise<Json> {
  const header = { version: "2.1" };
  const reply = await peer.request({ payload: bytes, data, mime: "text/plain", header });
  return expectCode(reply, "ok").file;
}

/** Fetches, and reads the payload. */
async function get(peer: RawPeer, data: Json, parts = {}) {
  const reply = await peer.ask("fetch", data, parts);
  return { ...reply, bytes: await peer.payload(reply) };
}

Deno.test("S-GET-1 a fetch answers with the file, its media type and its bytes", async () => {
  await using run = await start();
  using peer = await run.open();
  const bytes = random.bytes(300_000);
  const mtime_ms = 1_700_000_000_123;
  const sent = await store(peer, bytes, { name: "a/b.txt", mtime_ms, executable: true });
  const { header, data, bytes: got } = await get(peer, { path: sent.path });
  assert.equal(header.version, "2.1");
  assert.equal(header.mime_type, "text/plain");
  assert.equal(header.size, bytes.length);
  assert.deepEqual([data.code, data.offset], ["ok", 0]);
  const { stored_at, ...file } = data.file;
  assert.ok(Math.abs(Date.parse(stored_at) - Date.now()) < 60_000);
  assert.deepEqual(file, { ...sent, name: "a/b.txt", ...file });
  assert.equal(sha256(got), sent.sha256);
  await until(() => run.heard.some(({ type }) => type === "file.fetched"), "the fetch is told");
  const told = run.heard.find(({ type }) => type === "file.fetched") as Json;
  assert.deepEqual([told.rule, told.path, told.bytes], ["S-GET-1", sent.path, bytes.length]);
});

Deno.test("S-GET-1 a name is the newest file of that name", async () => {
  await using run = await start();
  using peer = await run.open();
  await store(peer, "one", { name: "n.txt" });
  await store(peer, "two", { name: "n.txt" });
  const { bytes } = await get(peer, { name: "n.txt" });
  assert.equal(new TextDecoder().decode(bytes), "two");
});

Deno.test("S-GET-1 S-GET-2 offset and length choose a part; an offset beyond the end is refused", async () => {
  await using run = await start();
  using peer = await run.open();
  const { path } = await store(peer, "0123456789");
  const part = async (data: Json) =>
    new TextDecoder().decode((await get(peer, { path, ...data })).bytes);
  assert.equal(await part({ offset: 3 }), "3456789");
  assert.equal(await part({ offset: 3, length: 4 }), "3456");
  assert.equal(await part({ length: 0 }), "");
  assert.equal(await part({ offset: 10 }), "");
  assert.equal(await part({ offset: 8, length: 9e15 }), "89");
  const beyond = await get(peer, { path, offset: 11 });
  assert.equal(expectCode(beyond, "offset_mismatch").size, 10);
  assert.equal(beyond.header.size, 0);
});

Deno.test("S-GET-1 S-ACT-2 what is not there, or no path at all, is not found", async () => {
  await using run = await start();
  using peer = await run.open();
  await store(peer, "x", { name: "x" });
  for (
    const path of ["", "..", "../x", "/etc/passwd", "commits.jsonl", "files/public/x", "x\u0001"]
  ) {
    expectCode(await peer.ask("fetch", { path }), "not_found");
    expectCode(await peer.ask("remove", { path }), "not_found");
  }
  expectCode(await peer.ask("fetch", { name: "y" }), "not_found");
  assert.equal(expectCode(await peer.ask("fetch", {}), "invalid_field").field, "path");
  assert.equal(expectCode(await peer.ask("remove", {}), "invalid_field").field, "path");
  assert.equal(expectCode(await peer.ask("list", { limit: 0 }), "invalid_field").field, "limit");
  assert.equal(expectCode(await peer.ask("list", { after: "?" }), "invalid_field").field, "after");
  expectCode(await peer.ask("heartbeat", {}), "pong");
});

Deno.test("S-GET-1 several fetches at once are answered in order, other requests between them", async () => {
  await using run = await start();
  using peer = await run.open();
  const contents = [random.bytes(5_000_000), random.bytes(10), random.bytes(70_000)];
  const paths: string[] = [];
  for (const bytes of contents) paths.push((await store(peer, bytes)).path);
  const header = { version: "2.1" };
  const asked = paths.flatMap((path) => [
    frame({ action: "fetch", data: { path }, header }),
    frame({ action: "heartbeat", header }),
  ]);
  await peer.send(...asked);
  for (const bytes of contents) {
    const reply = await peer.reply();
    assert.equal(sha256(await peer.payload(reply)), sha256(bytes));
    expectCode(await peer.reply(), "pong");
  }
});

Deno.test("S-GET-2 a file that became shorter closes the connection inside the payload", async () => {
  await using run = await start();
  run.errorsExpected = true;
  using peer = await run.open();
  for (const size of [40_000, 3_000_000, 10]) {
    const { path } = await store(peer, random.bytes(size));
    await Deno.truncate(`${run.folder}/${path}`, size - 1);
    using reader = await run.open();
    const reply = await reader.ask("fetch", { path });
    assert.equal(reply.header.size, size);
    const rest = await reader.bytesToEnd();
    assert.equal(rest.length, size - 1, "what is there is sent, and nothing else");
  }
});

Deno.test("S-GET-3 a file that is removed while it is sent is sent to its end", async () => {
  await using run = await start();
  using peer = await run.open();
  const bytes = random.bytes(6_000_000);
  const { path } = await store(peer, bytes);
  let removed = false;
  run.catalogue.onRead = async (offset) => {
    if (offset === 0 || removed) return;
    removed = true;
    using other = await run.open();
    expectCode(await other.ask("remove", { path }), "ok");
  };
  const { bytes: got } = await get(peer, { path });
  assert.ok(removed);
  assert.equal(sha256(got), sha256(bytes));
});

Deno.test("S-GET-3 a client that does not read meets the clock stalled", async () => {
  await using run = await start({ clocks: { stallMs: 300 } });
  using peer = await run.open();
  const { path } = await store(peer, random.bytes(9_000_000));
  using reader = await run.open();
  for (let asked = 0; asked < 8; asked++) {
    await reader.send(frame({ action: "fetch", data: { path }, header: { version: "2.1" } }));
  }
  await until(
    () => run.heard.some((event) => "code" in event && event.code === "stalled"),
    "the clock runs out",
  );
  await run.idle(1);
});

Deno.test("S-LST-1 a list has pages, an order and filters", async () => {
  await using run = await start();
  using peer = await run.open();
  for (const name of ["b", "a/1", "c", "a/2"]) await store(peer, name, { name });
  using attached = await run.attached();
  expectCode(await attached.upload("in a session", { name: "s" }), "ok");
  const names = async (data: Json) => {
    const found: string[] = [];
    let after: string | null | undefined;
    while (after !== null) {
      const { files, next } = expectCode(
        await peer.ask("list", { ...data, ...(after && { after }) }),
        "ok",
      );
      found.push(...files.map(({ name }: Json) => name));
      after = next;
    }
    return found.join();
  };
  assert.equal(await names({}), "s,a/2,c,a/1,b");
  assert.equal(await names({ limit: 2 }), "s,a/2,c,a/1,b");
  assert.equal(await names({ order: "name", limit: 1 }), "a/1,a/2,b,c,s");
  assert.equal(await names({ order: "name", prefix: "a/" }), "a/1,a/2");
  assert.equal(await names({ name: "c" }), "c");
  assert.equal(await names({ session: attached.id }), "s");
});

Deno.test("S-LST-2 pages that follow each other are asked for at once", async () => {
  await using run = await start();
  using peer = await run.open();
  for (const name of ["a", "b", "c", "d", "e"]) await store(peer, name, { name });
  const query = { order: "name", limit: 2 };
  expectCode(await peer.ask("list", { ...query, follows: true }), "sequence_gap");
  const pages = [query, ...Array.from({ length: 3 }, () => ({ ...query, follows: true }))];
  const header = { version: "2.1" };
  await peer.send(...pages.map((data) => frame({ action: "list", data, header })));
  const replies = [];
  for (const _ of pages) replies.push(await peer.reply());
  const names = replies.map(({ data }) => data.files.map(({ name }: Json) => name).join(""));
  assert.deepEqual(names, ["ab", "cd", "e", ""]);
  assert.deepEqual(replies.map(({ data }) => data.next === null), [false, false, true, true]);
  // Behind a page that is refused there is none.
  expectCode(await peer.ask("list", query), "ok");
  expectCode(await peer.ask("list", { ...query, limit: 0 }), "invalid_field");
  expectCode(await peer.ask("list", { ...query, follows: true }), "sequence_gap");
  using other = await run.attached();
  expectCode(await other.ask("list", { ...query, follows: true }), "sequence_gap");
  expectCode(await other.ask("list", query), "ok");
  const { files } = expectCode(await other.ask("list", { ...query, follows: true }), "ok");
  assert.equal(files[0].name, "c");
});

Deno.test("S-LST-1 a page never takes more than 64 KiB, however long the names are", async () => {
  await using run = await start();
  using peer = await run.open();
  const folder = Array.from({ length: 15 }, () => "\u0001".repeat(250)).join("/");
  for (let file = 0; file < 12; file++) await store(peer, `${file}`, { name: `${folder}/${file}` });
  let listed = 0;
  let pages = 0;
  for (let after: string | null = "0"; after !== null; pages++) {
    const reply = await peer.ask("list", { after, limit: 1000 });
    assert.ok(reply.header.session.data_size <= 65536);
    listed += reply.data.files.length;
    after = reply.data.next;
  }
  assert.equal(listed, 12);
  assert.ok(pages >= 4, `${pages} pages`);
});

Deno.test("S-REM-1 a removed file is gone, and to remove it again is the same ok", async () => {
  await using run = await start();
  using peer = await run.open();
  const { path, sha256 } = await store(peer, "x", { name: "x" });
  const first = expectCode(await peer.ask("remove", { path }), "ok");
  assert.equal(first.file.sha256, sha256);
  const told = await run.log.wait(({ event }) => event === "storage.removed");
  assert.deepEqual([told.fields.bytes, told.fields.reason], [1, "remove"]);
  expectCode(await peer.ask("fetch", { path }), "not_found");
  assert.deepEqual(expectCode(await peer.ask("remove", { path }), "ok").file, first.file);
  assert.equal(run.catalogue.removals, 1);
  assert.deepEqual(await run.stored(), []);
});

Deno.test("S-ACT-2 each right is asked for, and whoever lacks it is forbidden", async () => {
  await using run = await start({ anonymous: ["list"] });
  using peer = await run.open();
  expectCode(await peer.stateless("x"), "forbidden");
  expectCode(await peer.ask("fetch", { name: "x" }), "forbidden");
  expectCode(await peer.ask("remove", { path: "x" }), "forbidden");
  expectCode(await peer.ask("list", {}), "ok");
  using attached = await run.attached();
  const stateful = { mode: "stateful", id: attached.id, sequence: 0 };
  expectCode(await attached.upload("x"), "forbidden");
  expectCode(await attached.ask("fetch", { name: "x" }, stateful), "forbidden");
  expectCode(
    await attached.ask("remove", { path: "x" }, { ...stateful, sequence: 1 }),
    "forbidden",
  );
  assert.equal((await run.record(attached.id)).lastSequence, 0);
  expectCode(await attached.ask("list", {}, stateful), "ok");
});

Deno.test("S-ACT-2 a user sees the own files, whoever has no key those of nobody, and all sees all", async () => {
  const users: (string | undefined)[] = [];
  await using run = await start({
    authorize: (_request, context) => {
      const user = users.at(-1);
      if (user === undefined) return;
      const may = new Set(ALL);
      context.identity = user === "admin" ? { may, all: true } : { user, may, all: false };
    },
  });
  const paths: string[] = [];
  const store_as = async (user: string | undefined) => {
    users.push(user);
    using peer = await run.open();
    paths.push((await store(peer, `of ${user}`, { name: `${user}` })).path);
  };
  for (const user of ["ann", "bob", undefined]) await store_as(user);
  const seen = async (user: string | undefined) => {
    users.push(user);
    using peer = await run.open();
    const { files } = expectCode(await peer.ask("list", { order: "name" }), "ok");
    for (const path of paths) {
      const visible = files.some((file: Json) => file.path === path);
      const { data } = await get(peer, { path });
      assert.equal(data.code, visible ? "ok" : "not_found");
      if (!visible) expectCode(await peer.ask("remove", { path }), "not_found");
    }
    return files.map(({ name, user }: Json) => `${name}:${user}`).join();
  };
  assert.equal(await seen("ann"), "ann:ann");
  assert.equal(await seen("bob"), "bob:bob");
  assert.equal(await seen(undefined), "undefined:undefined");
  assert.equal(await seen("admin"), "ann:ann,bob:bob,undefined:undefined");
});

Deno.test("S-ACT-1 in a session fetch and list use no number, and a later one is a gap", async () => {
  await using run = await start();
  using peer = await run.attached();
  const { path } = expectCode(await peer.upload("0123456789", { name: "n" }), "ok").file;
  for (const sequence of [1, 0]) {
    const parts = { mode: "stateful", id: peer.id, sequence };
    const { bytes } = await get(peer, { path, offset: 8 }, parts);
    assert.equal(new TextDecoder().decode(bytes), "89");
    expectCode(await peer.ask("list", {}, parts), "ok");
  }
  const later = { mode: "stateful", id: peer.id, sequence: 2 };
  assert.equal(expectCode(await peer.ask("fetch", { path }, later), "sequence_gap").expected, 1);
  expectCode(await peer.ask("list", {}, later), "sequence_gap");
  assert.equal((await run.record(peer.id)).lastSequence, 1);
});

Deno.test("S-ACT-1 S-REM-1 in a session remove runs once, and a repetition gets the kept reply", async () => {
  await using run = await start();
  using peer = await run.attached();
  const { path } = expectCode(await peer.upload("x", { name: "n" }), "ok").file;
  const remove = (sequence: number, what = path) =>
    peer.ask("remove", { path: what }, { mode: "stateful", id: peer.id, sequence });
  expectCode(await remove(3), "sequence_gap");
  const first = expectCode(await remove(2), "ok");
  const again = expectCode(await remove(2), "ok");
  assert.deepEqual([again.file, again.replayed], [first.file, true]);
  expectCode(await remove(2, "received_0"), "sequence_reuse");
  expectCode(await remove(3, "received_0"), "not_found");
  const { lastSequence, removal, totalBytes } = await run.record(peer.id);
  assert.deepEqual([lastSequence, removal, totalBytes], [2, null, 1]);
  assert.equal(run.catalogue.removals, 1);
  peer.sequence = 2;
  expectCode(await peer.upload("y"), "ok");
});

Deno.test("S-ACT-1 a remove leaves the open file of its session open", async () => {
  await using run = await start();
  using peer = await run.attached();
  const { path } = expectCode(await peer.upload("x"), "ok").file;
  expectCode(await peer.upload("01234", { complete: false, length: 10 }), "partial");
  const parts = { mode: "stateful", id: peer.id, sequence: 3 };
  expectCode(await peer.ask("remove", { path }, parts), "ok");
  peer.sequence = 3;
  const { file } = expectCode(await peer.upload("56789", { offset: 5, length: 10 }), "ok");
  assert.equal(file.size, 10);
});

for (const when of ["before", "after"] as const) {
  for (const step of ["intent", "number"] as const) {
    Deno.test(`S-REM-1 a store lost ${when} the save of the ${step} leaves one removal and one answer`, async () => {
      await using run = await start();
      using peer = await run.attached();
      const { path } = expectCode(await peer.upload("x", { name: "n" }), "ok").file;
      const parts = { mode: "stateful", id: peer.id, sequence: 2 };
      run.flaky.failSave(
        when,
        (record) => (step === "intent") === (Boolean(record.removal)) && record.lastSequence > 0,
      );
      expectCode(await peer.ask("remove", { path }, parts), "store_unavailable");
      peer.close();
      const wasRemoved = run.catalogue.removals === 1;
      using back = await run.attached({}, peer.id);
      const { data } = await back.ask("remove", { path }, parts);
      assert.equal(data.code, "ok");
      assert.equal(data.file.path, path);
      assert.equal(run.catalogue.removals, 1);
      assert.equal(wasRemoved, step === "number");
      assert.equal((await run.record(peer.id)).lastSequence, 2);
    });
  }
}

Deno.test("S-FEA-1 S-FEA-2 the terms tell features and rights, with a session and without", async () => {
  await using run = await start({ anonymous: ["put", "list"] });
  using peer = await run.open();
  const features = [
    "names",
    "fetch",
    "list",
    "follows",
    "remove",
    "received",
    "early",
    "auth",
    "mac",
  ];
  const alone = expectCode(await peer.ask("connect", {}), "ok");
  assert.deepEqual([alone.features, alone.may], [features, ["put", "list"]]);
  const attached = expectCode(await peer.connect(), "session_created");
  assert.deepEqual([attached.features, attached.may], [features, ["put", "list"]]);
});

Deno.test("S-FEA-1 a storage without a catalogue offers names alone, and serves nothing else", async () => {
  await using run = await start({
    storage: (disk, folder) =>
      Object.assign(new Catalogued(folder).over(disk), { catalogue: undefined }),
  });
  using peer = await run.open();
  assert.deepEqual(expectCode(await peer.ask("connect", {}), "ok").features, [
    ...["names", "received", "early", "auth", "mac"],
  ]);
  for (const action of ["fetch", "list", "remove"]) {
    expectCode(await peer.ask(action, { path: "x" }), "unsupported_feature");
  }
});

Deno.test("S-NAM-1 a name that is no relative path is refused in version 2.1 and data in 2.0", async () => {
  await using run = await start();
  using peer = await run.open();
  for (const name of ["", "/a", "a/", "a//b", "/"]) {
    const refused = await peer.ask("transfer", { name }, { payload: "x" });
    assert.equal(expectCode(refused, "invalid_field").field, "name");
    expectCode(await peer.stateless("y", { name }), "ok");
  }
  assert.equal((await run.stored()).length, 5);
});

Deno.test("S-REM-1 a file that takes the path of one while its removal is saved is another one, and stays", async () => {
  const after = new AfterFind();
  await using run = await InProcess.start({
    anonymous: ALL,
    disk: { naming: "original" },
    storage: (disk) => after.over(disk),
  });
  using peer = await run.attached();
  using other = await run.open();
  const { path } = expectCode(await peer.upload("old", { name: "n.txt" }), "ok").file;
  after.next = async () => {
    expectCode(await other.ask("remove", { path }), "ok");
    assert.equal((await store(other, "new", { name: "n.txt" })).path, path);
  };
  const parts = { mode: "stateful", id: peer.id, sequence: 2 };
  expectCode(await peer.ask("remove", { path }, parts), "ok");
  assert.equal((await get(other, { path })).bytes.length, 3);
});
