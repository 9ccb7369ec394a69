import assert from "node:assert/strict";
import { connectRedis } from "../../src/redis/connect.ts";
import { createLogger, type LogEvent, silentLogger } from "../../src/log.ts";
import { renewLease, type SessionRecord } from "../../src/session/mod.ts";
import { RedisSessionStore } from "../../src/store/mod.ts";
import { askRedis } from "../helpers/ask_redis.ts";
import { unavailable } from "../helpers/errors.ts";
import { RedisCluster, RedisSentinels } from "../helpers/redis_cluster.ts";
import { findProgram, testWith } from "../helpers/require.ts";
import { until } from "../helpers/serving.ts";
import { sample, sampleId, T0 } from "../session/samples.ts";
import { storeSuite } from "../store_suite.ts";
import { redisFixture } from "./redis_fixture.ts";

const REDIS: [string] = ["redis-server"];

/** What the suites share. */
let cluster: RedisCluster;
let sentinels: RedisSentinels;

const program = findProgram(...REDIS);
if (program !== undefined) {
  Deno.test.beforeAll(async () => {
    cluster = await RedisCluster.start(program);
    sentinels = await RedisSentinels.start(program);
  });
  Deno.test.afterAll(async () => {
    await cluster[Symbol.asyncDispose]();
    await sentinels[Symbol.asyncDispose]();
  });
}

for (const kind of ["Cluster", "Sentinel"] as const) {
  const name = `RedisSessionStore over ${kind}`;
  if (program === undefined) {
    testWith(REDIS, `${name} keeps the contract of the store suite`, async () => {});
    continue;
  }
  let prefixes = 0;
  storeSuite(name, () => {
    const { url } = kind === "Cluster" ? cluster : sentinels;
    return redisFixture(url, `suite${prefixes++}:`);
  });
}

/** A store that listens, and another to announce. */
async function fixture(url: string, log = silentLogger) {
  await using opened = new AsyncDisposableStack();
  const link = opened.use(await connectRedis(url, log));
  const other = opened.use(await connectRedis(url, log));
  const { client, subscriber } = link;
  const store = opened.use(new RedisSessionStore(client, { subscriber }));
  const teller = opened.use(new RedisSessionStore(other.client));
  const heard: string[] = [];
  const watch = opened.use(store.watch!((id, epoch) => heard.push(`${id} ${epoch}`)));
  const told = (id: string, epoch: number) =>
    until(async () => {
      await teller.announce(id, epoch).catch(() => {});
      return heard.includes(`${id} ${epoch}`);
    }, `the announcement of epoch ${epoch}`);
  const owned = opened.move();
  return {
    client,
    store,
    teller,
    heard,
    told,
    watch,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/**
 * Saves and loads without pause until everything goes well again after the loss, and holds each
 * answer against what is known: a save is known to be stored, known not to be, or unknown.
 */
async function survives(
  store: SessionStoreLike,
  ids: readonly string[],
  lose: () => Promise<void>,
) {
  const known = new Map<string, SessionRecord>();
  for (const id of ids) {
    const record = sample({ id });
    assert.ok(await store.save(record));
    known.set(id, record);
  }
  await store.copied();
  await lose();
  let failures = 0;
  let slowest = 0;
  const end = performance.now() + 10_000;
  for (let good = 0; good < ids.length;) {
    assert.ok(performance.now() < end, `not back within 10 s after ${failures} failures`);
    good = 0;
    for (const id of ids) {
      const began = performance.now();
      try {
        const found = await store.load(id);
        assert.ok(found !== undefined, "a stored session is never denied");
        assert.ok(found.version >= known.get(id)!.version, "nor is an older one given for it");
        const next = renewLease(found, T0 + found.version);
        assert.equal(await store.save(next), true, "nobody else writes");
        known.set(id, next);
        good++;
      } catch (error) {
        if (!unavailable(error)) throw error;
        failures++;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      slowest = Math.max(slowest, performance.now() - began);
    }
  }
  assert.ok(failures > 0, "the loss was felt");
  assert.ok(slowest < 3000, `no wait is longer than the bound: ${slowest} ms`);
}

interface SessionStoreLike extends Pick<RedisSessionStore, "load" | "save"> {
  /** Waits until the replicas have copied everything: the rest would be lost with the master. */
  copied(): Promise<void>;
}

const IDS = Array.from({ length: 6 }, (_, i) => sampleId(i + 1));

testWith(
  REDIS,
  "S-DEG-2 S-TAKE-3 a Cluster loses a node and goes on with its replica",
  async (path) => {
    await using own = await RedisCluster.start(path, true);
    await using at = await fixture(own.url);
    await at.told(sampleId(1), 2);
    const copied = async () => {
      for (const node of own.masters) {
        await until(async () => {
          const info = await node.command("INFO", "replication");
          return info.includes(`,offset=${/master_repl_offset:(\d+)/.exec(info)?.[1]},`);
        }, "a full copy");
      }
    };
    const store = {
      load: at.store.load.bind(at.store),
      save: at.store.save.bind(at.store),
      copied,
    };
    await survives(store, IDS, () => own.masters[0]!.kill());
    await at.told(sampleId(1), 3);
    assert.deepEqual((await Array.fromAsync(at.store.list(), ({ id }) => id)).sort(), [...IDS]);
    await at.watch[Symbol.asyncDispose]();
  },
);

testWith(REDIS, "S-DEG-2 a Cluster without replicas is back when its node is", async (path) => {
  await using own = await RedisCluster.start(path);
  await using at = await fixture(own.url);
  await at.told(sampleId(1), 2);
  for (const id of IDS) assert.ok(await at.store.save(sample({ id })));
  const lost = own.masters[1]!;
  await lost.kill();
  for (const node of [own.masters[0]!, own.masters[2]!]) {
    await until(
      async () => (await node.command("CLUSTER", "INFO")).includes("cluster_state:fail"),
      "a Cluster that knows of its loss",
    );
  }
  const began = performance.now();
  for (const id of IDS) await assert.rejects(at.store.load(id), unavailable);
  assert.ok(performance.now() - began < 1000, "nobody waits for a node that is away");
  await lost.start();
  await until(
    async () => {
      const found = await Promise.all(IDS.map((id) => at.store.load(id).catch(() => null)));
      return found.every((each) => each !== null);
    },
    "the Cluster is whole again",
  );
  await at.told(sampleId(1), 3);
});

testWith(REDIS, "S-DEG-2 S-TAKE-3 the master is lost and Sentinel names another", async (path) => {
  await using own = await RedisSentinels.start(path, "s3cr3t");
  const events: LogEvent[] = [];
  const log = createLogger((event) => events.push(event), "debug");
  await using at = await fixture(own.urlWith(":s3cr3t@"), log);
  await at.told(sampleId(1), 2);
  const copied = async () => {
    await until(
      async () => Number(await at.client.sendCommand(["WAIT", "1", "100"])) === 1,
      "a copy",
    );
  };
  const store = { load: at.store.load.bind(at.store), save: at.store.save.bind(at.store), copied };
  await survives(store, IDS, () => own.master.kill());
  await at.told(sampleId(1), 3);
  await at.watch[Symbol.asyncDispose]();
  const before = at.heard.length;
  await at.teller.announce(sampleId(1), 4);
  await at.store.stats();
  assert.equal(at.heard.length, before);
  assert.ok(events.some(({ event }) => event === "redis.lost"));
  assert.doesNotMatch(JSON.stringify(events), /s3cr3t/);

  // A link that starts while no Sentinel runs goes on trying, and finds one later.
  for (const each of own.sentinels) await each.kill();
  await using link = await connectRedis(own.urlWith(":s3cr3t@"), silentLogger);
  await using late = new RedisSessionStore(link.client);
  await assert.rejects(late.stats(), unavailable);
  await own.sentinels[1]!.start();
  await until(() => late.stats().then(() => true, () => false), "the store is there");
});

testWith(REDIS, "redis+cluster:// needs --allow-net alone", async () => {
  const said = await askRedis(cluster.url);
  assert.match(said, /^redis\.ready undefined\nnull$/m, said);
});
