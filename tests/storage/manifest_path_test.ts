/**
 * The manifest is the file that its path leads to (S-MAN-3): somebody rotates it, removes it, or puts
 * another folder in the storage's place while servers run.
 *
 * @module
 */
import assert from "node:assert/strict";
import { createLogger, type LogEvent } from "../../src/log.ts";
import { readManifest as readLines } from "../../src/storage/manifest_lines.ts";
import { DiskStorage, type Tier } from "../../src/storage/mod.ts";
import { ProvenManifest } from "../../src/storage/proven_manifest.ts";
import { code } from "../helpers/errors.ts";
import { readManifest } from "../helpers/files.ts";
import { utf8 } from "../helpers/raw_frame.ts";
import { system } from "../helpers/ran.ts";
import { until } from "../helpers/serving.ts";
import { TempDir } from "../helpers/temp.ts";

const TIERS: readonly Tier[] = ["W", "RW"];
const spec = { mimeType: "text/plain", reserve: 0 };
const ID = "6f9619ff-8b86-4d01-b42d-00cf4fc964ff";
const mounts = Deno.build.os === "linux" && Deno.uid() === 0;

const put = async (storage: DiskStorage, text: string, uploadId?: string) =>
  await storage.put({ ...spec, ...(uploadId && { uploadId }) }, utf8(text));
const listed = async (folder: string) => (await readManifest(folder)).map(({ path }) => path);

/** What somebody may do to the folder or its manifest. */
const CHANGES: Record<string, (folder: string) => Promise<void>> = {
  "the manifest is renamed": (folder) =>
    Deno.rename(`${folder}/commits.jsonl`, `${folder}/commits.jsonl.1`),
  "the manifest is renamed and made anew": async (folder) => {
    await Deno.rename(`${folder}/commits.jsonl`, `${folder}/commits.jsonl.1`);
    await Deno.writeTextFile(`${folder}/commits.jsonl`, "");
  },
  "the manifest is emptied in place": (folder) => Deno.truncate(`${folder}/commits.jsonl`),
  "the manifest is removed": (folder) => Deno.remove(`${folder}/commits.jsonl`),
  "an older manifest is put back": async (folder) => {
    await Deno.copyFile(`${folder}/commits.jsonl`, `${folder}/old`);
    await Deno.rename(`${folder}/old`, `${folder}/commits.jsonl`);
  },
  "the folder is moved away": (folder) => Deno.rename(folder, `${folder}.old`),
  "an empty folder takes its place": async (folder) => {
    await Deno.rename(folder, `${folder}.old`);
    // The storage may have made it anew in the meantime.
    await Deno.mkdir(folder, { recursive: true });
  },
  "another storage folder takes its place": async (folder) => {
    await Deno.rename(folder, `${folder}.old`);
    {
      await using other = await DiskStorage.open(folder);
      await put(other, "of the other", crypto.randomUUID());
    }
  },
};

for (const tier of TIERS) {
  for (const [what, change] of Object.entries(CHANGES)) {
    Deno.test(`S-MAN-3 ${tier}: ${what}, and each file stored afterwards is listed`, async () => {
      await using dir = await TempDir.make();
      const folder = dir.join("storage");
      await using storage = await DiskStorage.open(folder, { tier });
      await using second = await DiskStorage.open(folder, { tier });
      const open = await storage.begin(spec);
      await open.write(utf8("begun before"));
      await put(storage, "before");
      await put(second, "before");
      await change(folder);
      const stored = [await put(storage, "at once"), await put(second, "at once")];
      const later = await storage.begin(spec);
      await later.write(utf8("in pieces"));
      await later.seal();
      stored.push(await later.publish());
      await until(async () => {
        const paths = await listed(folder);
        return stored.every(({ path }) => paths.includes(path));
      }, "each has its line");
      for (const { path } of stored) await Deno.lstat(`${folder}/${path}`);
      await storage.check();

      // What was begun in a folder that is not there any more is refused; elsewhere it is listed.
      let begun: string | undefined;
      try {
        await open.seal();
        begun = (await open.publish()).path;
      } catch {
        await open.discard();
      }
      assert.equal(begun === undefined, what.includes("folder"));
      for (const path of new Set(await listed(folder))) {
        await Deno.lstat(`${folder}/${path}`); // no line without a file
      }
      assert.equal(begun === undefined || (await listed(folder)).includes(begun), true);
    });
  }

  Deno.test(`S-MAN-3 ${tier}: while something else has the manifest's name, nothing is stored`, async () => {
    await using dir = await TempDir.make();
    await using storage = await DiskStorage.open(dir.path, { tier });
    await put(storage, "before");
    // In one turn of the event loop, so that the storage does not make it anew in between.
    Deno.removeSync(dir.join("commits.jsonl"));
    Deno.mkdirSync(dir.join("commits.jsonl"));
    await new Promise((resolve) => setTimeout(resolve, 2));
    await assert.rejects(() => put(storage, "not listed"));
    await assert.rejects(() => storage.check());
    await Deno.remove(dir.join("commits.jsonl"));
    await storage.check();
    const { path } = await put(storage, "listed");
    assert.equal((await listed(dir.path)).at(-1), path);
  });
}

Deno.test("S-MAN-3 a line written just after a look is written again where the path leads", async () => {
  await using dir = await TempDir.make();
  await using storage = await DiskStorage.open(dir.path);
  for (let round = 0; round < 20; round++) {
    // Within one turn of the event loop, so within a millisecond in most rounds.
    storage.put(spec, utf8("looked"));
    Deno.renameSync(dir.join("commits.jsonl"), dir.join(`commits.jsonl.${round}`));
    const { path } = await storage.put(spec, utf8("not looked"));
    await until(
      async () => (await listed(dir.path)).includes(path),
      "the line is where its path leads",
    );
  }
});

Deno.test("S-TRF-11 ids hold after the manifest was moved away, and not in another folder", async () => {
  await using dir = await TempDir.make();
  const folder = dir.join("storage");
  const lines: LogEvent[] = [];
  const log = createLogger((event) => lines.push(event), "info");
  await using storage = await DiskStorage.open(folder, { log });
  const file = await put(storage, "one", ID);
  await storage.check(); // the line is where the path leads, and need not be written again
  await CHANGES["the manifest is renamed"]!(folder);
  assert.deepEqual(await put(storage, "one", ID), { ...file, replayed: true });
  assert.ok(lines.some(({ event }) => event === "storage.manifest_renewed"));
  const other = await put(storage, "two", crypto.randomUUID());
  assert.deepEqual(await listed(folder), [other.path]);

  await CHANGES["an empty folder takes its place"]!(folder);
  const again = await put(storage, "one", ID);
  assert.equal(again.replayed, false, "the first one is not to be found any more");
  assert.deepEqual(await listed(folder), [again.path]);
  assert.ok(lines.some(({ event }) => event === "storage.replaced"));
});

Deno.test({
  name: "S-MAN-3 a file system that is mounted over the folder counts from then on",
  ignore: !mounts,
  async fn() {
    for (const tier of TIERS) {
      await using dir = await TempDir.make();
      await using storage = await DiskStorage.open(dir.path, { tier });
      const before = await put(storage, "before", ID);
      await system("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", dir.path]);
      try {
        const over = await put(storage, "before");
        await until(async () => (await listed(dir.path)).includes(over.path), "it is listed");
        await Deno.lstat(dir.join(over.path));
      } finally {
        await system("umount", ["-l", dir.path]);
      }
      const after = await put(storage, "after");
      await until(async () => (await listed(dir.path)).includes(after.path), "it is listed");
      if (tier === "RW") assert.equal((await put(storage, "before", ID)).path, before.path);
    }
  },
});

Deno.test("S-MAN-1 whoever appends after a torn line begins with LF, whichever process tore it", async () => {
  for (const tier of TIERS) {
    await using dir = await TempDir.make();
    const path = dir.join("commits.jsonl");
    await using one = await DiskStorage.open(dir.path, { tier });
    await using two = await DiskStorage.open(dir.path, { tier: "RW" });
    const files = [await put(one, "first"), await put(two, "second")];
    for (const half of ['{"path":"rec', '{"path":"received_00.txt","size":3', "{"]) {
      await Deno.writeTextFile(path, half, { append: true });
      await new Promise((resolve) => setTimeout(resolve, 2));
      files.push(await put(half === "{" ? one : two, "next"));
      files.push(await put(half === "{" ? two : one, "next but one"));
      const text = await Deno.readTextFile(path);
      assert.ok(text.includes(`\n${half}\n{"path"`), text);
    }
    const read = (await Deno.readTextFile(path)).split("\n").flatMap((line) => {
      try {
        return [JSON.parse(line).path];
      } catch {
        return [];
      }
    });
    assert.deepEqual(read, files.map(({ path }) => path));
  }
});

Deno.test("S-MAN-1 a line that is glued to one torn at that very moment is written again", async () => {
  await using dir = await TempDir.make();
  const manifest = dir.join("commits.jsonl");
  await using storage = await DiskStorage.open(dir.path);
  const isListed = (path: string) =>
    Deno.readTextFileSync(manifest).split("\n").some((line) =>
      line.startsWith(`{"path":"${path}"`)
    );
  const glue = (uploadId?: string) => {
    storage.put(spec, utf8("looked"));
    storage.put(spec, utf8("looked"));
    Deno.writeTextFileSync(manifest, '{"path":"torn', { append: true });
    const { path } = storage.put({ ...spec, ...(uploadId && { uploadId }) }, utf8("glued")) as {
      path: string;
    };
    return path;
  };
  for (let round = 0; round < 20; round++) {
    assert.ok(isListed(glue(crypto.randomUUID())), "one with an upload id at once");
    const path = glue();
    // Until then, whoever starts after this process has died reads it behind the torn one.
    const lines = await Array.fromAsync(readLines(manifest));
    assert.ok(lines.some(({ entry }) => entry?.path === path));
    await until(() => Promise.resolve(isListed(path)), "it is listed after a moment");
    assert.ok(Deno.readTextFileSync(manifest).endsWith("}\n"));
  }
});

Deno.test("S-MAN-1 a start cuts half a line off only if nobody else may be writing it", async () => {
  await using dir = await TempDir.make();
  const path = dir.join("commits.jsonl");
  const lines: LogEvent[] = [];
  const log = createLogger((event) => lines.push(event), "warn");
  {
    await using first = await DiskStorage.open(dir.path);
    await put(first, "one");
    await Deno.writeTextFile(path, '{"path":"half', { append: true });
    const torn = await Deno.readTextFile(path);
    await using second = await DiskStorage.open(dir.path, { log });
    assert.equal(await Deno.readTextFile(path), torn);
    assert.deepEqual(lines.map(({ event }) => event), ["storage.manifest_torn"]);
    await put(second, "two");
  }
  await Deno.writeTextFile(path, '{"path":"half', { append: true });
  await using _third = await DiskStorage.open(dir.path, { log });
  assert.ok((await Deno.readTextFile(path)).endsWith("}\n"));
});

Deno.test("S-MAN-1 lines of one path are one file to the index and the budget", async () => {
  await using dir = await TempDir.make();
  const path = dir.join("commits.jsonl");
  {
    await using storage = await DiskStorage.open(dir.path);
    await put(storage, "12345", ID);
  }
  await Deno.writeTextFile(path, (await Deno.readTextFile(path)).repeat(3));
  await using storage = await DiskStorage.open(dir.path, { budget: 12 });
  assert.deepEqual(storage.usage, { used: 5, reserved: 0 });
  assert.equal((await put(storage, "12345", ID)).replayed, true);
  await put(storage, "1234567");
  await assert.rejects(() => put(storage, "1"), code("storage_full"));
});

Deno.test("half a line that cannot be cut off keeps nobody from opening the manifest", async () => {
  await using dir = await TempDir.make();
  await Deno.writeTextFile(dir.join("commits.jsonl"), '{"path":"half');
  const { truncateSync } = Deno.FsFile.prototype;
  Deno.FsFile.prototype.truncateSync = () => {
    throw new Error("Input/output error");
  };
  try {
    await using storage = await DiskStorage.open(dir.path);
    await storage.check(); // opens the manifest once more
  } finally {
    Deno.FsFile.prototype.truncateSync = truncateSync;
  }
});

Deno.test("after a line could not be appended, check() appends an empty one until that succeeds", () => {
  const lines: string[] = [];
  let isFull = false;
  const manifest = new ProvenManifest({
    append(line) {
      if (isFull) throw new Error("no room");
      lines.push(line);
      return undefined;
    },
    appendAll() {},
    check() {},
    sync: () => Promise.resolve(),
    close() {},
  });
  manifest.append("1");
  manifest.check();
  isFull = true;
  manifest.check(); // nobody has noticed yet
  assert.throws(() => manifest.append("2"), /no room/);
  assert.throws(() => manifest.check(), /no room/);
  isFull = false;
  manifest.check();
  manifest.check();
  assert.deepEqual(lines, ["1", ""]);
});
