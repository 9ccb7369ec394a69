/** What the next holder of a session learns of the files that nobody announced, at any step (S-SEQ-9). @module */
import assert from "node:assert/strict";
import { DiskStorage, type PutSpec, type UnannouncedFile } from "../../src/storage/mod.ts";
import { code } from "../helpers/errors.ts";
import { listStored, partialSizes, readManifest, sha256 } from "../helpers/files.ts";
import { utf8 } from "../helpers/raw_frame.ts";
import { TempDir } from "../helpers/temp.ts";

const id = "6f9619ff-8b86-4d01-b42d-00cf4fc964ff";
const spec = (sequence: number): PutSpec => (
  { mimeType: "text/plain", reserve: 0, session: { id, sequence } }
);
const pathsOf = (files: readonly UnannouncedFile[]) => files.map(({ path }) => path).sort();

Deno.test("takeOver() tells what was published, as often as it is asked, until it is saved", async () => {
  await using dir = await TempDir.make();
  await using one = await DiskStorage.open(dir.path);
  await using two = await DiskStorage.open(dir.path);
  const journal = one.journals!.begin(id);
  for (const sequence of [1, 2, 3]) {
    await one.put({ ...spec(sequence), name: "n", journal }, utf8(`file ${sequence}`));
  }
  const found = await two.journals!.takeOver(id, 1);
  assert.deepEqual(found.map(({ sequence, size, name }) => [sequence, size, name]), [
    [2, 6, "n"],
    [3, 6, "n"],
  ]);
  assert.equal(found[0]!.sha256, sha256(utf8("file 2")));
  assert.equal(journal.stands, false);
  // The one that took it over may die: whoever comes then is told the same, and what it has published itself.
  const next = two.journals!.begin(id);
  await two.put({ ...spec(4), journal: next }, utf8("file 4"));
  const all = await one.journals!.takeOver(id, 1);
  assert.deepEqual(all.map(({ sequence }) => sequence), [2, 3, 4]);
  assert.deepEqual(await one.journals!.takeOver(id, 4), []);
  for (const each of [journal, next]) each.close(true);
});

Deno.test("A holder whose journal was taken over publishes nothing, and leaves nothing behind", async () => {
  await using dir = await TempDir.make();
  await using one = await DiskStorage.open(dir.path);
  await using two = await DiskStorage.open(dir.path);
  const journal = one.journals!.begin(id);
  await two.journals!.takeOver(id, 0);
  const put = async () => await one.put({ ...spec(1), journal }, utf8("late"));
  await assert.rejects(put, code("busy"));
  const other = two.journals!.begin(id);
  await assert.rejects(put, code("busy"));
  assert.equal(other.stands, true);
  assert.deepEqual([await listStored(dir.path), await partialSizes(dir.path)], [[], []]);
  for (const each of [journal, other]) each.close(true);
});

Deno.test("A file that was noted and not renamed when it was taken over is never renamed", async () => {
  await using dir = await TempDir.make();
  await using one = await DiskStorage.open(dir.path);
  await using two = await DiskStorage.open(dir.path);
  const journal = one.journals!.begin(id);
  let taken: Promise<UnannouncedFile[]> | undefined;
  // Right before the rename, when the holder has looked whether the journal is its own.
  const mayPublish = () => void (taken = two.journals!.takeOver(id, 0));
  const put = async () => await one.put({ ...spec(1), journal }, utf8("late"), false, mayPublish);
  await assert.rejects(put, code("internal_error"));
  assert.deepEqual(await taken, []);
  assert.deepEqual([await listStored(dir.path), await partialSizes(dir.path)], [[], []]);
  assert.deepEqual(await readManifest(dir.path), []);
  journal.close(true);
});

Deno.test("A file that has its final name and no line gets its line from whoever takes over", async () => {
  await using dir = await TempDir.make();
  await using one = await DiskStorage.open(dir.path);
  const journal = one.journals!.begin(id);
  const { path } = await one.put({ ...spec(1), journal }, utf8("stored"));
  const manifest = dir.join("commits.jsonl");
  await Deno.truncate(manifest, 0); // as if it had died before
  await using two = await DiskStorage.open(dir.path);
  for (const _ of [1, 2]) {
    assert.deepEqual(pathsOf(await two.journals!.takeOver(id, 0)), [path]);
  }
  assert.deepEqual((await readManifest(dir.path)).map((line) => line.path), [path], "one line");
  journal.close(true);
});

Deno.test("A torn note, a removed file, and what is no journal are passed over", async () => {
  await using dir = await TempDir.make();
  await using storage = await DiskStorage.open(dir.path);
  const journal = storage.journals!.begin(id);
  const { path } = await storage.put({ ...spec(1), journal }, utf8("gone"));
  const kept = await storage.put({ ...spec(2), journal }, utf8("kept"));
  await Deno.remove(dir.join(path));
  const at = dir.join(".claims", id);
  const outside = `../outside.part {"path":"${kept.path}","session":"${id}","sequence":9}\n`;
  await Deno.writeTextFile(at, `${outside}no note\n.incoming/0123456789abcdef.part {"pa`, {
    append: true,
  });
  assert.deepEqual(pathsOf(await storage.journals!.takeOver(id, 0)), [kept.path]);
  journal.close(false);
  await Deno.symlink("commits.jsonl", at);
  assert.deepEqual(pathsOf(await storage.journals!.takeOver(id, 0)), [kept.path]);
  assert.throws(() => storage.journals!.begin("../../etc"), TypeError);
});

Deno.test("The sweep removes the journals of sessions that are gone, and no others", async () => {
  await using dir = await TempDir.make();
  await using storage = await DiskStorage.open(dir.path);
  const other = crypto.randomUUID();
  const journals = [id, other].map((session) => storage.journals!.begin(session));
  const left = () =>
    [id, other].filter((session) => {
      try {
        return Deno.lstatSync(dir.join(".claims", session)).isFile;
      } catch {
        return false;
      }
    });
  await storage.sweep!((named) => named === id);
  assert.deepEqual(left(), [id, other], "young ones stay");
  await storage.sweep!((named) => named === id, -1000);
  assert.deepEqual(left(), [id]);
  assert.equal(journals[1]!.stands, false);
  for (const journal of journals) journal.close(true);
  assert.deepEqual(left(), []);
});

Deno.test("A journal begins anew when everything in it is saved, and not before", async () => {
  await using dir = await TempDir.make();
  await using storage = await DiskStorage.open(dir.path);
  const journal = storage.journals!.begin(id);
  const size = () => Deno.statSync(dir.join(".claims", id)).size;
  const name = "n".repeat(4000);
  for (let sequence = 1; sequence <= 20; sequence++) {
    await storage.put({ ...spec(sequence), name, journal }, utf8(`${sequence}`));
  }
  assert.ok(size() > 80_000, "nothing is saved");
  assert.equal((await storage.journals!.takeOver(id, 0)).length, 20);
  const next = storage.journals!.begin(id);
  for (let sequence = 21; sequence <= 40; sequence++) {
    await storage.put({ ...spec(sequence), name, journal: next }, utf8(`${sequence}`));
    next.saved();
  }
  assert.ok(size() < 80_000, `${size()}`);
  for (const each of [journal, next]) each.close(true);
});
