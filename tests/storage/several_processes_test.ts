/** What one process believes of a folder, when another process has changed it meanwhile. @module */
import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { compactManifest } from "../../src/storage/compaction.ts";
import { DiskStorage, type Flush, type ListPage } from "../../src/storage/mod.ts";
import type { DiskParts } from "../../src/storage/disk_parts.ts";
import { setAside } from "../../src/storage/index_place.ts";
import { listFiles } from "../../src/storage/listing.ts";
import { closeParts, type DiskStorageOptions, openParts } from "../../src/storage/open.ts";
import { putNow } from "../../src/storage/put.ts";
import type { StoredFile } from "../../src/storage/types.ts";
import { Random } from "../helpers/random.ts";
import { TempDir } from "../helpers/temp.ts";
import { idOf } from "../helpers/upload_ids.ts";

/** Opens a folder as one more process. */
async function open(
  { path }: TempDir,
  options: DiskStorageOptions = {},
): Promise<DiskParts & AsyncDisposable> {
  const parts = await openParts(path, options);
  return { ...parts, [Symbol.asyncDispose]: () => closeParts(parts) };
}

/** Stores a small file under the id of a number; without one, a file that has no id. */
async function put(parts: DiskParts, n?: number): Promise<StoredFile> {
  const spec = {
    mimeType: "text/plain",
    reserve: 0,
    ...(n !== undefined && { uploadId: idOf(n) }),
  };
  return await putNow(parts, spec, new Uint8Array([n ?? 0]));
}

/** Moves the manifest away, as a rotation does. */
function rotate(dir: TempDir, to = "commits.1.jsonl"): void {
  Deno.renameSync(dir.join("commits.jsonl"), dir.join(to));
}

Deno.test("S-TRF-11 a process that has not seen a rotation leaves the index of the new manifest alone", async () => {
  await using dir = await TempDir.make();
  await using slow = await open(dir);
  await using quick = await open(dir);
  await put(slow, 1);
  slow.manifest.check();
  rotate(dir);
  const stored = await put(quick, 2);
  await quick.reading!.known.listed(); // from now on the id stands in the index only
  await slow.reading!.known.write();
  assert.deepEqual(await put(quick, 2), { ...stored, replayed: true });
});

Deno.test("S-TRF-11 an id is found that stands behind many lines of a manifest which is moved while they are read", async () => {
  await using dir = await TempDir.make();
  await using one = await open(dir);
  await using two = await open(dir);
  const { path } = await put(one);
  const line = await Deno.readTextFile(dir.join("commits.jsonl"));
  const lines = Array.from({ length: 10_000 }, (_, n) => line.replace(path, `${n}_${path}`));
  await Deno.writeTextFile(dir.join("commits.jsonl"), lines.join(""), { append: true });
  const stored = await put(one, 1);
  const { known } = two.reading!;
  const learning = known.refresh(); // has 2 MB to read
  await new Promise((resolve) => setTimeout(resolve, 1));
  rotate(dir);
  await put(two);
  await learning;
  assert.deepEqual(known.get(idOf(1)), stored);
});

Deno.test("S-TRF-11 ids of a manifest that was moved hold although the index is lost", async () => {
  for (const isLost of [false, true, "damaged"]) {
    await using dir = await TempDir.make();
    await using one = await open(dir);
    await using two = await open(dir);
    const stored = await put(one, 1);
    await one.reading!.known.listed();
    await two.reading!.known.listed();
    one.manifest.check();
    rotate(dir);
    if (isLost === true) {
      for (const end of ["", "-wal", "-shm"]) await Deno.remove(dir.join(`.index.db${end}`));
    }
    await put(one, 2);
    await one.reading!.known.listed();
    await two.reading!.known.listed();
    if (isLost === "damaged") {
      using db = new DatabaseSync(dir.join(".index.db"));
      db.exec("DROP TABLE former");
    }
    for (const parts of [one, two]) {
      let again: StoredFile | undefined;
      for (let tries = 0; again === undefined && tries < 3; tries++) {
        again = await put(parts, 1).catch((error) => {
          assert.equal(error.code, "busy"); // the manifest is read again
          return undefined;
        });
      }
      assert.deepEqual(again, { ...stored, replayed: true });
    }
  }
});

Deno.test("S-REM-1 an id whose file was removed counts as never sent, although its path is in use again", async () => {
  for (const isRotated of [false, true]) {
    await using dir = await TempDir.make();
    const options = { naming: "original" } as const;
    await using storage = await DiskStorage.open(dir.path, options);
    const store = async (n: number) => {
      const spec = { mimeType: "text/plain", reserve: 1, uploadId: idOf(n), name: "a.txt" };
      return await storage.put(spec, new Uint8Array([n]));
    };
    const { path } = await store(1);
    await storage.catalogue.remove(path);
    assert.equal((await store(2)).path, path);
    if (isRotated) rotate(dir);
    else await compactManifest(dir.path);
    const again = await store(1);
    assert.equal(again.replayed, false);
    assert.notEqual(again.path, path);
  }
});

Deno.test("S-TRF-11 a file that is removed while a try waits for its claim is not stored without one", async () => {
  await using dir = await TempDir.make();
  await using one = await open(dir);
  await using two = await open(dir);
  const { path } = await put(one, 1);
  await two.reading!.known.refresh();
  const claim = one.reading!.claims.take(idOf(1))!;
  const { known } = two.reading!;
  const get = known.get.bind(known);
  known.get = (uploadId) => {
    const found = get(uploadId);
    // It is found by the try that waits, and removed before that try goes on.
    if (found !== undefined) known.remove(path, two.manifest.append(formatRemovalOf(path))!);
    return found;
  };
  await assert.rejects(put(two, 1), { code: "busy" });
  claim.end();
  assert.equal((await put(two, 1)).replayed, false);
});

const formatRemovalOf = (removed: string) =>
  JSON.stringify({ removed, time: new Date().toISOString() });

Deno.test("S-LST-1 a file is not taken for gone because of one that had its place in a moved manifest", async () => {
  await using dir = await TempDir.make();
  await using one = await open(dir);
  await using two = await open(dir);
  const { path: gone } = await put(one);
  await one.reading!.known.listed();
  one.manifest.check();
  await Deno.remove(dir.join(gone));
  // The look waits for a write of its process, and that for another process.
  using other = new DatabaseSync(dir.join(".index.db"));
  other.exec("BEGIN IMMEDIATE");
  const writing = one.reading!.known.write();
  await new Promise((resolve) => setTimeout(resolve, 1));
  const looking = one.reading!.known.lookForGone(10);
  rotate(dir);
  const { path } = await put(two);
  other.exec("COMMIT");
  await two.reading!.known.listed();
  await Promise.allSettled([writing, looking]);
  assert.equal((await two.listedAt(path))?.size, 1);
  const { files } = await listFiles(two.reading!.known, { limit: 10, order: "newest" });
  assert.deepEqual(files.map((file) => file.path), [path]);
});

Deno.test("a look for files that are gone, as at a start, does not fail while another process writes the index", async () => {
  await using dir = await TempDir.make();
  await using one = await open(dir);
  const { path } = await put(one, 1);
  const { known } = one.reading!;
  await known.listed();
  await Deno.remove(dir.join(path));
  using other = new DatabaseSync(dir.join(".index.db"));
  other.exec("BEGIN IMMEDIATE");
  assert.equal(await known.lookForGone(1), true);
  other.exec("COMMIT");
  assert.equal(known.indexed.bytes, 1);
  assert.equal(await known.lookForGone(1), false, "behind the last file");
  assert.equal(await known.lookForGone(1), true);
  assert.equal(known.indexed.bytes, 0, "the next look has met it");
});

Deno.test("S-LST-1 a compaction keeps the order of files, so that a list under way has each of them once", async () => {
  await using dir = await TempDir.make();
  await using one = await open(dir);
  const paths: string[] = [];
  for (let n = 0; n < 4; n++) paths.unshift((await put(one)).path);
  // The first file is listed once more, as by a process that has found the manifest moved.
  const [line] = (await Deno.readTextFile(dir.join("commits.jsonl"))).split("\n");
  await Deno.writeTextFile(dir.join("commits.jsonl"), `${line}\n`, { append: true });
  const query = { limit: 1, order: "newest" } as const;
  const list = async (after: string | null) =>
    await listFiles(one.reading!.known, { ...query, ...(after !== null && { after }) });
  const listed: string[] = [];
  for (let after: string | null = null; after !== null || listed.length === 0;) {
    const { files: [file], next }: ListPage = await list(after);
    if (file !== undefined) listed.push(file.path);
    if (listed.length === 2) await compactManifest(dir.path);
    after = next;
  }
  assert.deepEqual(listed, paths);
  assert.equal((await Deno.readTextFile(dir.join("commits.jsonl"))).split("\n").length, 5);
});

Deno.test("S-TRF-11 a manifest that is moved while a line is flushed hides no line of the new one", async () => {
  await using dir = await TempDir.make();
  let flushManifest = () => Promise.resolve();
  const flush: Flush = {
    contents: () => Promise.resolve(),
    folder: () => Promise.resolve(),
    manifest: () => flushManifest(),
  };
  await using slow = await DiskStorage.open(dir.path, { durability: "durable", flush });
  await using other = await open(dir);
  const spec = (n: number) => ({ mimeType: "text/plain", reserve: 0, uploadId: idOf(n) });
  const asked = Promise.withResolvers<void>();
  const flushed = Promise.withResolvers<void>();
  flushManifest = () => (asked.resolve(), flushed.promise);
  const storing = slow.put(spec(1), new Uint8Array([1]));
  await asked.promise;
  await slow.check(); // the line is where the path leads
  rotate(dir);
  await slow.check();
  flushed.resolve();
  await storing;
  const stored = await put(other, 2);
  assert.deepEqual(await slow.put(spec(2), new Uint8Array([2])), { ...stored, replayed: true });
});

Deno.test("S-MAN-2 a claim is held although a sweep of another process meets it before it is locked", async () => {
  await using dir = await TempDir.make();
  await using one = await open(dir);
  await using two = await open(dir);
  const { prototype } = Deno.FsFile;
  const tryLock = prototype.tryLockSync;
  let met = 0;
  prototype.tryLockSync = function (exclusive) {
    prototype.tryLockSync = tryLock;
    for (const claim of two.reading!.claims.left()) {
      met++;
      claim.end();
    }
    return tryLock.call(this, exclusive);
  };
  try {
    const claim = one.reading!.claims.fresh();
    assert.equal(met, 1);
    assert.ok(claim.stands);
    claim.end();
  } finally {
    prototype.tryLockSync = tryLock;
  }
});

Deno.test("a damaged index is set aside without the files of the new one that another process makes", async () => {
  await using dir = await TempDir.make();
  const path = dir.join("index");
  for (const end of ["", "-wal"]) await Deno.writeTextFile(path + end, "old");
  const rename = Deno.renameSync;
  Deno.renameSync = (from, to) => {
    rename(from, to);
    for (const end of ["", "-wal"]) Deno.writeTextFileSync(path + end, "new");
  };
  try {
    assert.ok(setAside(path));
  } finally {
    Deno.renameSync = rename;
  }
  assert.equal(await Deno.readTextFile(`${path}-wal`), "new");
});

Deno.test("S-MAN-3 a removal that is written again into a new manifest leaves what was stored since", async () => {
  for (const move of ["rotation", "compaction"]) {
    for (const first of [0, 1]) {
      await using dir = await TempDir.make();
      const options = { naming: "original" } as const;
      await using one = await DiskStorage.open(dir.path, options);
      await using two = await DiskStorage.open(dir.path, options);
      const spec = { mimeType: "text/plain", reserve: 1, name: "a.txt" };
      const { path } = await one.put(spec, new Uint8Array([1]));
      await one.catalogue.remove(path);
      assert.equal((await two.put(spec, new Uint8Array([2]))).path, path);
      // Both have written within the last moments, and find now that their lines stand in a moved manifest.
      if (move === "rotation") rotate(dir);
      else await compactManifest(dir.path);
      for (const storage of first === 0 ? [one, two] : [two, one]) await storage.check();
      const found = await one.catalogue.find({ path });
      assert.equal(found?.sha256, (await two.catalogue.find({ path }))?.sha256);
      assert.ok(found !== undefined, `${move} ${first}`);
    }
  }
});

Deno.test("S-LST-1 a list has what others have stored, although the index is lost while it is waited for", async () => {
  await using dir = await TempDir.make();
  await using one = await open(dir);
  await using two = await open(dir);
  const paths = [(await put(one)).path];
  const { known } = one.reading!;
  await known.listed();
  paths.unshift((await put(one)).path);
  using other = new DatabaseSync(dir.join(".index.db"));
  other.exec("BEGIN IMMEDIATE");
  const writing = known.write(); // knows nothing of the next file
  await new Promise((resolve) => setTimeout(resolve, 1));
  paths.unshift((await put(two)).path);
  const listing = listFiles(known, { limit: 10, order: "newest" });
  await new Promise((resolve) => setTimeout(resolve, 1));
  for (const end of ["", "-wal", "-shm"]) Deno.removeSync(dir.join(`.index.db${end}`));
  other.exec("ROLLBACK");
  assert.deepEqual((await listing).files.map(({ path }) => path), paths);
  await writing;
});

Deno.test("S-MAN-1 lines of several processes that write within one moment are all found, each where it stands", async () => {
  const random = new Random(20261126);
  for (let round = 0; round < 30; round++) {
    await using dir = await TempDir.make();
    const manifest = dir.join("commits.jsonl");
    const now = () => 1_795_394_722_323; // nobody looks at the manifest because time has passed
    await using one = await open(dir, { now });
    await using two = await open(dir, { now });
    const stored = new Map<string, StoredFile>();
    const ids = new Map<number, StoredFile>();
    for (let step = 0; step < 60; step++) {
      const parts = random.int(1, 10) <= 7 ? one : two;
      const what = random.int(1, 20);
      if (what <= 10) {
        const file = await put(parts);
        stored.set(file.path, file);
      } else if (what <= 15) {
        const file = await put(parts, step);
        stored.set(file.path, file);
        ids.set(step, file);
      } else if (what <= 17) {
        Deno.writeTextFileSync(manifest, '{"path":"torn', { append: true });
      } else if (what <= 19) parts.manifest.check();
      else await parts.reading!.known.listed();
    }
    for (const parts of [one, two]) {
      parts.manifest.check(); // as it does itself after a moment
      for (const [id, { path }] of ids) assert.equal((await put(parts, id)).path, path);
      const { files } = await listFiles(parts.reading!.known, { limit: 100, order: "newest" });
      assert.deepEqual(files.map(({ path }) => path).sort(), [...stored.keys()].sort());
    }
    const lines = (await Deno.readTextFile(manifest)).split("\n");
    for (const path of stored.keys()) {
      assert.ok(lines.some((line) => line.startsWith(`{"path":"${path}"`) && line.endsWith("}")));
    }
  }
});
