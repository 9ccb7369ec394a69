/** Old files go, and what the storage keeps for itself can stand in a folder of its own. @module */
import assert from "node:assert/strict";
import { DiskStorage, type KeepPolicy, type Tier } from "../../src/storage/mod.ts";
import { verifyFolder } from "../../src/storage/verify.ts";
import { code } from "../helpers/errors.ts";
import { listFiles, sha256 } from "../helpers/files.ts";
import { utf8 } from "../helpers/raw_frame.ts";
import { system } from "../helpers/ran.ts";
import { TempDir } from "../helpers/temp.ts";

const spec = { mimeType: "text/plain", reserve: 0 };
const mounts = Deno.build.os === "linux" && Deno.uid() === 0;

Deno.test("files that are too old, or too many, go in the order of their age", async () => {
  await using dir = await TempDir.make();
  let now = 1_795_394_722_323;
  await using storage = await DiskStorage.open(dir.path, { now: () => now });
  const paths: string[] = [];
  for (let n = 0; n < 6; n++) {
    paths.push((await storage.put(spec, utf8("1234567890"))).path);
    now += 1000;
  }
  const outdated = async (policy: KeepPolicy) =>
    (await Array.fromAsync(storage.outdated(policy))).map(({ file, reason }) => [
      paths.indexOf(file.path),
      reason,
    ]);
  assert.deepEqual(await outdated({}), []);
  assert.deepEqual(await outdated({ keepMs: 4500 }), [[0, "storage.keep"], [1, "storage.keep"]]);
  assert.deepEqual(await outdated({ keepBytes: 45 }), [
    [0, "storage.keep_bytes"],
    [1, "storage.keep_bytes"],
  ]);
  assert.deepEqual(await outdated({ keepMs: 5500, keepBytes: 45 }), [
    [0, "storage.keep"],
    [1, "storage.keep_bytes"],
  ]);
  {
    using _reading = (await storage.catalogue.open!({ path: paths[0]! }))!;
    assert.deepEqual(await outdated({ keepMs: 4500 }), [[1, "storage.keep"]]);
  }
  for await (const { file } of storage.outdated({ keepMs: 0 })) {
    await storage.catalogue.remove(file.path, { reason: "storage.keep" });
  }
  assert.deepEqual((await storage.catalogue.list({ limit: 9, order: "newest" })).files, []);
  await using writer = await DiskStorage.open(dir.path, { tier: "W" });
  assert.throws(() => writer.outdated({ keepMs: 1 }), code("config_invalid"));
});

Deno.test("a file stays that was stored under the path of an old one, after that one was removed", async () => {
  await using dir = await TempDir.make();
  let now = 1_795_394_722_323;
  const options = { naming: "original", now: () => now } as const;
  await using storage = await DiskStorage.open(dir.path, options);
  await using other = await DiskStorage.open(dir.path, options);
  for (const name of ["a.txt", "b.txt"]) await storage.put({ ...spec, name }, utf8("old"));
  now += 1000;
  const went: string[] = [];
  for await (const { file: { path } } of storage.outdated({ keepMs: 0 })) {
    if (went.length === 0) {
      await other.catalogue.remove("files/public/b.txt");
      await other.put({ ...spec, name: "b.txt" }, utf8("new"));
    }
    await storage.catalogue.remove(path, { reason: "storage.keep" });
    went.push(path);
  }
  assert.deepEqual(went, ["files/public/a.txt"]);
  assert.equal(await Deno.readTextFile(dir.join("files/public/b.txt")), "new");
});

for (const tier of ["W", "RW"] as Tier[]) {
  Deno.test(`${tier}: with a state folder the storage folder has received files and nothing else`, async () => {
    await using dir = await TempDir.make();
    const [folder, state] = [dir.join("storage"), dir.join("state")];
    const uploadId = crypto.randomUUID();
    const stored: string[] = [];
    {
      await using storage = await DiskStorage.open(folder, { state, tier });
      stored.push((await storage.put({ ...spec, uploadId }, utf8("small"))).path);
      const upload = await storage.begin(spec);
      await upload.write(utf8("in pieces"));
      await upload.checkpoint();
      await upload.seal();
      stored.push((await upload.publish()).path);
      await storage.check();
      const { files } = await storage.catalogue.list({ limit: 9, order: "newest" });
      assert.equal(files.length, 2);
      assert.deepEqual(await listFiles(folder), stored.sort());
    }
    await using storage = await DiskStorage.open(folder, { state });
    assert.equal(storage.find(uploadId)?.sha256, sha256(utf8("small")));
    await storage.sweep!(() => false);
    assert.deepEqual(await listFiles(folder), stored);
    const verdicts = await Array.fromAsync(
      verifyFolder(folder, { state }),
      ({ verdict }) => verdict,
    );
    assert.deepEqual(verdicts, ["ok", "ok"]);
  });
}

/** Runs `use` with a storage whose own files are on a disk of 1 MiB. */
async function withStateDisk(
  use: (made: { storage: DiskStorage; folder: string; state: string }) => Promise<void>,
): Promise<void> {
  await using dir = await TempDir.make();
  const [folder, state] = [dir.join("storage"), dir.join("state")];
  await Deno.mkdir(state);
  await system("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", state]);
  try {
    await using storage = await DiskStorage.open(folder, { state });
    await use({ storage, folder, state });
  } finally {
    await system("umount", ["-l", state]);
  }
}

Deno.test({
  name: "a state folder on another file system leaves partial files where they can be renamed",
  ignore: !mounts,
  fn: () =>
    withStateDisk(async ({ storage, folder }) => {
      const { path } = await storage.put(spec, utf8("small"));
      const upload = await storage.begin(spec);
      assert.match(upload.temporaryPath, /^\.incoming\//);
      await Deno.lstat(`${folder}/${upload.temporaryPath}`);
      await upload.seal();
      const published = await upload.publish();
      assert.deepEqual(await listFiles(folder), [path, published.path].sort());
      await storage.sweep!(() => false);
    }),
});

Deno.test({
  name: "a storage is not ready while the disk of its state folder is full",
  ignore: !mounts,
  fn: () =>
    withStateDisk(async ({ storage, state }) => {
      await storage.check();
      const filler = new Uint8Array(2 << 20);
      await assert.rejects(() => Deno.writeFile(`${state}/filler`, filler));
      await assert.rejects(() => storage.check(), code("storage_full"));
      await Deno.remove(`${state}/filler`);
      await storage.check();
      const left = (await listFiles(state)).filter((path) => path.includes("probe"));
      assert.deepEqual(left, []);
    }),
});
