/** A removal that is cut short is finished by the next start, or by the sweep (S-REM-1, S-MAN-2). @module */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { createLogger } from "../../src/log.ts";
import { systemFlush } from "../../src/storage/flush.ts";
import { DiskStorage, type Flush } from "../../src/storage/mod.ts";
import { verifyFolder } from "../../src/storage/verify.ts";
import { listStored, readManifest } from "../helpers/files.ts";
import { utf8 } from "../helpers/raw_frame.ts";
import { system } from "../helpers/ran.ts";
import { TempDir } from "../helpers/temp.ts";
import { REMOVAL_STEPS } from "./removing_program.ts";

const PROGRAM = fileURLToPath(new URL("removing_program.ts", import.meta.url));
const spec = { mimeType: "text/plain", reserve: 0 };
const linux = Deno.build.os === "linux";
const mounts = linux && Deno.uid() === 0;

/** Runs the program until it has killed itself. */
async function die(folder: string, step: string, durability: string): Promise<void> {
  const args = ["run", "-A", "--no-check", PROGRAM, folder, step, durability];
  const { signal } = await new Deno.Command(Deno.execPath(), { args, stdout: "null" }).spawn()
    .status;
  assert.equal(signal, "SIGKILL");
}

for (const durability of ["process", "durable"] as const) {
  for (const step of REMOVAL_STEPS) {
    Deno.test({
      name: `S-REM-1 killed after the ${step} (${durability}): the removal is finished, once`,
      ignore: !linux,
      async fn() {
        for (const finisher of ["start", "sweep"]) {
          await using dir = await TempDir.make();
          const options = { durability, budget: 100 };
          const first = await DiskStorage.open(dir.path, options);
          const uploadId = crypto.randomUUID();
          const { path } = await first.put({ ...spec, uploadId }, utf8("the file"));
          if (finisher === "start") await first[Symbol.asyncDispose]();
          await die(dir.path, step, durability);
          await using storage = finisher === "start"
            ? await DiskStorage.open(dir.path, options)
            : first;
          if (finisher === "sweep") await storage.sweep!(() => true);
          assert.deepEqual(await listStored(dir.path), []);
          const lines = await readManifest(dir.path);
          assert.deepEqual(lines.map(({ path, removed }) => path ?? removed), [path, path]);
          assert.deepEqual((await storage.catalogue.list({ limit: 9, order: "newest" })).files, []);
          assert.deepEqual(storage.usage, { used: 0, reserved: 0 });
          assert.deepEqual(await Array.fromAsync(verifyFolder(dir.path)), []);
          const again = await storage.put({ ...spec, uploadId }, utf8("the file"));
          assert.equal(again.replayed, false);
          await storage.sweep!(() => true);
          assert.deepEqual(await listStored(dir.path), [again.path]);
        }
      },
    });
  }
}

Deno.test("S-REM-1 what is left of a removal never takes away a file that was stored since", async () => {
  await using dir = await TempDir.make();
  const at = (path: string) => dir.join(path);
  let path: string;
  {
    await using storage = await DiskStorage.open(dir.path);
    ({ path } = await storage.put(spec, utf8("first")));
    await storage.catalogue.remove(path);
  }
  const [entry, removal] = (await Deno.readTextFile(at("commits.jsonl"))).trim().split("\n");
  // The same path again, with other bytes, listed; and the claim of the removal comes back.
  await Deno.writeTextFile(at(path), "other");
  const { createHash } = await import("node:crypto");
  const sha256 = createHash("sha256").update("other").digest("hex");
  const line = JSON.stringify({ ...JSON.parse(entry!), sha256, time: new Date().toISOString() });
  await Deno.writeTextFile(at("commits.jsonl"), `${line}\n`, { append: true });
  await Deno.writeTextFile(at(".claims/00000000000000aa"), `${removal}\n`);
  await using storage = await DiskStorage.open(dir.path);
  await storage.sweep!(() => true);
  assert.equal(await Deno.readTextFile(at(path)), "other");
  assert.equal((await storage.catalogue.find({ path }))?.sha256, sha256);
});

Deno.test({
  name: "S-REM-1 on a full disk files can be listed and removed, which makes room again",
  ignore: !mounts,
  async fn() {
    await using dir = await TempDir.make();
    await system("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", dir.path]);
    try {
      const events: string[] = [];
      const log = createLogger(({ event }) => void events.push(event));
      await using storage = await DiskStorage.open(dir.join("storage"), { log });
      const paths: string[] = [];
      for (let file = 0; file < 2; file++) {
        paths.push((await storage.put(spec, new Uint8Array(200_000).fill(file))).path);
      }
      using filler = await Deno.open(dir.join("filler"), { write: true, create: true });
      const page = new Uint8Array(4096).fill(1);
      assert.throws(() => {
        while (filler.writeSync(page) > 0);
      }, /No space left|os error 28/);
      const list = async () => {
        const { files } = await storage.catalogue.list({ limit: 9, order: "name" });
        return files.map(({ path }) => path).sort();
      };
      assert.deepEqual(await list(), [...paths].sort());
      assert.equal((await storage.catalogue.remove(paths[0]!))?.path, paths[0]);
      assert.deepEqual(await list(), [paths[1]]);
      const again = await storage.put(spec, new Uint8Array(100_000));
      assert.deepEqual(await list(), [paths[1], again.path].sort());
      assert.deepEqual(events, ["storage.index_in_memory"]);
    } finally {
      await system("umount", ["-l", dir.path]);
    }
  },
});

Deno.test("S-REM-1 a file that another process removes at the same time is no planted link", async () => {
  await using dir = await TempDir.make();
  const events: string[] = [];
  const log = createLogger(({ event }) => void events.push(event));
  await using one = await DiskStorage.open(dir.path, { naming: "original", log });
  await using two = await DiskStorage.open(dir.path, { naming: "original", log });
  const { path } = await one.put({ ...spec, name: "folder/a.txt" }, utf8("the file"));
  const gone = await Promise.all([one, two].map(({ catalogue }) => catalogue.remove(path)));
  assert.deepEqual(gone.map((file) => file?.path), [path, path]);
  assert.deepEqual(events, []);
  assert.deepEqual(await listStored(dir.path), []);
});

for (const durability of ["process", "durable"] as const) {
  Deno.test(`S-REM-1 the last file of a folder takes the folders with it that are empty then, ${durability}`, async () => {
    await using dir = await TempDir.make();
    await using storage = await DiskStorage.open(dir.path, { naming: "original", durability });
    const put = (name: string) => storage.put({ ...spec, name }, utf8(name));
    const isThere = (path: string) => Deno.lstat(dir.join(path)).then(() => true, () => false);
    const { path } = await put("one/two/three/a.txt");
    const beside = await put("one/b.txt");
    assert.equal((await storage.catalogue.remove(path))?.path, path);
    assert.deepEqual([await isThere("files/public/one/two"), await isThere(beside.path)], [
      false,
      true,
    ]);
    await storage.catalogue.remove(beside.path);
    // The operator may have given the first of them an owner and a mode of its own.
    assert.deepEqual([await isThere("files/public"), await isThere("files")], [false, true]);
    assert.equal(storage.usage.used, 0);
    assert.deepEqual(await Array.fromAsync(verifyFolder(dir.path)), []);
    assert.ok(await isThere((await put("one/two/three/a.txt")).path), "they are made again");
  });
}

Deno.test("S-REM-1 a folder that another process removes meanwhile fails neither a removal nor a file", async () => {
  await using dir = await TempDir.make();
  const calls: string[] = [];
  const flush: Flush = {
    ...systemFlush,
    async folder(path) {
      // Another process removes a file in it that it has stored there, and with it the folder.
      if (path.endsWith("/one") && calls.push(path) === 2) {
        await Deno.remove(path, { recursive: true });
      }
      await systemFlush.folder(path);
    },
  };
  const options = { naming: "original", durability: "durable" } as const;
  await using storage = await DiskStorage.open(dir.path, { ...options, flush });
  const put = (name: string) => storage.put({ ...spec, name }, utf8(name));
  const { path } = await put("one/a.txt");
  await Deno.writeTextFile(dir.join("files/public/one/beside"), "of another process");
  const [removed, stored] = await Promise.all([storage.catalogue.remove(path), put("b.txt")]);
  assert.deepEqual([removed?.path, stored.size, calls.length], [path, 5, 2]);

  const { mkdirSync } = Deno;
  let left = 3;
  Deno.mkdirSync = (path, options) => {
    mkdirSync(path, options);
    if (String(path).endsWith("/two") && left-- > 0) Deno.removeSync(path);
  };
  try {
    assert.equal((await put("two/three/c.txt")).size, 15);
  } finally {
    Deno.mkdirSync = mkdirSync;
  }
  assert.equal(left, -1);
});

Deno.test("S-REM-1 of two processes that remove a file, the slower one leaves what was stored there since", async () => {
  await using dir = await TempDir.make();
  const begun = Promise.withResolvers<void>();
  const flushed = Promise.withResolvers<void>();
  let isSlow = false;
  const flush: Flush = {
    ...systemFlush,
    async manifest(manifest) {
      if (isSlow) {
        begun.resolve();
        await flushed.promise;
      }
      await manifest.sync();
    },
  };
  const options = { naming: "original", durability: "durable" } as const;
  await using slow = await DiskStorage.open(dir.path, { ...options, flush });
  const named = { ...spec, name: "folder/a.txt" };
  const { path } = await slow.put(named, utf8("the file"));
  isSlow = true;
  const removing = slow.catalogue.remove(path);
  await begun.promise;
  // What another process leaves that found the file as well, removed it, and was sent another one.
  await Deno.remove(dir.join(path));
  await Deno.writeTextFile(dir.join(path), "another file");
  flushed.resolve();
  assert.equal((await removing)?.path, path);
  assert.equal(await Deno.readTextFile(dir.join(path)), "another file");
});
