/** A SQLite file that others lock, remove or replace while a server works with it. @module */
import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { createLogger, type LogEvent } from "../../src/log.ts";
import { renewLease } from "../../src/session/mod.ts";
import { SqliteSessionStore, type SqliteSessionStoreOptions } from "../../src/store/mod.ts";
import { unavailable } from "../helpers/errors.ts";
import { until } from "../helpers/serving.ts";
import { TempDir } from "../helpers/temp.ts";
import { sample, sampleId, T0 } from "../session/samples.ts";

/** A store on a file of its own, with 20 sessions in it. */
async function fixture(options: SqliteSessionStoreOptions = {}) {
  const folder = await TempDir.make();
  const path = folder.join("sessions.db");
  const told: LogEvent[] = [];
  const log = createLogger((event) => told.push(event));
  const store = await SqliteSessionStore.open(path, { log, ...options });
  const records = Array.from({ length: 20 }, (_, n) => sample({ id: sampleId(n) }));
  for (const record of records) assert.ok(await store.save(record));
  return {
    folder,
    path,
    store,
    records,
    told,
    async [Symbol.asyncDispose]() {
      await store[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}

/** Another process's lock, as a backup or an operator's shell holds it. */
function lock(path: string): Disposable {
  const db = new DatabaseSync(path);
  db.exec("BEGIN EXCLUSIVE; UPDATE count SET live = live");
  return {
    [Symbol.dispose]() {
      db.exec("ROLLBACK");
      db.close();
    },
  };
}

/** The longest time for which this process did nothing else while `work` ran, in milliseconds. */
async function longestStandstill(work: () => Promise<unknown>): Promise<number> {
  let longest = 0;
  let last = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
  }, 1);
  await work();
  clearInterval(timer);
  return longest;
}

Deno.test("S-DEG-2 a locked SQLite file keeps those waiting who save, and nobody else", async () => {
  await using at = await fixture({ busyTimeoutMs: 400 });
  const outcomes: unknown[] = [];
  const save = async (now: number) => {
    await Promise.all(at.records.map(async (record) => {
      outcomes.push(await at.store.save(renewLease(record, now)).catch((error) => error));
    }));
  };
  {
    using _lock = lock(at.path);
    const began = performance.now();
    const standstill = await longestStandstill(() => save(T0 + 1));
    const took = performance.now() - began;
    assert.ok(took >= 400 && took < 1200, `the wait is bounded: ${took} ms`);
    assert.ok(standstill < 100, `everything else goes on: ${standstill} ms`);
    assert.equal(outcomes.filter((each) => unavailable(each)).length, 20);
    assert.deepEqual(await at.store.load(sampleId(3)), at.records[3], "readers do not wait");
  }
  outcomes.length = 0;
  await save(T0 + 2);
  assert.deepEqual(outcomes, Array(20).fill(true), "at once when the lock is gone");
});

Deno.test("A lock that ends in time is not noticed, whichever calls wait for it", async () => {
  await using at = await fixture();
  const [first] = at.records;
  let waiting: Promise<unknown[]>;
  {
    using _lock = lock(at.path);
    waiting = Promise.all([
      at.store.save(renewLease(first!, T0 + 1)),
      at.store.load(sampleId(2)),
      at.store.stats(),
      at.store.check(),
      Array.fromAsync(at.store.list()),
    ]);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  const [saved, loaded, stats, , list] = await waiting;
  assert.deepEqual([saved, loaded, stats], [true, at.records[2], { live: 20, ended: 0 }]);
  assert.equal((list as unknown[]).length, 20);
});

Deno.test("A store that is closed while calls wait for a lock answers each of them", async () => {
  await using at = await fixture();
  using _lock = lock(at.path);
  const waiting = at.records.map((record) => at.store.save(renewLease(record, T0)));
  const settled = Promise.allSettled(waiting);
  await at.store[Symbol.asyncDispose]();
  assert.ok((await settled).every(({ status }) => status === "rejected"));
});

const BESIDE = ["-wal", "-shm"];

/** What can become of the file, and whether the sessions in it are still there afterwards. */
const FATES: Readonly<Record<string, readonly [kept: boolean, act: (path: string) => unknown]>> = {
  "is removed with all that belongs to it": [false, (path) => {
    for (const suffix of ["", ...BESIDE]) Deno.removeSync(path + suffix);
  }],
  "is removed alone": [false, (path) => Deno.removeSync(path)],
  "is moved away": [false, (path) => Deno.renameSync(path, `${path}.old`)],
  "loses its journal": [true, (path) => Deno.removeSync(`${path}-wal`)],
  "loses the index of its journal": [true, (path) => Deno.removeSync(`${path}-shm`)],
  "is replaced by its backup": [true, async (path) => {
    using db = new DatabaseSync(path);
    db.exec(`VACUUM INTO '${path}.backup'`);
    await Deno.rename(`${path}.backup`, path);
  }],
};

for (const [fate, [kept, act]] of Object.entries(FATES)) {
  Deno.test(`No save counts that went to a file which ${fate}`, async () => {
    await using at = await fixture();
    const [record] = at.records;
    await act(at.path);
    await until(async () => {
      await at.store.check();
      return at.told.length > 0;
    }, "the store has looked");
    assert.deepEqual(at.told.map(({ event }) => event), ["store.reopened"]);
    const next = kept ? renewLease(record!, T0 + 1) : record!;
    assert.deepEqual(await at.store.load(record!.id), kept ? record : undefined);
    assert.equal(await at.store.save(renewLease(record!, T0 + 1)), kept);
    if (!kept) assert.ok(await at.store.save(record!));
    // What was saved is found by whoever opens the file, also if this process dies here.
    await using other = await SqliteSessionStore.open(at.path);
    assert.deepEqual(await other.load(record!.id), next);
    assert.deepEqual(await other.stats(), { live: kept ? 20 : 1, ended: 0 });
    assert.equal(at.told.length, 1);
  });
}

Deno.test("A file that was moved away keeps all that was saved in it", async () => {
  await using at = await fixture();
  await Deno.rename(at.path, at.folder.join("away.db"));
  await until(() => at.store.check().then(() => at.told.length > 0), "the store has looked");
  await using away = await SqliteSessionStore.open(at.folder.join("away.db"));
  assert.equal((await Array.fromAsync(away.list())).length, 20);
});

Deno.test("Without a file that can be opened every call fails, until there is one", async () => {
  await using at = await fixture();
  await Deno.writeTextFile(at.folder.join("other"), "no database ".repeat(500));
  await Deno.rename(at.folder.join("other"), at.path);
  await until(() => at.store.check().then(() => false, unavailable), "it is noticed");
  await assert.rejects(at.store.save(sample({ id: sampleId(99) })), unavailable);
  await assert.rejects(at.store.load(sampleId(1)), unavailable);
  await assert.rejects(at.store.stats(), unavailable);
  await Deno.remove(at.path);
  await until(() => at.store.check().then(() => true, () => false), "a new file");
  assert.ok(await at.store.save(at.records[0]!));
  assert.deepEqual(await at.store.stats(), { live: 1, ended: 0 });
});

Deno.test("SqliteSessionStore keeps a damaged record in a table, where an operator finds it", async () => {
  await using at = await fixture();
  using db = new DatabaseSync(at.path);
  db.prepare("UPDATE session SET record = 'damaged' WHERE id = ?").run(sampleId(4));
  assert.equal((await Array.fromAsync(at.store.list())).length, 19);
  const rows = db.prepare("SELECT id, record, found_at FROM damaged").all();
  assert.deepEqual(rows.map(({ id, record }) => [id, record]), [[sampleId(4), "damaged"]]);
  assert.ok(Math.abs(Number(rows[0]!.found_at) - Date.now()) < 60_000);
});

Deno.test("SqliteSessionStore.list() of many sessions lets others work in between", async () => {
  await using at = await fixture();
  for (let n = 20; n < 1000; n++) await at.store.save(sample({ id: sampleId(n) }));
  let turns = 0;
  const timer = setInterval(() => turns++, 0);
  assert.equal((await Array.fromAsync(at.store.list())).length, 1000);
  clearInterval(timer);
  assert.ok(turns >= 10, `${turns} turns for others`);
});
