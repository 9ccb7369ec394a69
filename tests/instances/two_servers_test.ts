/** Two servers on one store and one folder (S-TAKE): a session moves between them. @module */
import assert from "node:assert/strict";
import { assertContents } from "../helpers/files.ts";
import { expectCode } from "../helpers/in_process.ts";
import { inRedis, inSqlite, Instance, openBelow, type OpenStore } from "../helpers/instances.ts";
import { attach } from "../../src/session/mod.ts";
import { FLAGS_RW, Program } from "../helpers/program.ts";
import { Random } from "../helpers/random.ts";
import { RawPeer } from "../helpers/raw_peer.ts";
import { RedisServer } from "../helpers/redis_server.ts";
import { testWith } from "../helpers/require.ts";
import { until } from "../helpers/serving.ts";
import { TempDir } from "../helpers/temp.ts";

/** What two servers share, and how to get both. */
interface Site extends AsyncDisposable {
  readonly folder: string;
  readonly a: Instance;
  readonly b: Instance;
}

async function siteOf(
  opened: AsyncDisposableStack,
  folder: TempDir,
  open: OpenStore,
): Promise<Site> {
  const storage = folder.join("storage");
  const a = opened.use(await Instance.start("a", storage, open));
  const b = opened.use(await Instance.start("b", storage, open));
  const owned = opened.move();
  return { folder: storage, a, b, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/** The same test over each store that servers can share. */
function eachStore(name: string, fn: (site: Site) => Promise<void>): void {
  testWith(["redis-server"], `${name}, redis`, async (path) => {
    await using opened = new AsyncDisposableStack();
    const folder = opened.use(await TempDir.make());
    const redis = opened.use(await RedisServer.start(path));
    await using site = await siteOf(opened, folder, inRedis(redis.url));
    await fn(site);
  });
  Deno.test(`${name}, sqlite`, async () => {
    await using opened = new AsyncDisposableStack();
    const folder = opened.use(await TempDir.make());
    await using site = await siteOf(opened, folder, inSqlite(folder.join("sessions.db")));
    await fn(site);
  });
}

eachStore(
  "S-TAKE-7 sessions of servers that have died change hands as often as they like",
  async ({ a, b }) => {
    let id: string | null = null;
    for (let each = 0; each < 8; each++) {
      using peer = await a.peer();
      expectCode(await peer.connect({}, id), each === 0 ? "session_created" : "session_resumed");
      id = peer.id;
      peer.close();
      await a.detached(id);
      const now = Date.now();
      const { clientAddress, keepaliveMs, expiryMs } = await a.record(id);
      const dead = { now, clientAddress, keepaliveMs, expiryMs, instance: `dead ${each}` };
      assert.ok(await b.store.save(attach(await a.record(id), dead)));
    }
    assert.deepEqual((await a.record(id)).takeovers, []);
  },
);

eachStore(
  "S-TAKE-5 connections of two servers that displace each other are told to stop",
  async ({ a, b }) => {
    await using peers = new AsyncDisposableStack();
    let holder = peers.use(await a.peer());
    expectCode(await holder.connect(), "session_created");
    for (let each = 1; each <= 5; each++) {
      const next = peers.use(await (each % 2 === 0 ? a : b).peer());
      expectCode(await next.connect({}, holder.id), "session_resumed");
      expectCode(await holder.reply(), "session_taken_over");
      const counted = async () => (await a.record(holder.id)).takeovers.length === each;
      await until(counted, "the displaced server has said that its connection was alive");
      holder = next;
    }
    using another = await a.peer();
    expectCode(await another.connect({}, holder.id), "takeover_flapping");
    expectCode(await holder.upload("still mine"), "ok");
  },
);

eachStore(
  "S-TAKE-2 a session that alternates 50 times keeps one file a sequence, and epochs only go up",
  async ({ a, b, folder }) => {
    const random = new Random(50);
    const contents: Uint8Array[] = [];
    let id: string | null = null;
    let epoch = 0;
    for (let turn = 0; turn < 50; turn++) {
      const at = turn % 2 === 0 ? a : b;
      using peer = await at.peer();
      const data = expectCode(
        await peer.connect({}, id),
        id ? "session_resumed" : "session_created",
      );
      id = peer.id;
      assert.equal(data.next_sequence, turn + 1);
      const bytes = random.bytes(random.int(16, 3000));
      contents.push(bytes);
      assert.match(
        expectCode(await peer.upload(bytes), "ok").file.path,
        new RegExp(`_${turn + 1}_`),
      );
      const record = await at.record(id);
      assert.ok(record.epoch > epoch, "the epoch goes up");
      epoch = record.epoch;
      peer.close();
      await at.detached(id);
    }
    await assertContents(folder, contents);
  },
);

eachStore(
  "S-TRF-4 a file cut on one server goes on inside it on the other",
  async ({ a, b, folder }) => {
    const bytes = new Random(7).bytes(3_000_000);
    using first = await a.peer();
    await first.connect();
    const frame = first.transfer(bytes, { length: bytes.length });
    await first.send(frame.subarray(0, frame.length - 1_000_000));
    first.close();
    await a.detached(first.id);
    using second = await b.peer();
    const { upload } = expectCode(await second.connect({}, first.id), "session_resumed");
    assert.equal(upload.offset, 2_000_000);
    const data = { offset: upload.offset, length: bytes.length };
    expectCode(await second.upload(bytes.subarray(upload.offset), data), "ok");
    await assertContents(folder, [bytes]);
    // The first server has the file open still, parked; it lets go when it hears of the epoch.
    await until(
      async () => !(await openBelow(folder)).some((path) => /\.part/.test(path)),
      "let go",
    );
  },
);

eachStore(
  "S-TAKE-3 a silent connection is let go within a second when another server takes over",
  async ({ a, b }) => {
    using first = await a.peer();
    await first.connect();
    using second = await b.peer();
    expectCode(await second.connect({}, first.id), "session_resumed");
    const began = performance.now();
    const notice = await first.reply();
    const ms = performance.now() - began;
    assert.equal(notice.header.session.action, "disconnect");
    expectCode(notice, "session_taken_over");
    assert.ok(ms < 1100, `told after ${ms} ms`);
    expectCode(await second.upload("still mine"), "ok");
  },
);

eachStore(
  "S-TAKE-2 a payload under way is fenced off: its server closes the file and removes nothing",
  async ({ a, b, folder }) => {
    const random = new Random(9);
    const bytes = random.bytes(10_000_000); // a checkpoint after 8 MiB
    const other = random.bytes(1_000_000);
    using first = await a.peer();
    await first.connect();
    const frame = first.transfer(bytes, { length: bytes.length });
    await first.send(frame.subarray(0, frame.length - 1_000_000));
    await until(async () => ((await a.record(first.id)).upload?.offset ?? 0) > 0, "a checkpoint");
    await first.send(frame.subarray(frame.length - 1_000_000, frame.length - 500_000));
    using second = await b.peer();
    const { upload } = expectCode(await second.connect({}, first.id), "session_resumed");
    // The end of the file as the second client has it; the first one's bytes must not be in it.
    const end = other.subarray(0, Math.min(other.length, bytes.length - upload.offset));
    const whole = new Uint8Array(upload.offset + end.length);
    whole.set(bytes.subarray(0, upload.offset));
    whole.set(end, upload.offset);
    await second.send(second.transfer(end, { offset: upload.offset, complete: false }));
    expectCode(await second.reply(), "partial");
    expectCode(await first.reply(), "session_taken_over");
    const rest = bytes.subarray(whole.length);
    expectCode(await second.upload(rest, { offset: whole.length, length: bytes.length }), "ok");
    await assertContents(folder, [new Uint8Array([...whole, ...rest])]);
    await until(
      async () => !(await openBelow(folder)).some((path) => /\.part/.test(path)),
      "let go",
    );
  },
);

eachStore(
  "S-TAKE-2 racing resumes on both servers leave one holder and an intact file",
  async ({ a, b, folder }) => {
    const bytes = new Random(3).bytes(1_500_000);
    using first = await a.peer();
    await first.connect();
    const frame = first.transfer(bytes, { length: bytes.length });
    await first.send(frame.subarray(0, frame.length - 500_000));
    first.close();
    await a.detached(first.id);
    const attempts = await Promise.all(Array.from({ length: 12 }, async (_, n) => {
      const peer = await (n % 2 === 0 ? a : b).peer();
      const reply = await peer.connect({}, first.id).catch(() => undefined);
      if (reply?.data.code !== "session_resumed") return { peer, done: false };
      if (reply.data.upload === null) {
        // Another attempt has finished the file already: it is never lost.
        assert.equal(reply.data.next_sequence, 2);
        return { peer, done: true };
      }
      const { offset } = reply.data.upload;
      assert.ok(offset <= 1_000_000);
      const data = { offset, length: bytes.length };
      const sent = await peer.upload(bytes.subarray(offset), data).catch(() => undefined);
      return { peer, done: sent?.data.code === "ok" };
    }));
    for (const { peer } of attempts) peer.close();
    if (!attempts.some(({ done }) => done)) {
      await until(
        async () => {
          using last = await b.peer();
          const reply = await last.connect({}, first.id);
          if (reply.data.code !== "session_resumed") return false;
          const { offset } = reply.data.upload;
          const data = { offset, length: bytes.length };
          return expectCode(await last.upload(bytes.subarray(offset), data), "ok") !== undefined;
        },
        "the session is to be had again",
        8000,
      );
    }
    await assertContents(folder, [bytes]);
  },
);

testWith(
  ["redis-server"],
  "S-TAKE-3 a holder is told within a second also by a Redis whose user may use no channel",
  async (path) => {
    await using opened = new AsyncDisposableStack();
    const folder = opened.use(await TempDir.make());
    const redis = opened.use(await RedisServer.start(path));
    await redis.command(..."ACL SETUSER fx on >pw ~fxfer:* resetchannels +@all".split(" "));
    const open = inRedis(redis.url.replace("://", "://fx:pw@"));
    await using site = await siteOf(opened, folder, open);
    using first = await site.a.peer();
    await first.connect();
    using second = await site.b.peer();
    expectCode(await second.connect({}, first.id), "session_resumed");
    expectCode(await first.reply(1600), "session_taken_over");
    expectCode(await second.upload("mine now"), "ok");
  },
);

testWith(
  ["redis-server"],
  "S-TAKE-2 a server that slept through a takeover wakes fenced and changes nothing",
  async (path) => {
    await using folder = await TempDir.make();
    await using redis = await RedisServer.start(path);
    await using asleep = await Program.serve({
      cwd: folder.path,
      flags: FLAGS_RW,
      args: ["--persistence", "redis", "--redis-url", redis.url],
    });
    await using awake = await Instance.start("awake", asleep.storage, inRedis(redis.url));
    const random = new Random(11);
    const bytes = random.bytes(10_000_000);
    const instead = random.bytes(1_000_000);
    using first = await RawPeer.open(asleep);
    await first.connect();
    const frame = first.transfer(bytes, { length: bytes.length });
    await first.send(frame.subarray(0, frame.length - 1_500_000));
    await until(
      async () => ((await awake.record(first.id)).upload?.offset ?? 0) > 0,
      "a checkpoint",
    );
    asleep.signal("SIGSTOP");
    // It wakes with these in its hands, and they belong where the file goes on meanwhile.
    await first.send(frame.subarray(frame.length - 1_000_000, frame.length - 900_000));
    using second = await awake.peer();
    const { upload } = expectCode(await second.connect({}, first.id), "session_resumed");
    const end = { offset: upload.offset, length: upload.offset + instead.length };
    // Another end than the sleeper has: its bytes would show.
    const refused = await second.upload(instead, end, { sequence: 1 });
    assert.equal(refused.data.code, "length_mismatch");
    const rest = new Uint8Array(bytes.length - upload.offset).fill(7);
    const data = { offset: upload.offset, length: bytes.length };
    expectCode(await second.upload(rest, data, { sequence: 1 }), "ok");
    const record = await awake.record(first.id);
    const whole = new Uint8Array([...bytes.subarray(0, upload.offset), ...rest]);
    await assertContents(asleep.storage, [whole]);
    asleep.signal("SIGCONT");
    expectCode(await first.reply(), "session_taken_over");
    await first.rest();
    await asleep.event("session.fenced");
    await assertContents(asleep.storage, [whole]);
    const { takeovers: _, version: __, ...kept } = record;
    const { takeovers, version: ___, ...now } = await awake.record(first.id);
    assert.deepEqual(now, kept);
    assert.ok(takeovers.length <= 1, "it says at most that it is alive (S-TAKE-7)");
    assert.equal((await Array.fromAsync(Deno.readDir(`${asleep.storage}/.incoming`))).length, 0);
  },
);
