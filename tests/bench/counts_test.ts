/**
 * What a file costs a store and the wire, in counts that do not depend on the machine: one more of a kind
 * for each file fails here, where a clock would not show it. Those of whole programs are in
 * program_counts_test.ts, and the bounds of both in bounds.ts.
 *
 * @module
 */
import assert from "node:assert/strict";
import { StatementSync } from "node:sqlite";
import { type Client, connect } from "../../src/client/mod.ts";
import { silentLogger } from "../../src/log.ts";
import { connectRedis } from "../../src/redis/mod.ts";
import type { SessionRecord } from "../../src/session/mod.ts";
import { hashPrefix } from "../../src/storage/hash_table.ts";
import { DiskStorage } from "../../src/storage/mod.ts";
import {
  MemorySessionStore,
  RedisSessionStore,
  type SessionStore,
  SqliteSessionStore,
} from "../../src/store/mod.ts";
import { InProcess, type InProcessOptions } from "../helpers/in_process.ts";
import { RedisServer } from "../helpers/redis_server.ts";
import { testWith } from "../helpers/require.ts";
import { TempDir } from "../helpers/temp.ts";
import { Wiretap } from "../helpers/wiretap.ts";
import { assertCost, perFile } from "./bounds.ts";

const FILES = 64;

/** Sends the files, each when those `inFlight` before it are answered. */
async function send(client: Client, inFlight = 1): Promise<void> {
  for (let sent = 0; sent < FILES; sent += inFlight) {
    const one = (_: unknown, at: number) =>
      client.send(new Uint8Array(1024).fill(sent + at), { name: "name.bin" });
    await Promise.all(Array.from({ length: inFlight }, one));
  }
}

/** A store in memory that counts, and counts as one that outlives the process if asked to. */
class CountingStore extends MemorySessionStore {
  loads = 0;
  saves = 0;
  override readonly persistent: false;
  constructor(persistent: boolean) {
    super();
    this.persistent = persistent as false;
  }
  override load(id: string): Promise<SessionRecord | undefined> {
    this.loads++;
    return super.load(id);
  }
  override save(record: SessionRecord, maxLive?: number): Promise<boolean> {
    this.saves++;
    return super.save(record, maxLive);
  }
}

for (const [name, persistent] of [["memory", false], ["persistent", true]] as const) {
  Deno.test(`counted: the saves of a file and no load, in a store that is ${name}`, async () => {
    await using store = new CountingStore(persistent);
    await using run = await InProcess.start({ store });
    await using client = await connect({ port: run.port });
    await send(client);
    const before = [store.loads, store.saves] as const;
    await send(client);
    assertCost(`saves, ${name}`, (store.saves - before[1]) / FILES);
    assert.equal(store.loads, before[0]);
    const { ring } = await run.record(client.sessionId!);
    assert.equal(ring.length, 1, "replies that were received are not kept (S-SEQ-6)");
  });
}

/** Sends files alone, and 16 at a time, to a server on a store; each of `counts` is held against its bounds. */
async function assertStoreCosts(
  store: SessionStore,
  counts: Readonly<Record<string, () => number>>,
): Promise<void> {
  await using run = await InProcess.start({ store });
  await using client = await connect({ port: run.port });
  await send(client, 16);
  for (const [inFlight, suffix] of [[1, ""], [16, ", 16 in flight"]] as const) {
    const before = Object.entries(counts).map(([cost, count]) => [cost, count, count()] as const);
    await send(client, inFlight);
    for (const [cost, count, start] of before) {
      assertCost(`${cost}${suffix}`, (count() - start) / FILES);
    }
  }
}

/** Counts the statements of all SQLite files in this process until it is disposed of. */
class Statements implements Disposable {
  count = 0;
  readonly #stack = new DisposableStack();
  constructor() {
    const methods = StatementSync.prototype as unknown as Record<
      "run" | "get" | "all",
      (...values: unknown[]) => unknown
    >;
    const note = () => this.count++;
    for (const name of ["run", "get", "all"] as const) {
      const plain = methods[name];
      methods[name] = function (this: StatementSync, ...values) {
        note();
        return plain.apply(this, values);
      };
      this.#stack.defer(() => methods[name] = plain);
    }
  }
  [Symbol.dispose](): void {
    this.#stack.dispose();
  }
}

/** Counts the short writes of storages in this process, of claims, notes and lines, until it is disposed of. */
class Writes implements Disposable {
  count = 0;
  readonly #plain = Deno.FsFile.prototype.writeSync;
  constructor() {
    const note = () => this.count++;
    const plain = this.#plain;
    Deno.FsFile.prototype.writeSync = function (bytes) {
      note();
      return plain.call(this, bytes);
    };
  }
  [Symbol.dispose](): void {
    Deno.FsFile.prototype.writeSync = this.#plain;
  }
}

Deno.test("counted: the SQLite statements of a file, and the writes besides its bytes", async () => {
  await using dir = await TempDir.make();
  using statements = new Statements();
  using writes = new Writes();
  await using store = await SqliteSessionStore.open(dir.join("sessions.sqlite"));
  await assertStoreCosts(store, {
    "sqlite statements": () => statements.count,
    "writes": () => writes.count,
  });
});

for (const isAlone of [true, false]) {
  const whose = isAlone ? "of a server that is alone" : "whose claim the server has marked";
  Deno.test(`counted: the looks at names for a file with an upload id, ${whose}`, async () => {
    await using dir = await TempDir.make();
    const time = Date.now();
    await using others = new AsyncDisposableStack();
    if (!isAlone) others.use(await DiskStorage.open(dir.path));
    // The manifest is looked at once a millisecond, and no time passes here.
    await using storage = await DiskStorage.open(dir.path, { now: () => time });
    const ids: string[] = [];
    for (let n = 0; ids.length < 9; n++) {
      const id = `6f9619ff-8b86-4d01-b42d-${n.toString(16).padStart(12, "0")}`;
      if (hashPrefix(id) === 7) ids.push(id);
    }
    const put = (uploadId: string) =>
      storage.put({ mimeType: "text/plain", reserve: 0, uploadId }, new Uint8Array(10));
    // The first one finds that nobody is alone any more, and the second one that its claim has no mark.
    for (const _ of [1, 2]) await put(ids.pop()!);
    const { lstatSync } = Deno;
    let looks = 0;
    Deno.lstatSync = (path) => {
      looks++;
      return lstatSync(path);
    };
    try {
      for (const id of ids) await put(id);
    } finally {
      Deno.lstatSync = lstatSync;
    }
    assertCost(isAlone ? "looks, alone" : "looks", looks / ids.length);
  });
}

testWith(["redis-server"], "counted: the Redis commands of a file", async (program) => {
  await using redis = await RedisServer.start(program);
  await using link = await connectRedis(redis.url, silentLogger);
  let [commands, bytes] = [0, 0];
  const sendCommand = (args: string[]) => {
    commands++;
    bytes += perFile(args.map(({ length }) => length), 1);
    return link.client.sendCommand(args);
  };
  await using store = new RedisSessionStore({ sendCommand });
  await assertStoreCosts(store, { "redis commands": () => commands, "redis bytes": () => bytes });
});

/** Counts the bytes both ways while a client does something for each file. */
async function assertBytes(
  kind: "stateless" | "stateful" | "fetched",
  options: InProcessOptions,
  work: (client: Client) => Promise<void>,
): Promise<void> {
  await using run = await InProcess.start(options);
  await using tap = new Wiretap(run.port);
  const count = (parts: Uint8Array[][]) => perFile(parts.flat().map(({ length }) => length), FILES);
  const mode = kind === "stateless" ? kind : "stateful";
  await using client = await connect({ port: tap.port, mode });
  await send(client);
  const before = [count(tap.sent), count(tap.answered)] as const;
  await work(client);
  const own = (way: "sent" | "answered") =>
    (kind === "fetched") === (way === "answered") ? 1024 : 0;
  assertCost(`bytes to the server, ${kind}`, count(tap.sent) - before[0] - own("sent"));
  assertCost(`bytes back, ${kind}`, count(tap.answered) - before[1] - own("answered"));
}

for (const mode of ["stateless", "stateful"] as const) {
  Deno.test(`counted: the bytes of a file on the wire, ${mode}`, () => assertBytes(mode, {}, send));
}

Deno.test("counted: the bytes of a file on the wire, fetched", () =>
  assertBytes("fetched", { anonymous: ["put", "get"] }, async (client) => {
    for (let i = 0; i < FILES; i++) {
      const { bytes } = await client.fetch({ name: "name.bin" }, () => {});
      assert.equal(bytes, 1024);
    }
  }));
