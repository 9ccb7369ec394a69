import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { silentLogger } from "../../src/log.ts";
import { IndexFile } from "../../src/storage/index_file.ts";
import { IndexLines, positionsOf } from "../../src/storage/index_lines.ts";
import { closeParts, openParts } from "../../src/storage/open.ts";
import { putNow } from "../../src/storage/put.ts";
import { TempDir } from "../helpers/temp.ts";

/** Brings files into an index, one line of 10 bytes each, as a process does that has begun it anew for a manifest. */
function build(index: IndexFile, manifest: string, ...uploadIds: string[]): void {
  index.begin();
  index.reset(manifest);
  const lines = new IndexLines(index, () => undefined, false);
  for (const [at, uploadId] of uploadIds.entries()) {
    const what = { size: 1, sha256: "ab".repeat(32), mimeType: "text/plain", time: 0 };
    lines.add({ path: `file_${at}`, uploadId, ...what }, at * 10);
  }
  lines.end(uploadIds.length * 10, "");
  index.commit();
}

/** What a process finds that has the first lines of manifest `a` from the index. */
const finds = (index: IndexFile, uploadId: string, isFormer = false, to = 30) =>
  positionsOf(index, uploadId, { name: "a", readTo: to, indexed: to }, isFormer);

Deno.test("positionsOf() has the lines that were read, the last one first, and no others", async () => {
  const index = await IndexFile.inMemory();
  build(index, "a", "one", "two", "one");
  assert.deepEqual(finds(index, "one"), [20, 0]);
  assert.deepEqual(finds(index, "one", false, 20), [0]);
  assert.deepEqual(finds(index, "three"), []);
  assert.equal(
    finds(index, "one", false, 40),
    undefined,
    "the index has not all that it is to have",
  );
  index.close();
});

for (const memory of [false, true]) {
  Deno.test(`S-TRF-11 positionsOf() says that the index was begun anew, or is of another manifest (${memory ? "in memory" : "by another process"})`, async () => {
    await using dir = await TempDir.make();
    const open = () => IndexFile.open(dir.join(".index.db"), silentLogger);
    const index = memory ? await IndexFile.inMemory() : await open();
    const other = memory ? index : await open();
    const steps: [string, string[], number[] | undefined, number[] | undefined][] = [
      ["a", ["one", "two", "three"], [10], [10]],
      ["a", ["one"], undefined, []], // begun anew, and not read to the end
      ["a", ["one", "two", "three", "four"], [10], [10]],
      ["b", ["two"], undefined, [10]], // the former one's place
      ["b", [], undefined, [10]],
      ["c", [], undefined, undefined], // nothing is known of `a`
      ["a", ["two", "one", "three"], [0], [0]],
    ];
    build(other, "a", "one", "two", "three");
    let before: unknown[] = [[10], [10]];
    for (const [manifest, ids, here, former] of steps) {
      const found = () => [finds(index, "two"), finds(index, "two", true)];
      assert.deepEqual(found(), before);
      build(other, manifest, ...ids);
      if (!memory) assert.deepEqual(found(), before, "one moment, as long as it is held");
      index.held.letGo();
      assert.deepEqual(found(), before = [here, former], `${manifest} ${ids}`);
    }
    other.close();
    index.close();
  });
}

Deno.test("S-TRF-11 after an error no answer is of another moment than the state", async () => {
  await using dir = await TempDir.make();
  const open = () => IndexFile.open(dir.join(".index.db"), silentLogger);
  const [index, other] = [await open(), await open()];
  build(other, "a", "one", "two", "three");
  assert.deepEqual(finds(index, "two"), [10]);
  build(other, "a");
  assert.throws(() => index.held.rows("SELECT nothing"), { code: "ERR_SQLITE_ERROR" });
  assert.equal(finds(index, "two"), undefined);
  build(other, "a", "one", "two", "three");
  index.held.letGo();
  other.begin();
  other.run("DELETE FROM state");
  other.commit();
  assert.equal(finds(index, "two"), undefined);
  for (const each of [index, other]) each.close();
});

Deno.test("S-TRF-11 an index that another process begins anew between two files is lost, and its ids are learned again", async () => {
  await using dir = await TempDir.make();
  const parts = await openParts(dir.path, {});
  const { known } = parts.reading!;
  const put = (uploadId: string) =>
    putNow(parts, { mimeType: "text/plain", reserve: 0, uploadId }, new Uint8Array([1]));
  const [first, second] = [crypto.randomUUID(), crypto.randomUUID()];
  const { path } = await put(first);
  await known.write();
  assert.equal(known.get(first)?.path, path);
  using other = new DatabaseSync(dir.join(".index.db"));
  other.exec("BEGIN IMMEDIATE; DELETE FROM file; UPDATE state SET read_to = 0, tail = ''; COMMIT");
  assert.equal(known.get(first)?.path, path, "what it was a moment ago is still true");
  await new Promise((resolve) => setTimeout(resolve, 500));
  assert.throws(() => known.get(first), { code: "busy" });
  assert.equal((await put(first)).replayed, true);
  assert.equal((await put(second)).replayed, false);
  await closeParts(parts);
});

Deno.test("a process that only answers holds no lines of the others back from the file", async () => {
  await using dir = await TempDir.make();
  const parts = await openParts(dir.path, {});
  const { known } = parts.reading!;
  const uploadId = crypto.randomUUID();
  const spec = { mimeType: "text/plain", reserve: 0, uploadId };
  await putNow(parts, spec, new Uint8Array([1]));
  await known.write();
  await new Promise((resolve) => setTimeout(resolve, 500)); // its looks have ended
  assert.notEqual(known.get(uploadId), undefined);
  using other = new DatabaseSync(dir.join(".index.db"));
  other.exec("UPDATE state SET tail = tail || ''");
  const isHeld = () => other.prepare("PRAGMA wal_checkpoint(TRUNCATE)").get()?.busy === 1;
  assert.equal(isHeld(), true);
  await new Promise((resolve) => setTimeout(resolve, 500));
  assert.equal(isHeld(), false);
  await closeParts(parts);
});
