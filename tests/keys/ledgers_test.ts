/** The ledgers of users, each held to the suite. @module */
import assert from "node:assert/strict";
import { answerAsk, AskedLedger } from "../../src/app/workers/ledger.ts";
import { CLOCK_TOLERANCE_MS, MemoryLedger, type UserLedger } from "../../src/keys/mod.ts";
import { RedisLedger } from "../../src/keys/redis_ledger.ts";
import { SqliteLedger } from "../../src/keys/sqlite_ledger.ts";
import { silentLogger } from "../../src/log.ts";
import { connectRedis } from "../../src/redis/connect.ts";
import { RedisServer } from "../helpers/redis_server.ts";
import { findProgram, testWith } from "../helpers/require.ts";
import { TempDir } from "../helpers/temp.ts";
import { ledgerSuite } from "./ledger_suite.ts";

ledgerSuite("MemoryLedger", () => {
  const ledger = new MemoryLedger();
  return Promise.resolve({ ledger, other: ledger, [Symbol.asyncDispose]: async () => {} });
});

/** A worker's view of a ledger in the main thread. */
function asked(ledger: UserLedger): AskedLedger {
  const view = new AskedLedger(Date.now() - ledger.since, (call, ask) => {
    answerAsk(ledger, structuredClone(ask)).then((answer) => {
      view.answered(call, structuredClone(answer));
    });
  });
  return view;
}

ledgerSuite("AskedLedger", () => {
  const kept = new MemoryLedger();
  const [ledger, other] = [asked(kept), asked(kept)];
  return Promise.resolve({ ledger, other, [Symbol.asyncDispose]: async () => {} });
});

Deno.test("AskedLedger has the beginning of the ledger that it asks, not its own", () => {
  const hour = 3_600_000;
  const { since } = asked(new MemoryLedger(Date.now() - hour));
  assert.ok(Math.abs(since - (Date.now() - hour)) < 2000, `${since}`);
});

ledgerSuite("SqliteLedger", async () => {
  await using opened = new AsyncDisposableStack();
  const dir = opened.use(await TempDir.make());
  const ledger = opened.use(await SqliteLedger.open(dir.join("users.db")));
  const other = opened.use(await SqliteLedger.open(dir.join("users.db")));
  return Object.assign(opened.move(), { ledger, other });
});

const REDIS: [string] = ["redis-server"];
const program = findProgram(...REDIS);
if (program === undefined) {
  testWith(REDIS, "RedisLedger keeps the contract of the ledger suite", async () => {});
} else {
  let redis: RedisServer;
  let prefixes = 0;
  Deno.test.beforeAll(async () => {
    redis = await RedisServer.start(program);
  });
  Deno.test.afterAll(async () => {
    await redis[Symbol.asyncDispose]();
  });
  ledgerSuite("RedisLedger", async () => {
    await using opened = new AsyncDisposableStack();
    const prefix = `ledger${prefixes++}:`;
    const open = async () => {
      const { client } = opened.use(await connectRedis(redis.url, silentLogger));
      return new RedisLedger(client, prefix);
    };
    const [ledger, other] = [await open(), await open()];
    await ledger.begin(Date.now() - 3_600_000);
    return Object.assign(opened.move(), { ledger, other });
  });
}

testWith(
  REDIS,
  "S-KEY-3 a Redis that is full or away refuses, and lets nothing through",
  async (path) => {
    const redis = await RedisServer.start(path);
    await using _ended = redis;
    await using link = await connectRedis(redis.url, silentLogger);
    const ledger = new RedisLedger(link.client, "full:");
    await ledger.begin(Date.now() - 3_600_000);
    const take = (n: number) =>
      ledger.takeNonce("alice", String(n).padStart(22, "0"), Date.now() + 1000, Date.now());
    await redis.command("CONFIG", "SET", "maxmemory", "1");
    await assert.rejects(take(1), { code: "busy" });
    await redis.command("CONFIG", "SET", "maxmemory", "0");
    assert.equal(await take(1), true);
    const away = { sendCommand: () => Promise.reject(new Error("The socket is closed")) };
    const lost = new RedisLedger(away, "full:");
    const nonce = "2".padStart(22, "0");
    await assert.rejects(lost.takeNonce("alice", nonce, Date.now() + 1000, Date.now()), {
      code: "store_unavailable",
    });
  },
);

testWith(
  REDIS,
  "S-KEY-3 a Redis that lost its data lets no connect in that it may have seen",
  async (path) => {
    await using redis = await RedisServer.start(path);
    await using link = await connectRedis(redis.url, silentLogger);
    const ledger = new RedisLedger(link.client, "lost:");
    const begun = Date.now();
    assert.equal(await ledger.begin(begun), begun);
    const take = (time: number, letter: string, now: number) =>
      ledger.takeNonce("alice", letter.repeat(22), time + CLOCK_TOLERANCE_MS, now);
    assert.equal(await take(begun, "a", begun), true);
    await redis.command("FLUSHALL");
    const later = begun + 5000;
    await assert.rejects(take(begun, "a", later), {
      code: "busy",
      fields: { retry_after_ms: 5000 },
    });
    assert.equal(await take(later, "b", later), true);
    assert.equal(await take(later, "b", later), false);
  },
);

Deno.test("SqliteLedger forgets nothing when the program is started again", async () => {
  await using dir = await TempDir.make();
  const now = Date.now();
  for (const isNew of [true, false]) {
    await using ledger = await SqliteLedger.open(dir.join("users.db"));
    assert.equal(ledger.takeNonce("alice", "n".repeat(22), now + 60_000, now), isNew);
    assert.equal(ledger.usage("alice", now).bytes, isNew ? 0 : 7);
    ledger.charge("alice", "a", 7);
  }
});

Deno.test("SqliteLedger says in a sentence that its file cannot be used", async () => {
  await using dir = await TempDir.make();
  await Deno.writeTextFile(dir.join("users.db"), "no database at all, ".repeat(100));
  await assert.rejects(SqliteLedger.open(dir.join("users.db")), { code: "config_invalid" });
});

Deno.test("SqliteLedger is opened by many servers that start together", async () => {
  await using dir = await TempDir.make();
  const open = new URL("../../src/keys/sqlite_ledger.ts", import.meta.url).href;
  const code = `import { SqliteLedger } from ${JSON.stringify(open)};
    await using ledger = await SqliteLedger.open(Deno.args[0]);
    ledger.charge("alice", Deno.args[1], 1);`;
  await Deno.writeTextFile(dir.join("open.ts"), code);
  const path = dir.join("users.db");
  const runs = Array.from({ length: 6 }, (_, n) =>
    new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", dir.join("open.ts"), path, String(n)],
    }).output());
  for (const { success, stderr } of await Promise.all(runs)) {
    assert.ok(success, new TextDecoder().decode(stderr));
  }
  await using ledger = await SqliteLedger.open(path);
  assert.deepEqual(ledger.usage("alice", Date.now()), { bytes: 6, files: 6 });
});
