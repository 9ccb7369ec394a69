/**
 * A process that is alone on a folder takes no claims for upload ids; whoever comes learns of it, in whatever step
 * of a commit the first one stands still or dies (S-TRF-11, S-MAN-2).
 *
 * @module
 */
import assert from "node:assert/strict";
import { hashName } from "../../src/storage/hash_table.ts";
import { DiskStorage, type StoredFile } from "../../src/storage/mod.ts";
import { closeParts, openParts } from "../../src/storage/open.ts";
import { putNow } from "../../src/storage/put.ts";
import { code } from "../helpers/errors.ts";
import { listStored } from "../helpers/files.ts";
import { utf8 } from "../helpers/raw_frame.ts";
import { TempDir } from "../helpers/temp.ts";
import { idOf } from "../helpers/upload_ids.ts";
import { assertConsistent } from "./disk_fixture.ts";
import { die, freeze } from "./halting.ts";

const linux = Deno.build.os === "linux";
const spec = { mimeType: "text/plain", reserve: 0 };

const put = async (storage: DiskStorage, n: number, text = `the file ${n}`): Promise<StoredFile> =>
  await storage.put({ ...spec, uploadId: idOf(n) }, utf8(text));

/** The digits of the claims in a folder, by their number: those of upload ids, notes, and all others. */
function claimsIn(dir: TempDir): { ids: number; notes: number; others: number } {
  const names = [...Deno.readDirSync(dir.join(".claims"))].map(({ name }) => name.length);
  const count = (length: number) => names.filter((one) => one === length).length;
  return { ids: count(3), notes: count(15), others: count(16) };
}

/** Whether a storage is alone after a sweep; while a child process begins, it may have its locks for a moment. */
async function isAloneAgain(dir: TempDir, storage: DiskStorage, n: number): Promise<boolean> {
  for (const at of [n, n + 100, n + 200]) {
    await storage.sweep!(() => false);
    if (await isAlone(dir, storage, at)) return true;
  }
  return false;
}

/** Whether a storage takes no claim for an upload id. */
async function isAlone(dir: TempDir, storage: DiskStorage, n: number): Promise<boolean> {
  await Array.fromAsync(Deno.readDir(dir.join(".claims")), async ({ name }) => {
    if (name.length === 3) await Deno.remove(dir.join(".claims", name));
  });
  assert.equal((await put(storage, n)).replayed, false);
  return claimsIn(dir).ids === 0;
}

Deno.test("S-TRF-11 a process that is alone takes no claims, one that comes has both take them, and after a sweep the last is alone", async () => {
  await using dir = await TempDir.make();
  await using one = await DiskStorage.open(dir.path);
  assert.ok(await isAlone(dir, one, 1));
  assert.deepEqual(await put(one, 1), { ...await put(one, 1), replayed: true });
  await assert.rejects(put(one, 1, "other bytes"), code("sequence_reuse"));
  assert.deepEqual(claimsIn(dir), { ids: 0, notes: 1, others: 2 });
  {
    await using two = await DiskStorage.open(dir.path);
    assert.equal((await put(two, 1)).replayed, true);
    assert.ok(!await isAlone(dir, two, 2));
    assert.ok(!await isAlone(dir, one, 3));
    assert.equal((await put(one, 2)).replayed, true);
    assert.equal((await put(two, 3)).replayed, true);
    assert.deepEqual(claimsIn(dir), { ids: 2, notes: 0, others: 2 });
    for (const storage of [one, two]) await storage.sweep!(() => false);
    assert.ok(!await isAlone(dir, one, 4));
    assert.ok(!await isAlone(dir, two, 5));
  }
  assert.ok(await isAloneAgain(dir, one, 6));
  assert.equal((await put(one, 5)).replayed, true);
  await one.sweep!(() => false);
  assert.ok(await isAlone(dir, one, 7), "a sweep leaves it alone");
  await assertConsistent(dir.path, (await listStored(dir.path)).length);
});

Deno.test("S-TRF-11 nothing is left of a process that was alone, and ended", async () => {
  await using dir = await TempDir.make();
  for (const n of [1, 2]) {
    await using storage = await DiskStorage.open(dir.path);
    await put(storage, n);
  }
  assert.deepEqual(claimsIn(dir), { ids: 0, notes: 0, others: 0 });
});

Deno.test("S-TRF-11 a process is not alone while another one has the manifest, although its claims were removed", async () => {
  await using dir = await TempDir.make();
  await using one = await DiskStorage.open(dir.path);
  await Deno.remove(dir.join(".claims"), { recursive: true });
  await using two = await DiskStorage.open(dir.path);
  await two.sweep!(() => false);
  assert.equal(await isAlone(dir, two, 1), !linux);
  assert.ok(!await isAlone(dir, one, 2), "its token is gone");
  assert.equal((await put(two, 2)).replayed, true);
  await one.sweep!(() => false);
  assert.ok(!await isAlone(dir, one, 3));
  await assertConsistent(dir.path, 3);
});

Deno.test("S-TRF-11 of two tries with one id in a process that is alone, the second waits for the first", async () => {
  await using dir = await TempDir.make();
  const parts = await openParts(dir.path, {});
  try {
    const { claims } = parts.reading!;
    const again = () => putNow(parts, { ...spec, uploadId: idOf(1) }, utf8("the file 1"));
    for (const take of ["take", "takeNow"] as const) {
      const claim = claims[take](idOf(1)) ?? assert.fail();
      assert.equal(claims.takeNow(idOf(1)), undefined);
      assert.equal(claims.take(idOf(1)), undefined);
      const waiting = again();
      assert.ok(waiting instanceof Promise);
      claim.end();
      assert.equal((await waiting).replayed, take === "takeNow");
    }
  } finally {
    await closeParts(parts);
  }
});

Deno.test("S-MAN-3 a process that is alone keeps its ids when the manifest is moved, and when the folder is replaced", async () => {
  await using dir = await TempDir.make();
  const folder = dir.join("storage");
  await using one = await DiskStorage.open(folder);
  const file = await put(one, 1);
  await Deno.rename(dir.join("storage/commits.jsonl"), dir.join("moved.jsonl"));
  assert.deepEqual(await put(one, 1), { ...file, replayed: true });
  assert.equal((await put(one, 2)).replayed, false);
  await Deno.rename(folder, dir.join("former"));
  await Deno.mkdir(folder, { recursive: true }); // the storage may have looked just now, and made it
  {
    await using two = await DiskStorage.open(folder);
    assert.equal((await put(two, 2)).replayed, false);
    assert.equal((await put(one, 2)).replayed, true);
    assert.equal((await put(one, 3)).replayed, false);
    assert.equal((await put(two, 3)).replayed, true);
  }
  await one.sweep!(() => false);
  assert.equal((await put(one, 4)).replayed, false);
  await assertConsistent(folder, 3);
});

Deno.test("S-TRF-11 a file system that has no locks, or a full disk, has each id take its claim", async () => {
  const { prototype } = Deno.FsFile;
  const { tryLockSync } = prototype;
  const { openSync } = Deno;
  const ways: (() => void)[] = [
    () =>
      prototype.tryLockSync = () => {
        throw new Deno.errors.NotSupported("no locks");
      },
    () =>
      Deno.openSync = (path, options) => {
        if (/\.claims\/[0-9a-f]{15}$/.test(String(path))) throw new Error("no room left");
        return openSync(path, options);
      },
  ];
  for (const way of ways) {
    await using dir = await TempDir.make();
    way();
    try {
      await using storage = await DiskStorage.open(dir.path);
      assert.ok(!await isAlone(dir, storage, 1));
      assert.equal((await put(storage, 1)).replayed, true);
    } finally {
      prototype.tryLockSync = tryLockSync;
      Deno.openSync = openSync;
    }
  }
});

Deno.test("S-TRF-11 a note that cannot be written has the ids take their claims", async () => {
  await using dir = await TempDir.make();
  await using storage = await DiskStorage.open(dir.path);
  const { prototype } = Deno.FsFile;
  const { writeSync } = prototype;
  let isFull = true;
  prototype.writeSync = function (bytes) {
    if (!isFull) return writeSync.call(this, bytes);
    isFull = false;
    return writeSync.call(this, bytes.subarray(0, 5));
  };
  try {
    assert.equal((await put(storage, 1)).replayed, false);
  } finally {
    prototype.writeSync = writeSync;
  }
  assert.deepEqual(claimsIn(dir), { ids: 1, notes: 0, others: 1 });
  assert.equal((await put(storage, 1)).replayed, true);
  assert.ok(await isAloneAgain(dir, storage, 2));
  await assertConsistent(dir.path, (await listStored(dir.path)).length);
});

Deno.test("S-TRF-11 who cannot remove the token of a process that is alone does not begin beside it", async () => {
  await using dir = await TempDir.make();
  await using one = await DiskStorage.open(dir.path);
  assert.ok(await isAlone(dir, one, 1));
  const { removeSync } = Deno;
  Deno.removeSync = (path, options) => {
    if (/\.claims\/[0-9a-f]{16}$/.test(String(path))) throw new Error("input/output error");
    return removeSync(path, options);
  };
  try {
    await assert.rejects(DiskStorage.open(dir.path), code("internal_error"));
    assert.ok(await isAlone(dir, one, 2));
  } finally {
    Deno.removeSync = removeSync;
  }
  await using two = await DiskStorage.open(dir.path);
  for (const n of [1, 2]) assert.equal((await put(two, n)).replayed, true);
  for (const storage of [one, two]) {
    assert.ok(!await isAlone(dir, storage, storage === one ? 3 : 4));
  }
  await assertConsistent(dir.path, (await listStored(dir.path)).length);
});

/** One file by itself, and four of which the third has no id. */
const WAYS = [
  { ids: [0], told: { uploadId: idOf(0), text: "the file 0" } },
  { ids: [0, 1, 3], told: { uploadId: idOf(0), others: [idOf(1), null, idOf(3)] } },
] as const;

const CASES = WAYS.flatMap(({ ids, told }) => {
  const steps = ["gathered", "noted", "claim", "name", "line"] as const;
  return steps
    .filter((step) => ids.length > 1 || (step !== "gathered" && step !== "name"))
    .map((step) => ({
      ...{ ids, told, step, what: `${ids.length}, ${step}` },
      /** Whether an id is published by then: after "name", the third of all files has got its name. */
      isPublished: (at: number) => step === "line" || (step === "name" && at < 2),
    }));
});

for (const end of ["thaw", "die"] as const) {
  Deno.test({
    name: `S-TRF-11 alone, frozen after any step: each id is one file, whoever comes, and ${
      end === "die" ? "it dies then" : "it goes on then"
    }`,
    ignore: !linux,
    async fn() {
      await Promise.all(CASES.map(async ({ ids, told, step, what, isPublished }) => {
        await using dir = await TempDir.make();
        await using frozen = await freeze({ folder: dir.path, step, ...told });
        await using one = await DiskStorage.open(dir.path);
        await using two = await DiskStorage.open(dir.path);
        assert.equal((await put(two, 9)).replayed, false, `${what}: others are not kept waiting`);
        await Promise.all(ids.map(async (at) => {
          const again = put(at === 1 ? two : one, at);
          if (step === "gathered") assert.equal((await again).replayed, false, what);
          else if (step === "line") assert.equal((await again).replayed, true, what);
          else await assert.rejects(again, code("busy"), what);
        }));
        await two.sweep!(() => false);
        await frozen[end]();
        for (const at of ids) {
          const [first, second] = [await put(one, at), await put(two, at)];
          assert.deepEqual(second, { ...first, replayed: true }, what);
          if (end === "die" && step !== "gathered") {
            assert.equal(first.replayed, isPublished(at), `${what}, ${at}`);
          }
        }
        for (const storage of [one, two]) await storage.sweep!(() => false, -1000);
        await assertEachOnce(dir, [...ids, 9]);
      }));
    },
  });
}

Deno.test({
  name:
    "S-TRF-11 alone, frozen: the mark of one that comes hides nothing that is published under its claim then",
  ignore: !linux,
  async fn() {
    const claimOf = (n: number) => hashName(idOf(n)).slice(0, 3);
    const other = Array.from({ length: 1e5 }, (_, n) => n).find((n) =>
      n > 0 && claimOf(n) === claimOf(0)
    )!;
    await using dir = await TempDir.make();
    await using frozen = await freeze({ folder: dir.path, step: "claim", ...WAYS[0].told });
    const T0 = Date.now();
    await using storage = await DiskStorage.open(dir.path, { now: () => T0 }); // no time passes for it
    assert.equal((await put(storage, other)).replayed, false);
    await frozen.thaw();
    assert.equal((await put(storage, 0)).replayed, true);
    await assertEachOnce(dir, [0, other]);
  },
});

Deno.test({
  name: "S-MAN-2 alone, dead after any step: the next one finishes it, and is alone",
  ignore: !linux,
  async fn() {
    await Promise.all(CASES.map(async ({ ids, told, step, what, isPublished }) => {
      await using dir = await TempDir.make();
      await die({ folder: dir.path, step, ...told });
      await using storage = await DiskStorage.open(dir.path);
      for (const at of ids) {
        assert.equal((await put(storage, at)).replayed, isPublished(at), `${what}, ${at}`);
      }
      assert.ok(await isAlone(dir, storage, 9), what);
      await storage.sweep!(() => false, -1000);
      await assertEachOnce(dir, [...ids, 9]);
    }));
  },
});

/** Each id has one line and one file, and no file has none. */
async function assertEachOnce(dir: TempDir, ids: readonly number[]): Promise<void> {
  const lines = (await Deno.readTextFile(dir.join("commits.jsonl"))).split("\n").filter(Boolean);
  const found = lines.map((line) => JSON.parse(line)).filter(({ upload_id }) => upload_id);
  assert.deepEqual(found.map(({ upload_id }) => upload_id).sort(), ids.map(idOf).sort());
  await assertConsistent(dir.path, lines.length);
}
