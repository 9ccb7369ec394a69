/** What Redis refuses, and what becomes of the connection then: src/redis/mod.ts has the table. @module */
import assert from "node:assert/strict";
import { createLogger, type LogEvent, silentLogger } from "../../src/log.ts";
import { isReplica } from "../../src/redis/client.ts";
import { connectRedis } from "../../src/redis/connect.ts";
import { renewLease } from "../../src/session/mod.ts";
import { RedisSessionStore } from "../../src/store/mod.ts";
import { RedisCluster, RedisSentinels } from "../helpers/redis_cluster.ts";
import { RedisServer } from "../helpers/redis_server.ts";
import { testWith } from "../helpers/require.ts";
import { until } from "../helpers/serving.ts";
import { pure, sample, sampleId, T0 } from "../session/samples.ts";
import { storeOn } from "./redis_fixture.ts";

const REDIS: [string] = ["redis-server"];

/** A name of a Redis, as a service in front of several servers keeps it: it leads to one of them. */
class Name implements AsyncDisposable {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #open = new Set<Deno.Conn>();
  readonly #accepting: Promise<void>;
  #target: RedisServer;

  constructor(target: RedisServer) {
    this.#target = target;
    this.#accepting = this.#accept();
  }

  get port(): number {
    return this.#listener.addr.port;
  }

  /** For connections that are made from now on. */
  leadsTo(target: RedisServer): void {
    this.#target = target;
  }

  async #accept(): Promise<void> {
    for await (const near of this.#listener) {
      const far = await Deno.connect({ hostname: "127.0.0.1", port: this.#target.port });
      for (const conn of [near, far]) this.#open.add(conn);
      near.readable.pipeTo(far.writable).catch(() => {});
      far.readable.pipeTo(near.writable).catch(() => {});
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    await this.#accepting;
    for (const conn of this.#open) {
      try {
        conn.close();
      } catch {
        // Its other side has closed it.
      }
    }
  }
}

testWith(
  REDIS,
  "S-DEG-2 a name that leads to another master is asked again once the old one takes no writes",
  async (path) => {
    await using first = await RedisServer.start(path);
    await using second = await RedisServer.start(path);
    await using name = new Name(first);
    const events: LogEvent[] = [];
    const log = createLogger((event) => events.push(event), "debug");
    await using link = await connectRedis(`redis://127.0.0.1:${name.port}`, log);
    await using store = new RedisSessionStore(link.client, { subscriber: link.subscriber });
    const heard: number[] = [];
    await using watch = store.watch!((_, epoch) => heard.push(epoch));
    await until(() => watch.hearing!(), "the channel is heard");
    assert.ok(await store.save(sample()));
    // The old master keeps its connections, answers reads, and refuses writes.
    name.leadsTo(second);
    await first.command("REPLICAOF", "127.0.0.1", "1");
    await assert.rejects(store.check(), (error: Error) => /READONLY/.test(String(error.cause)));
    const began = performance.now();
    await until(() => store.check().then(() => true, () => false), "writes", 5000);
    assert.ok(await store.save(sample({ id: sampleId(2) })));
    await until(
      async () => {
        await store.announce(sampleId(2), 5);
        return heard.includes(5);
      },
      "messages of the new master",
      5000,
    );
    assert.ok(performance.now() - began < 5000);
    const lost = events.filter(({ event }) => event === "redis.lost");
    assert.deepEqual(lost.map(({ fields }) => fields.reason), ["READONLY", "READONLY"]);
  },
);

testWith(
  REDIS,
  "S-DEG-2 a Redis that can keep no more is told by check() alone, and keeps its connections",
  async (path) => {
    await using at = await storeOn(path);
    assert.ok(await at.store.save(sample()));
    const connections = async () =>
      (await at.redis.command("CLIENT", "LIST")).match(
        /^id=\d+(?=.*cmd=(eval|get|subscribe))/gm,
      );
    const full = [
      ["OOM", ["maxmemory", "1"], ["maxmemory", "0"]],
      ["NOREPLICAS", ["min-replicas-to-write", "1"], ["min-replicas-to-write", "0"]],
    ] as const;
    await at.store.check();
    const before = await connections();
    for (const [reason, lack, room] of full) {
      await at.redis.command("CONFIG", "SET", ...lack);
      for (const write of [() => at.store.check(), () => at.store.save(renewLease(sample(), T0))]) {
        await assert.rejects(write(), (error: Error) => String(error.cause).includes(reason));
      }
      assert.deepEqual(await at.store.load(sampleId(1)), sample(), "reading goes on");
      assert.equal((await at.store.stats()).live, 1);
      await at.redis.command("CONFIG", "SET", ...room);
      await at.store.check();
    }
    assert.deepEqual(await connections(), before);
  },
);

testWith(
  REDIS,
  "S-TAKE-3 a user without channels is told of once, hears nothing, and says so",
  async (path) => {
    await using redis = await RedisServer.start(path);
    const acl = "ACL SETUSER fx on >pw ~fxfer:* resetchannels +@all".split(" ");
    await redis.command(...acl);
    const events: LogEvent[] = [];
    const log = createLogger((event) => events.push(event));
    await using link = await connectRedis(`redis://fx:pw@127.0.0.1:${redis.port}`, silentLogger);
    const { client, subscriber } = link;
    await using store = new RedisSessionStore(client, { subscriber, log });
    {
      await using watch = store.watch!(() => {});
      for (let epoch = 2; epoch < 5; epoch++) await store.announce(sampleId(1), epoch);
      await until(() => events.length > 0, "a warning");
      assert.equal(watch.hearing!(), false);
    }
    assert.deepEqual(events.map(({ event, level }) => [event, level]), [[
      "takeover.unheard",
      "warn",
    ]]);
    assert.deepEqual(events[0]!.fields.reason, "NOPERM");
    await redis.command("ACL", "SETUSER", "fx", "allchannels");
    await using watch = store.watch!(() => {});
    await until(() => watch.hearing!(), "it hears");
    // Redis ends the connection of a user that loses a channel.
    await redis.command("ACL", "SETUSER", "fx", "resetchannels");
    await until(() => !watch.hearing!(), "it hears no more");
    assert.ok(await store.save(sample()));
    await redis.command("ACL", "SETUSER", "fx", "allchannels");
    await redis.clients(2);
  },
);

pure("A replica is known by its reply, also when Redis 6 says it inside a script", () => {
  const replies = {
    "READONLY You can't write against a read only replica.": true,
    "ERR Error running script (call to f_0): @user_script:7: -READONLY You can't write": true,
    "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.": true,
    "OOM command not allowed when used memory > 'maxmemory'.": false,
    "LOADING Redis is loading the dataset in memory": false,
    "MISCONF Redis is configured to save RDB snapshots, but it's READONLY now": false,
    "NOSCRIPT No matching script.": false,
  };
  for (const [text, expected] of Object.entries(replies)) {
    assert.equal(isReplica(new Error(text)), expected, text);
  }
});

for (const kind of ["Cluster", "Sentinel"] as const) {
  testWith(REDIS, `S-TAKE-3 a user without channels uses a ${kind} nevertheless`, async (path) => {
    await using redis = kind === "Cluster"
      ? await RedisCluster.start(path)
      : await RedisSentinels.start(path);
    const nodes = redis instanceof RedisCluster ? redis.masters : [redis.master, redis.replica];
    const acl = "ACL SETUSER fx on >pw ~fxfer:* resetchannels +@all".split(" ");
    for (const each of nodes) await each.command(...acl);
    const events: LogEvent[] = [];
    const log = createLogger((event) => events.push(event));
    await using link = await connectRedis(redis.url.replace("://", "://fx:pw@"), log);
    const { client, subscriber } = link;
    await using store = new RedisSessionStore(client, { subscriber, log });
    await using watch = store.watch!(() => {});
    assert.ok(await store.save(sample()));
    await until(() => events.some(({ event }) => event === "takeover.unheard"), "a warning");
    assert.equal(watch.hearing!(), false);
    for (let n = 2; n < 20; n++) assert.ok(await store.save(sample({ id: sampleId(n) })));
    const warnings = events.filter(({ level }) => level === "warn");
    assert.deepEqual(warnings.map(({ event }) => event), ["takeover.unheard"]);
  });
}
