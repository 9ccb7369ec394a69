import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { FxferError } from "../../src/errors.ts";
import { createLogger, type LogEvent } from "../../src/log.ts";
import { execute, renewLease } from "../../src/session/mod.ts";
import { SqliteSessionStore } from "../../src/store/mod.ts";
import { migrate, MIGRATIONS } from "../../src/store/sqlite_file.ts";
import { mkfifo } from "../helpers/ran.ts";
import { TempDir } from "../helpers/temp.ts";
import { coded, sample, sampleId, sampleRun, T0 } from "../session/samples.ts";
import { storeSuite } from "../store_suite.ts";

storeSuite("SqliteSessionStore", async () => {
  const folder = await TempDir.make();
  const path = folder.join("sessions.db");
  const told: LogEvent[] = [];
  const log = createLogger((event) => told.push(event));
  const open = () => SqliteSessionStore.open(path, { log });
  return {
    store: await open(),
    open,
    told,
    // deno-lint-ignore require-await -- as the suite asks
    damage: async (id, change) => {
      using db = new DatabaseSync(path);
      const json = String(db.prepare("SELECT record FROM session WHERE id = ?").get(id)!.record);
      db.prepare("UPDATE session SET record = ? WHERE id = ?").run(change(json), id);
    },
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
});

/** A check for a start that fails: what an operator has to change. */
function says(reason: RegExp): (error: unknown) => boolean {
  return (error) =>
    error instanceof FxferError && error.code === "config_invalid" && reason.test(error.message);
}

Deno.test("SqliteSessionStore.save() of several sessions in one turn is one transaction, and one that fails spoils no other", async () => {
  await using folder = await TempDir.make();
  await using store = await SqliteSessionStore.open(folder.join("sessions.db"));
  const records = Array.from({ length: 8 }, (_, at) => ({ ...sample(), id: sampleId(at + 1) }));
  assert.deepEqual(
    await Promise.all(records.map((record) => store.save(record))),
    records.map(() => true),
  );
  // All of them with several replies, which are rows of a table of their own.
  const nexts = records.map((record) =>
    Array.from({ length: 5 }).reduce<typeof record>(
      (next) => ({ ...execute(next, sampleRun(next.lastSequence + 1)), id: next.id, version: 2 }),
      record,
    )
  );
  const refused = { ...nexts[2]!, version: 3 };
  const broken = { ...nexts[5]!, endedAt: {} as unknown as number };
  const saves = nexts.with(2, refused).with(5, broken).map((record) => store.save(record));
  const settled = await Promise.allSettled(saves);
  assert.deepEqual(
    settled.map((one) => one.status === "fulfilled" ? one.value : one.reason.code),
    [true, true, false, true, true, "store_unavailable", true, true],
  );
  for (const [at, { id }] of records.entries()) {
    const kept = await store.load(id);
    assert.deepEqual(kept, at === 2 || at === 5 ? records[at] : nexts[at], `session ${at}`);
  }
});

Deno.test("SqliteSessionStore.open() makes its files readable by their owner alone", async () => {
  await using folder = await TempDir.make();
  const path = folder.join("sessions.db");
  await using store = await SqliteSessionStore.open(path);
  await store.save(sample());
  for (const suffix of ["", "-wal", "-shm"]) {
    assert.equal((await Deno.stat(path + suffix)).mode! & 0o777, 0o600, suffix);
  }
});

Deno.test("SqliteSessionStore.open() takes rights of others away from a file that has them", async () => {
  await using folder = await TempDir.make();
  const path = folder.join("sessions.db");
  await (await SqliteSessionStore.open(path))[Symbol.asyncDispose]();
  await Deno.chmod(path, 0o644);
  await using _store = await SqliteSessionStore.open(path);
  assert.equal((await Deno.stat(path)).mode! & 0o777, 0o600);
});

Deno.test("SqliteSessionStore.open() says what is wrong with the file", async () => {
  await using folder = await TempDir.make();
  const open = (name: string, create = true) =>
    SqliteSessionStore.open(folder.join(name), { create });
  await assert.rejects(open("no/sessions.db"), says(/its folder does not exist$/));
  await assert.rejects(open("absent.db", false), says(/it does not exist$/));
  await Deno.mkdir(folder.join("folder"));
  await assert.rejects(open("folder"), says(/no plain file$/));
  await Deno.writeTextFile(folder.join("text.db"), "not a database ".repeat(500));
  await assert.rejects(open("text.db"), says(/damaged or no database$/));
  const other = new DatabaseSync(folder.join("other.db"));
  other.exec("CREATE TABLE bookmarks (url TEXT)");
  other.close();
  await assert.rejects(open("other.db"), says(/another program$/));
});

Deno.test("SqliteSessionStore.open() follows no symlink and waits for no FIFO", async () => {
  await using folder = await TempDir.make();
  await (await SqliteSessionStore.open(folder.join("real.db")))[Symbol.asyncDispose]();
  await Deno.symlink(folder.join("real.db"), folder.join("link.db"));
  await Deno.symlink(folder.join("nowhere.db"), folder.join("dangling.db"));
  await mkfifo(folder.join("fifo.db"));
  for (const name of ["link.db", "dangling.db", "fifo.db"]) {
    await assert.rejects(SqliteSessionStore.open(folder.join(name)), says(/no plain file$/), name);
  }
});

for (const missing of ["read", "write"] as const) {
  Deno.test({
    name: `SqliteSessionStore.open() names the permission when ${missing} is missing`,
    permissions: { [missing === "read" ? "write" : "read"]: true },
    fn: async () => {
      await assert.rejects(
        SqliteSessionStore.open("/nowhere/sessions.db"),
        says(new RegExp(`--allow-read and --allow-write for it, ${missing} is missing$`)),
      );
    },
  });
}

Deno.test("SqliteSessionStore.open() refuses a file of a newer version and leaves it alone", async () => {
  await using folder = await TempDir.make();
  const path = folder.join("sessions.db");
  await (await SqliteSessionStore.open(path))[Symbol.asyncDispose]();
  const db = new DatabaseSync(path);
  db.exec("PRAGMA user_version = 99");
  db.close();
  await assert.rejects(SqliteSessionStore.open(path), says(/newer version of fxfer$/));
  const after = new DatabaseSync(path);
  assert.equal(after.prepare("PRAGMA user_version").get()!.user_version, 99);
  after.close();
});

Deno.test("migrate() brings an older file up to date with its records, or changes nothing", async () => {
  await using folder = await TempDir.make();
  const path = folder.join("sessions.db");
  {
    await using store = await SqliteSessionStore.open(path);
    await store.save(sample());
  }
  const db = new DatabaseSync(path);
  const broken = [...MIGRATIONS, "ALTER TABLE session ADD COLUMN a TEXT; SELECT no_such_column"];
  assert.throws(() => migrate(db, path, broken));
  const columns = () => db.prepare("SELECT name FROM pragma_table_info('session')").all().length;
  assert.equal(columns(), 4);
  migrate(db, path, [...MIGRATIONS, "ALTER TABLE session ADD COLUMN a TEXT DEFAULT 'new'"]);
  assert.equal(columns(), 5);
  assert.equal(db.prepare("SELECT a FROM session").get()!.a, "new");
  assert.equal(db.prepare("PRAGMA user_version").get()!.user_version, MIGRATIONS.length + 1);
  db.close();
});

Deno.test("SqliteSessionStore says store_unavailable, with the cause, when the file stays locked", async () => {
  await using folder = await TempDir.make();
  const path = folder.join("sessions.db");
  await using store = await SqliteSessionStore.open(path, { busyTimeoutMs: 20 });
  const record = sample();
  await store.save(record);
  const other = new DatabaseSync(path);
  other.exec("BEGIN IMMEDIATE");
  try {
    await assert.rejects(store.save(renewLease(record, T0)), (error: unknown) => {
      assert.ok(coded("store_unavailable")(error));
      assert.match(String((error as Error).cause), /locked/);
      return true;
    });
    assert.deepEqual(await store.load(record.id), record, "readers do not wait for a writer");
  } finally {
    other.exec("ROLLBACK");
    other.close();
  }
  assert.ok(await store.save(renewLease(record, T0)), "goes on when the lock is gone");
});

Deno.test("SqliteSessionStore.open() refuses a busyTimeoutMs that is no time", async () => {
  for (const busyTimeoutMs of [-1, 0.5, NaN]) {
    await assert.rejects(SqliteSessionStore.open("unused.db", { busyTimeoutMs }), RangeError);
  }
});

Deno.test("S-SEQ-5 records that were saved survive the death of the process", async () => {
  await using folder = await TempDir.make();
  const path = folder.join("sessions.db");
  const url = (file: string) => JSON.stringify(import.meta.resolve(file));
  const script = folder.join("saves.ts");
  await Deno.writeTextFile(
    script,
    `import { SqliteSessionStore } from ${url("../../src/store/mod.ts")};
    import { sample, sampleId } from ${url("../session/samples.ts")};
    const store = await SqliteSessionStore.open(${JSON.stringify(path)});
    for (let n = 0; n < 50; n++) await store.save(sample({ id: sampleId(n) }));
    Deno.kill(Deno.pid, "SIGKILL");`,
  );
  const args = ["run", "-A", "--no-check", "--no-config", script];
  const { signal } = await new Deno.Command(Deno.execPath(), { args }).output();
  assert.equal(signal, "SIGKILL");
  await using store = await SqliteSessionStore.open(path);
  assert.deepEqual(await store.stats(), { live: 50, ended: 0 });
  assert.deepEqual(await store.load(sampleId(49)), sample({ id: sampleId(49) }));
});

Deno.test("a record whose replies an older version kept in its text loads with them, and goes on", async () => {
  await using folder = await TempDir.make();
  const path = folder.join("sessions.db");
  let record = sample();
  for (let i = 1; i <= 6; i++) record = execute(record, sampleRun(i, { maxInflight: 16 }));
  {
    using db = new DatabaseSync(path);
    migrate(db, path, MIGRATIONS.slice(0, 1));
    const insert = db.prepare("INSERT INTO session (id, version, record) VALUES (?, ?, ?)");
    insert.run(record.id, record.version, JSON.stringify(record));
  }
  await using store = await SqliteSessionStore.open(path);
  assert.deepEqual(await store.load(record.id), record);
  for (let i = 7; i <= 9; i++) {
    record = execute(record, sampleRun(i, { maxInflight: 16 }));
    assert.ok(await store.save(record));
    assert.deepEqual(await store.load(record.id), record);
  }
  // Few replies stay in the text, and then many do not: what the table had in between is gone.
  for (const received of [8, 9, 9, 9, 9, 9, 14]) {
    record = execute(record, sampleRun(record.lastSequence + 1, { maxInflight: 16, received }));
    assert.ok(await store.save(record));
    assert.deepEqual(await store.load(record.id), record);
  }
});

Deno.test("check() writes to the file, as a save does", async () => {
  await using folder = await TempDir.make();
  const path = folder.join("sessions.db");
  await using store = await SqliteSessionStore.open(path);
  using other = new DatabaseSync(path);
  // Another connection's number changes exactly when somebody has written a page.
  const version = () => other.prepare("PRAGMA data_version").get()!.data_version;
  for (let i = 0; i < 3; i++) {
    const before = version();
    await store.check();
    assert.notEqual(version(), before);
  }
  const before = version();
  await store.stats();
  assert.equal(version(), before);
});

Deno.test("replies that are saved together are one row, and of a row some may be forgotten", async () => {
  await using folder = await TempDir.make();
  const path = folder.join("sessions.db");
  await using store = await SqliteSessionStore.open(path);
  using db = new DatabaseSync(path);
  const rows = () =>
    db.prepare("SELECT sequence, reply FROM kept ORDER BY sequence").all()
      .map(({ sequence, reply }) => [sequence, JSON.parse(`[${reply}]`).length]);
  let record = sample();
  assert.ok(await store.save(record));
  /** Saves what so many requests have left, of which the client has read the replies up to `received`. */
  const run = async (requests: number, received: number) => {
    const { version } = record;
    for (let i = 0; i < requests; i++) {
      const sequence = record.lastSequence + 1;
      record = execute(record, sampleRun(sequence, { maxInflight: 64, received }));
    }
    record = { ...record, version: version + 1 };
    assert.ok(await store.save(record));
    await using other = await SqliteSessionStore.open(path);
    assert.deepEqual(await other.load(record.id), record, "as another process finds it");
  };
  await run(5, 0);
  await run(6, 3); // the first row has two replies that are kept, and three that are not
  assert.deepEqual(rows(), [[5, 5], [11, 6]]);
  await run(2, 5);
  assert.deepEqual(rows(), [[11, 6], [13, 2]]);
  const loaded = (await store.load(record.id))!;
  record = loaded; // as a session goes on at another server
  await run(4, 12);
  assert.deepEqual(rows(), [[13, 2], [17, 4]]);
  record = { ...renewLease(record, T0), ring: [] };
  assert.ok(await store.save(record));
  assert.deepEqual([rows(), await store.load(record.id)], [[], record]);
});
