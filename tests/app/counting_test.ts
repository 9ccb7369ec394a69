/** What a server does to keep the counts of its users right. @module */
import assert from "node:assert/strict";
import { countLost, countStored } from "../../src/app/counting.ts";
import { openParts } from "../../src/app/mod.ts";
import { parseConfig } from "../../src/config/mod.ts";
import { Events } from "../../src/events.ts";
import { Keyring } from "../../src/keys/mod.ts";
import { RedisLedger } from "../../src/keys/redis_ledger.ts";
import { SqliteLedger } from "../../src/keys/sqlite_ledger.ts";
import { silentLogger } from "../../src/log.ts";
import { DiskStorage } from "../../src/storage/mod.ts";
import { connectRedis } from "../../src/redis/connect.ts";
import { ranToEnd } from "../helpers/ran.ts";
import { RedisServer } from "../helpers/redis_server.ts";
import { testWith } from "../helpers/require.ts";
import { TempDir } from "../helpers/temp.ts";
import { line } from "../helpers/users.ts";

const MAIN = new URL("../../main.ts", import.meta.url);

/** Files of 100 bytes of alice, of which the first `counted` are counted for her. */
async function withFiles(dir: TempDir, files: number, counted: number): Promise<string[]> {
  await using storage = await DiskStorage.open(dir.join("storage"));
  await using ledger = await SqliteLedger.open(dir.join("storage/users.db"));
  const paths: string[] = [];
  for (let n = 0; n < files; n++) {
    const spec = { mimeType: "text/plain", reserve: 0, user: "alice" };
    const { path, size } = await storage.put(spec, new Uint8Array(100));
    paths.push(path);
    if (n < counted) ledger.charge("alice", path, size);
  }
  return paths;
}

async function used(dir: TempDir) {
  await using ledger = await SqliteLedger.open(dir.join("storage/users.db"));
  return ledger.usage("alice", Date.now());
}

function open(dir: TempDir, keep_bytes: number, events = new Events()) {
  const config = parseConfig({
    storage: { path: dir.join("storage"), keep_bytes },
    stateful: { persistence: "sqlite" },
  });
  const keys = new Keyring([line("alice", { limits: { files: 1000 } })]);
  return openParts(config, silentLogger, events, keys);
}

Deno.test("files that a process stored and could not count are counted at the next start", async () => {
  await using dir = await TempDir.make();
  await withFiles(dir, 120, 118);
  assert.deepEqual(await used(dir), { bytes: 11_800, files: 118 });
  {
    await using parts = await open(dir, 0);
    const ledger = parts.options.security!.ledger!;
    while ((await ledger.usage("alice", Date.now())).files < 120) {
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }
  assert.deepEqual(await used(dir), { bytes: 12_000, files: 120 });
});

Deno.test("what a keep policy removes is given back to its user", async () => {
  await using dir = await TempDir.make();
  await withFiles(dir, 10, 10);
  const gone = Promise.withResolvers<void>();
  let left = 10;
  const events = new Events();
  using _listening = events.subscribe(({ type }) => {
    if (type === "storage.removed" && --left === 3) gone.resolve();
  });
  {
    await using _parts = await open(dir, 300, events);
    await gone.promise;
  }
  assert.deepEqual(await used(dir), { bytes: 300, files: 3 });
});

Deno.test("fxfer gc gives back what it removes, and a dry run gives nothing back", async () => {
  await using dir = await TempDir.make();
  await withFiles(dir, 5, 5);
  const gc = async (...more: string[]) => {
    const set = ["--persistence", "sqlite", "--set", "storage.keep_bytes=200", ...more];
    const run = ["run", "--quiet", "--no-prompt", "-A", MAIN.href, "gc", ...set];
    return await ranToEnd(Deno.execPath(), { args: run, cwd: dir.path });
  };
  assert.match((await gc("--dry-run")).out, /would remove 3 files/);
  assert.deepEqual(await used(dir), { bytes: 500, files: 5 });
  const { code, out } = await gc();
  assert.deepEqual([code, /removed 3 files/.test(out)], [0, true], out);
  assert.deepEqual(await used(dir), { bytes: 200, files: 2 });
});

Deno.test("fxfer gc makes no count where there is none", async () => {
  await using dir = await TempDir.make();
  await withFiles(dir, 2, 0);
  await Deno.remove(dir.join("storage/users.db"));
  const set = ["--persistence", "sqlite", "--set", "storage.keep_bytes=100"];
  const args = ["run", "--quiet", "--no-prompt", "-A", MAIN.href, "gc", ...set];
  assert.equal((await ranToEnd(Deno.execPath(), { args, cwd: dir.path })).code, 0);
  await assert.rejects(() => Deno.lstat(dir.join("storage/users.db")), Deno.errors.NotFound);
});

testWith(
  ["redis-server"],
  "a Redis that lost its data while servers run has the users' files counted anew",
  async (path) => {
    await using redis = await RedisServer.start(path);
    await using dir = await TempDir.make();
    await withFiles(dir, 60, 0);
    await using storage = await DiskStorage.open(dir.join("storage"));
    await using link = await connectRedis(redis.url, silentLogger);
    const ledger = new RedisLedger(link.client);
    const limits = { bytes: 6500 };
    const keys = new Keyring([line("alice", { limits })]);
    await countStored(ledger, keys, storage.catalogue);
    await using _lost = countLost(ledger, storage.catalogue, (cause) => {
      throw cause;
    });
    const reserve = (claim: string, bytes: number) =>
      ledger.reserve("alice", claim, bytes, limits, Date.now());
    assert.equal(await reserve("one", 501), false);
    await redis.command("FLUSHALL");
    await assert.rejects(reserve("one", 501), { code: "busy" });
    let again: unknown;
    while (again === undefined || (again as { code?: string }).code === "busy") {
      again = await reserve("one", 501).catch((error) => error);
    }
    assert.equal(again, false, "the files count again");
    assert.equal(await reserve("two", 500), true);
  },
);
