/** The manifest is rewritten without what is gone, while servers append to it. @module */
import assert from "node:assert/strict";
import { compactManifest } from "../../src/storage/compaction.ts";
import { DiskStorage, type Tier } from "../../src/storage/mod.ts";
import { verifyFolder } from "../../src/storage/verify.ts";
import { listStored, readManifest } from "../helpers/files.ts";
import { utf8 } from "../helpers/raw_frame.ts";
import { TempDir } from "../helpers/temp.ts";

const spec = { mimeType: "text/plain", reserve: 0 };

const put = async (storage: DiskStorage, text: string, uploadId: string = crypto.randomUUID()) =>
  (await storage.put({ ...spec, uploadId }, utf8(text))).path;

Deno.test("a compaction keeps what stands, and the former manifest", async () => {
  await using dir = await TempDir.make();
  const manifest = dir.join("commits.jsonl");
  await using storage = await DiskStorage.open(dir.path);
  const ids = Array.from({ length: 6 }, () => crypto.randomUUID());
  const paths: string[] = [];
  for (const id of ids) paths.push(await put(storage, id, id));
  for (const path of paths.slice(0, 2)) await storage.catalogue.remove(path);
  await storage.check(); // the lines are where the path leads, and need not be written again
  const old = (await Deno.readTextFile(manifest)).replaceAll(
    /("removed":"[^"]*","time":")[^"]*/g,
    "$12020-01-01T00:00:00.000Z",
  );
  await Deno.writeTextFile(manifest, `${old}garbage\n${old.split("\n")[3]}\n{"torn`);
  const done = await compactManifest(dir.path);
  assert.deepEqual([done.files, done.linesBefore, done.lines], [4, 9, 4]);
  assert.equal((await Deno.readTextFile(dir.join(done.kept))).length, done.bytesBefore);
  const listed = (await readManifest(dir.path)).map(({ path }) => path);
  assert.deepEqual(listed.sort(), paths.slice(2).sort());
  for await (const { verdict } of verifyFolder(dir.path)) assert.equal(verdict, "ok");
  // The server goes on: it lists the same files, and knows their ids.
  const { files } = await storage.catalogue.list({ limit: 9, order: "newest" });
  assert.deepEqual(files.map(({ path }) => path).sort(), listed);
  assert.equal(await put(storage, ids[3]!, ids[3]), paths[3]);
  assert.notEqual(await put(storage, ids[0]!, ids[0]), paths[0], "a removed file is stored anew");
  await assert.rejects(() => compactManifest(dir.join("nowhere")), /there is no commits\.jsonl/);
});

Deno.test("files that are stored and removed during compactions lose no line", async () => {
  for (const tier of ["W", "RW"] as Tier[]) {
    await using dir = await TempDir.make();
    await using storage = await DiskStorage.open(dir.path, { tier });
    const stands: string[] = [];
    let over = false;
    const storing = (async () => {
      for (let n = 0; !over; n++) {
        stands.push(await put(storage, `${n}`));
        if (n % 3 === 0) {
          const gone = stands.splice(n % stands.length, 1)[0]!;
          assert.equal((await storage.catalogue.remove(gone))?.path, gone);
        }
        await new Promise((resolve) => setTimeout(resolve, 0));
      }
    })();
    for (let round = 0; round < 3; round++) await compactManifest(dir.path);
    over = true;
    await storing;
    await storage.check();
    const found: string[] = [];
    for await (const { verdict, path } of verifyFolder(dir.path)) {
      assert.equal(verdict, "ok", `${tier} ${path}`);
      found.push(path!);
    }
    assert.deepEqual(found.sort(), stands.sort());
    assert.deepEqual(await listStored(dir.path), found);
  }
});

Deno.test("in the moment in which a compaction replaces the manifest, a file is found that is only in the former one", async () => {
  await using dir = await TempDir.make();
  await using storage = await DiskStorage.open(dir.path);
  // Both files of one name come in the same millisecond.
  await using other = await DiskStorage.open(dir.path, { now: () => 1_800_000_000_000 });
  const bytes = utf8("late");
  const { path: first } = await other.put({ ...spec, name: "a.txt" }, utf8("first"));
  const { path, sha256, size } = await other.put({ ...spec, name: "a.txt" }, bytes);
  const { path: removed } = await other.put({ ...spec, name: "b.txt" }, bytes);
  await other.check(); // the lines are where the path leads, and need not be written again
  assert.equal((await storage.catalogue.find({ name: "b.txt" }))?.path, removed);
  // As a compaction has left it that has not brought the last lines over yet.
  const manifest = dir.join("commits.jsonl");
  const lines = (await Deno.readTextFile(manifest)).split("\n");
  await Deno.link(manifest, dir.join("kept"));
  await Deno.writeTextFile(dir.join("new"), `${lines[0]}\n`);
  await Deno.rename(dir.join("new"), manifest);
  const { catalogue } = storage;
  for (const key of [{ path }, { name: "a.txt" }, { name: "a.txt", sha256, size }]) {
    assert.equal((await catalogue.find(key))?.path, path, JSON.stringify(key));
  }
  assert.equal((await catalogue.find({ path: first }))?.path, first);
  const { setTimeout } = globalThis;
  globalThis.setTimeout = (() => assert.fail("it waits")) as unknown as typeof setTimeout;
  try {
    assert.equal(await catalogue.find({ name: "no such" }), undefined);
    assert.equal(await catalogue.find({ path, owner: "somebody" }), undefined);
  } finally {
    globalThis.setTimeout = setTimeout;
  }
  using opened = await catalogue.open!({ path });
  assert.equal(opened?.file.name, "a.txt");
  // The former one may still get a line, and a removal goes into the new one.
  const third = first.replace(/[^/]*$/, "received_00000000000000000000000000000000.txt");
  await Deno.writeFile(dir.join(third), utf8("first"));
  await Deno.writeTextFile(dir.join("kept"), `${lines[0]!.replace(first, third)}\n`, {
    append: true,
  });
  assert.equal((await catalogue.find({ path: third }))?.path, third);
  assert.equal((await other.catalogue.remove(removed))?.path, removed);
  for (const each of [storage, other]) {
    assert.equal(await each.catalogue.find({ path: removed }), undefined);
    assert.equal((await each.catalogue.remove(removed))?.path, removed, "it is answered again");
  }
  await Deno.remove(dir.join(third));
  assert.equal(await catalogue.find({ path: third }), undefined);
  // After that moment the new one alone says which files there are.
  const { now } = performance;
  performance.now = () => now.call(performance) + 1000;
  try {
    assert.equal(await catalogue.find({ path }), undefined);
  } finally {
    performance.now = now;
  }
});

Deno.test("a file that was just stored is found at each moment of a compaction", async () => {
  await using dir = await TempDir.make();
  await using storing = await DiskStorage.open(dir.path);
  await using asked = await DiskStorage.open(dir.path);
  let over = false;
  const asking = (async () => {
    for (let n = 0; !over; n++) {
      const path = await put(storing, `${n}`);
      assert.equal((await asked.catalogue.find({ path }))?.path, path, `file ${n}`);
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
  })();
  for (let round = 0; round < 3; round++) await compactManifest(dir.path);
  over = true;
  await asking;
});

Deno.test("a compaction that was killed after its rename is finished by the next start", async () => {
  await using dir = await TempDir.make();
  const manifest = dir.join("commits.jsonl");
  let path: string;
  {
    await using storage = await DiskStorage.open(dir.path);
    path = await put(storage, "before");
  }
  const text = await Deno.readTextFile(manifest);
  const gone = text.replace(path, "received_00000000000000000000000000000000.txt");
  // The line of `path` came into the former manifest after it was read, and so did one whose file is gone.
  const kept = "commits.jsonl.20260101T000000000";
  await Deno.writeTextFile(dir.join(kept), `${text}${gone}`);
  await Deno.writeTextFile(dir.join("empty"), "");
  await Deno.rename(dir.join("empty"), manifest);
  await Deno.writeTextFile(dir.join(".compacting"), JSON.stringify({ kept, from: 0, to: 0 }));
  await using storage = await DiskStorage.open(dir.path);
  assert.deepEqual((await readManifest(dir.path)).map((line) => line.path), [path]);
  assert.equal((await storage.catalogue.find({ path }))?.path, path);
  await assert.rejects(() => Deno.lstat(dir.join(".compacting")), Deno.errors.NotFound);
});

Deno.test("what a compaction had not brought over comes before what servers have written since", async () => {
  await using dir = await TempDir.make();
  const line = (path: string, second: number) => {
    const time = `2026-01-01T00:00:0${second}.000Z`;
    const sha256 = "ab".repeat(32);
    return JSON.stringify({ path, size: 1, sha256, mime_type: "text/plain", time });
  };
  const gone = (removed: string, second: number) =>
    JSON.stringify({ removed, time: `2026-01-01T00:00:0${second}.000Z` });
  const path = (name: string) => `files/public/${name}`;
  const text = (lines: readonly string[]) => lines.map((each) => `${each}\n`).join("");
  await Deno.mkdir(dir.join("files/public"), { recursive: true });
  for (const name of ["anew", "kept", "late"]) await Deno.writeTextFile(dir.join(path(name)), "x");
  const compacted = text([line(path("kept"), 1)]);
  const kept = "commits.jsonl.20260101T000000000";
  // Removed and stored again, once before and once after the new manifest had its name.
  const came = [line(path("anew"), 1), gone(path("anew"), 2), line(path("late"), 2)];
  const goneLate = [line(path("gone"), 2), gone(path("gone"), 3)];
  await Deno.writeTextFile(dir.join(kept), compacted + text([...came, ...goneLate]));
  const since = [line(path("anew"), 4), goneLate[0]!];
  await Deno.writeTextFile(dir.join("commits.jsonl"), compacted + text(since));
  const { length } = compacted;
  await Deno.writeTextFile(
    dir.join(".compacting"),
    JSON.stringify({ kept, from: length, to: length }),
  );
  await using storage = await DiskStorage.open(dir.path);
  const { files } = await storage.catalogue.list({ limit: 9, order: "name" });
  assert.deepEqual(
    files.map(({ path, storedAt }) => [path, new Date(storedAt).getUTCSeconds()]),
    [[path("anew"), 4], [path("kept"), 1], [path("late"), 2]],
  );
});

Deno.test("a compaction that cannot be done leaves the folder as it was", async () => {
  await using dir = await TempDir.make();
  await using storage = await DiskStorage.open(dir.path);
  await put(storage, "one");
  const before = (await Array.fromAsync(Deno.readDir(dir.path), ({ name }) => name)).sort();
  const { renameSync } = Deno;
  Deno.renameSync = () => {
    throw new Error("Input/output error");
  };
  try {
    await assert.rejects(() => compactManifest(dir.path), { code: "local_io" });
  } finally {
    Deno.renameSync = renameSync;
  }
  const after = (await Array.fromAsync(Deno.readDir(dir.path), ({ name }) => name)).sort();
  assert.deepEqual(after, before);
});
