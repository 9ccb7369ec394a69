import assert from "node:assert/strict";
import { connectRedis } from "../../src/redis/connect.ts";
import { createLogger, type LogEvent, silentLogger } from "../../src/log.ts";
import { close, detach, execute, renewLease, type SessionRecord } from "../../src/session/mod.ts";
import { type RedisClient, RedisSessionStore } from "../../src/store/mod.ts";
import type { RedisLink } from "../../src/redis/client.ts";
import { unavailable } from "../helpers/errors.ts";
import { RedisServer } from "../helpers/redis_server.ts";
import { findProgram, testWith } from "../helpers/require.ts";
import { until } from "../helpers/serving.ts";
import { coded, pure, sample, sampleId, sampleRun, T0 } from "../session/samples.ts";
import { storeSuite } from "../store_suite.ts";
import { redisFixture, storeOn } from "./redis_fixture.ts";

const REDIS: [string] = ["redis-server"];

const program = findProgram(...REDIS);
if (program === undefined) {
  testWith(REDIS, "RedisSessionStore keeps the contract of the store suite", async () => {});
} else {
  let redis: RedisServer;
  let prefixes = 0;
  Deno.test.beforeAll(async () => {
    redis = await RedisServer.start(program);
  });
  Deno.test.afterAll(async () => {
    await redis[Symbol.asyncDispose]();
  });
  storeSuite("RedisSessionStore", () => redisFixture(redis.url, `suite${prefixes++}:`));
}

testWith(
  REDIS,
  "RedisSessionStore lets each record vanish by itself when its tombstone is over",
  async (path) => {
    await using at = await storeOn(path);
    const hour = 3_600_000;
    const terms = { keepaliveMs: 10_000, expiryMs: 60_000 };
    const ttl = async () => {
      const { client } = at.link;
      return Number(await client.sendCommand(["PTTL", `fxfer:{session:${sampleId(1)}}`]));
    };
    const near = (ms: number, expected: number) =>
      assert.ok(Math.abs(ms - expected) < 2000, `${ms} is about ${expected}`);
    const first = sample(terms);
    await at.store.save(first);
    near(await ttl(), 20_000 + 60_000 + hour); // its lease, E, the tombstone
    const detached = detach(first, T0 + 500);
    await at.store.save(detached);
    near(await ttl(), 60_000 + hour);
    await at.store.save(close(detached, T0 + 5000));
    near(await ttl(), hour);
  },
);

testWith(
  REDIS,
  "RedisSessionStore puts all keys of a session into one slot and uses no others",
  async (path) => {
    await using at = await storeOn(path);
    const record = sample();
    await at.store.save(record);
    await at.store.save(execute(record, sampleRun(1)));
    const keys = async () => (await at.link.client.sendCommand(["KEYS", "*"]) as string[]).sort();
    const key = `fxfer:{session:${sampleId(1)}}`;
    assert.deepEqual(await keys(), ["fxfer:live", key, `${key}:ring`]);
    await at.store.delete(record.id);
    assert.deepEqual(await keys(), []);
  },
);

testWith(REDIS, "RedisSessionStore sends of the kept replies only what is new", async (path) => {
  await using at = await storeOn(path);
  let sent: string[] = [];
  let losing = false;
  const listens: RedisClient = {
    sendCommand: async (args) => {
      const reply = await at.link.client.sendCommand(sent = args);
      if (losing) throw new Error("the reply is lost");
      return reply;
    },
  };
  await using store = new RedisSessionStore(listens);
  let record = sample();
  const replies = async (next: SessionRecord) => {
    assert.ok(await store.save(record = next));
    return sent.join().match(/"fingerprint":"f\d+"/g)?.length ?? 0;
  };
  await replies(record);
  for (let i = 1; i <= 9; i++) {
    assert.equal(await replies(execute(record, sampleRun(i))), 1);
    assert.equal(await replies(renewLease(record, T0)), 0);
  }
  record = (await store.load(record.id))!;
  assert.equal(await replies(execute(record, sampleRun(10))), 1, "also after a load");
  // After a save that failed, neither its outcome nor the content of the list is known.
  losing = true;
  const eleventh = execute(record, sampleRun(11));
  await assert.rejects(store.save(eleventh), unavailable);
  losing = false;
  assert.equal(await replies(execute(eleventh, sampleRun(12))), 4, "the whole ring");
  assert.deepEqual(await store.load(record.id), record);
});

testWith(
  REDIS,
  "RedisSessionStore keeps the replies as long as their record",
  async (path) => {
    await using at = await storeOn(path);
    const first = sample();
    await at.store.save(first);
    await at.store.save(execute(first, sampleRun(1)));
    const ttl = async (key: string) => Number(await at.link.client.sendCommand(["PTTL", key]));
    const key = `fxfer:{session:${sampleId(1)}}`;
    const record = await ttl(key);
    assert.ok(record > 3_600_000);
    assert.ok(Math.abs(await ttl(`${key}:ring`) - record) < 2000);
  },
);

testWith(
  REDIS,
  "RedisSessionStore.list() heals what a crash between two commands left",
  async (path) => {
    await using at = await storeOn(path);
    const { client } = at.link;
    const all = () => Array.fromAsync(at.store.list(), ({ id }) => id);
    // The record is stored, but has only a tentative entry.
    await at.store.save(sample());
    await client.sendCommand(["ZADD", "fxfer:live", String(Date.now() + 5000), sampleId(1)]);
    // The record is gone, but its entry is not.
    await client.sendCommand(["ZADD", "fxfer:live", String(Date.now() + 9e6), sampleId(2)]);
    // The session has ended, but its entry is among the live ones.
    const third = sample({ id: sampleId(3) });
    await at.store.save(third);
    await at.store.save(close(third, T0 + 1));
    await client.sendCommand(["ZREM", "fxfer:ended", sampleId(3)]);
    await client.sendCommand(["ZADD", "fxfer:live", String(Date.now() + 9e6), sampleId(3)]);
    assert.deepEqual((await all()).sort(), [sampleId(1), sampleId(3)]);
    assert.deepEqual(await at.store.stats(), { live: 1, ended: 1 });
    const score = Number(await client.sendCommand(["ZSCORE", "fxfer:live", sampleId(1)]));
    assert.ok(score > Date.now() + 1_800_000, "its entry is as good as its record again");
  },
);

testWith(
  REDIS,
  "RedisSessionStore counts a record whose creation failed for half a minute at most",
  async (path) => {
    await using at = await storeOn(path);
    const { client } = at.link;
    const fails: RedisClient = {
      // A script with two keys is the one that stores the record.
      sendCommand: (args) =>
        args[2] === "2" ? Promise.reject(new Error("lost")) : client.sendCommand(args),
    };
    await using store = new RedisSessionStore(fails);
    await assert.rejects(store.save(sample()), unavailable);
    const score = Number(await client.sendCommand(["ZSCORE", "fxfer:live", sampleId(1)]));
    assert.ok(score > Date.now() && score <= Date.now() + 30_000);
    assert.equal(
      await at.store.save(sample({ id: sampleId(2) }), 1),
      false,
      "it takes room so long",
    );
  },
);

testWith(REDIS, "RedisSessionStore asks nothing of tombstones but their number", async (path) => {
  await using at = await storeOn(path);
  const { client } = at.link;
  for (let n = 0; n < 200; n++) {
    const record = sample({ id: sampleId(n) });
    assert.ok(await at.store.save(record));
    if (n > 0) assert.ok(await at.store.save(close(record, T0 + 1)));
  }
  // An entry whose time is over goes when the next session ends.
  await client.sendCommand(["ZADD", "fxfer:ended", "1", "long ago"]);
  let sent = 0;
  await using store = new RedisSessionStore({
    sendCommand: (args) => (sent++, client.sendCommand(args)),
  });
  assert.equal((await Array.fromAsync(store.list("live"))).length, 1);
  assert.deepEqual(await store.stats(), { live: 1, ended: 199 });
  assert.ok(sent < 10, `${sent} commands`);
  assert.ok(await store.save(close(sample({ id: sampleId(0) }), T0 + 1)));
  assert.equal(await client.sendCommand(["ZSCORE", "fxfer:ended", "long ago"]), null);
});

testWith(REDIS, "RedisSessionStore survives that Redis forgets its script", async (path) => {
  await using at = await storeOn(path);
  const first = sample();
  assert.ok(await at.store.save(first));
  await at.redis.command("SCRIPT", "FLUSH");
  assert.ok(await at.store.save(renewLease(first, T0 + 1)));
  assert.equal(await at.store.save(renewLease(first, T0 + 2)), false);
});

testWith(REDIS, "RedisSessionStore refuses a value that is none of its records", async (path) => {
  await using at = await storeOn(path);
  await at.redis.command("SET", `fxfer:{session:${sampleId(1)}}`, "not a record");
  await assert.rejects(at.store.load(sampleId(1)), unavailable);
  await assert.rejects(at.store.save(sample()), unavailable);
  assert.match(await at.redis.command("GET", `fxfer:{session:${sampleId(1)}}`), /not a record/);
});

testWith(
  REDIS,
  "RedisSessionStore sets aside what is no record at all, for as long as it would have been kept",
  async (path) => {
    await using at = await storeOn(path);
    const { client } = at.link;
    for (const n of [1, 2, 3, 4]) {
      const record = sample({ id: sampleId(n) });
      assert.ok(await at.store.save(record));
      assert.ok(await at.store.save(execute(record, sampleRun(1))));
    }
    const key = (n: number) => `fxfer:{session:${sampleId(n)}}`;
    const set = (...args: string[]) => client.sendCommand(args);
    await set("DEL", key(1));
    await set("RPUSH", key(1), "a list");
    await set("DEL", `${key(2)}:ring`);
    await set("SET", `${key(2)}:ring`, "no list");
    // A byte that is no text, also at the place where the version stands.
    await at.redis.command("EVAL", "redis.call('SETRANGE', KEYS[1], 12, '\\255')", "1", key(3));
    const all = async () => (await Array.fromAsync(at.store.list(), ({ id }) => id)).sort();
    assert.deepEqual(await all(), [sampleId(4)]);
    assert.deepEqual(await at.store.stats(), { live: 1, ended: 0 });
    for (const n of [1, 2, 3]) {
      assert.equal(await set("EXISTS", key(n), `${key(n)}:ring`), 0, String(n));
      assert.equal(await set("EXISTS", `${key(n)}:damaged`), 1);
    }
    assert.ok(Number(await set("PTTL", `${key(3)}:damaged`)) > 3_600_000);
  },
);

testWith(
  REDIS,
  "S-DEG-2 a save that Redis answers too late is unknown, and its answer is taken for no other",
  async (path) => {
    await using at = await storeOn(path, 150);
    const first = sample();
    assert.ok(await at.store.save(first));
    const second = renewLease(first, T0 + 1);
    await at.redis.command("CLIENT", "PAUSE", "600", "ALL");
    const began = performance.now();
    await assert.rejects(at.store.save(second), unavailable);
    assert.ok(performance.now() - began < 500, "the wait is bounded");
    // The late reply to that save, a 1, must not be taken for the reply to this one, which is 0.
    const answers: unknown[] = [];
    for (let done = false; !done;) {
      await at.store.save({ ...first, version: 9 }).then(
        (saved) => (answers.push(saved), done = true),
        (error) => assert.ok(unavailable(error)),
      );
    }
    assert.deepEqual(answers, [false]);
    // The record was stored nevertheless: after an error the caller must load it and look.
    assert.deepEqual(await at.store.load(first.id), second);
  },
);

testWith(
  REDIS,
  "RedisSessionStore fails at once while Redis is away and goes on when it is back",
  async (path) => {
    await using at = await storeOn(path);
    assert.ok(await at.store.save(sample()));
    await at.redis.kill();
    await assert.rejects(at.store.load(sampleId(1)), unavailable);
    const began = performance.now();
    await assert.rejects(at.store.save(sample({ id: sampleId(2) })), unavailable);
    await assert.rejects(at.store.stats(), unavailable);
    assert.ok(performance.now() - began < 1000, "nobody waits for a Redis that is away");
    await at.redis.start();
    await until(() => at.store.stats().then(() => true, () => false), "the store is back");
    assert.ok(await at.store.save(sample()), "this Redis keeps nothing over a restart");
    await at.redis.clients(2);
  },
);

testWith(
  REDIS,
  "S-TAKE-3 RedisSessionStore.watch() hears what another server announces, also after an outage",
  async (path) => {
    await using at = await storeOn(path);
    await using other = await connectRedis(at.redis.url, silentLogger);
    await using teller = new RedisSessionStore(other.client);
    const heard: [string, number][] = [];
    const told = (id: string, epoch: number) =>
      until(async () => {
        await teller.announce(id, epoch).catch(() => {});
        return heard.some(([each, at]) => each === id && at === epoch);
      }, `the announcement of epoch ${epoch}`);
    await using watch = at.store.watch!((id, epoch) => heard.push([id, epoch]));
    await told(sampleId(1), 2);
    await at.redis.command("PUBLISH", "fxfer:takeover", "no announcement");
    await at.redis.kill();
    await at.redis.start();
    await told(sampleId(1), 3);
    await watch[Symbol.asyncDispose]();
    const before = heard.length;
    await teller.announce(sampleId(1), 4);
    await teller.stats();
    assert.equal(heard.length, before);
    await at.redis.clients(4);
  },
);

testWith(
  REDIS,
  "connectRedis() starts without Redis, and no log line holds the password",
  async (path) => {
    await using redis = await RedisServer.start(path, ["--requirepass", "s3cr3t"]);
    await redis.kill();
    const events: LogEvent[] = [];
    const log = createLogger((event) => events.push(event), "debug");
    const url = (password: string) => `redis://:${password}@127.0.0.1:${redis.port}`;
    await using opened = new AsyncDisposableStack();
    const connecting = ["s3cr3t", "wr0ng"].map((password) => connectRedis(url(password), log));
    const [right, wrong] = await Promise.all(connecting) as [RedisLink, RedisLink];
    opened.use(right);
    opened.use(wrong);
    await using store = new RedisSessionStore(right.client);
    await using refused = new RedisSessionStore(wrong.client);
    await assert.rejects(store.stats(), unavailable);
    const heard: number[] = [];
    await using early = new RedisSessionStore(right.client, { subscriber: right.subscriber });
    await using _watch = early.watch!((_, epoch) => heard.push(epoch));
    await redis.start();
    await until(() => store.stats().then(() => true, () => false), "the store is back");
    await until(async () => (await early.announce(sampleId(1), 7), heard.includes(7)), "told");
    await assert.rejects(refused.stats(), unavailable);
    await until(() => events.some(({ fields }) => fields.reason === "WRONGPASS"), "its reason");
    await right.client.sendCommand(["CONFIG", "SET", "requirepass", "wr0ng"]);
    await until(() => refused.stats().then(() => true, () => false), "let in after all");
    assert.doesNotMatch(JSON.stringify(events), /s3cr3t|wr0ng/);
    await until(() => events.filter(({ event }) => event === "redis.ready").length === 4, "ready");
  },
);

Deno.test("connectRedis() refuses a URL of another kind and does not repeat it", async () => {
  await assert.rejects(connectRedis("http://user:s3cr3t@127.0.0.1", silentLogger), (error) => {
    assert.ok(coded("config_invalid")(error));
    assert.doesNotMatch(Deno.inspect(error), /s3cr3t/);
    return true;
  });
});

/** A client that never answers. */
const SILENT: RedisClient = { sendCommand: () => new Promise(() => {}) };

pure("RedisSessionStore refuses a commandTimeoutMs that is no time", () => {
  for (const commandTimeoutMs of [0, -1, 0.5, NaN]) {
    assert.throws(() => new RedisSessionStore(SILENT, { commandTimeoutMs }), RangeError);
  }
});

pure("RedisSessionStore waits for a reply no longer than commandTimeoutMs", async () => {
  await using store = new RedisSessionStore(SILENT, { commandTimeoutMs: 20 });
  const record: SessionRecord = sample();
  await assert.rejects(store.save(record), unavailable);
  await assert.rejects(store.load(record.id), unavailable);
});

pure("RedisSessionStore leaves no rejection unhandled that comes after its timeout", async () => {
  const { promise, reject } = Promise.withResolvers<never>();
  const late: RedisClient = { sendCommand: () => promise };
  await using store = new RedisSessionStore(late, { commandTimeoutMs: 10 });
  await assert.rejects(store.load(sampleId(1)), unavailable);
  reject(new Error("the connection was lost"));
  await new Promise((resolve) => setTimeout(resolve, 1));
});
