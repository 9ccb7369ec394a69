/** Small files that are published together: what a death or a full disk in the middle leaves. @module */
import assert from "node:assert/strict";
import {
  DiskStorage,
  type GatheredFile,
  type PutSpec,
  type StoredFile,
  type Tier,
} from "../../src/storage/mod.ts";
import { code } from "../helpers/errors.ts";
import { listStored, readManifest } from "../helpers/files.ts";
import { utf8 } from "../helpers/raw_frame.ts";
import { TempDir } from "../helpers/temp.ts";
import { idOf } from "../helpers/upload_ids.ts";
import { assertConsistent } from "./disk_fixture.ts";
import { die, freeze } from "./halting.ts";
import type { Step } from "./halting_program.ts";

const linux = Deno.build.os === "linux";

/** Half of five files have upload ids, which have claims of their own. */
const OTHERS = [null, idOf(2), null, idOf(4)];
const GROUP = { uploadId: idOf(0), others: OTHERS };

/** Stores again what a halted process was about to store under an id. */
const put = (storage: DiskStorage, at: number): StoredFile | Promise<StoredFile> =>
  storage.put({ mimeType: "text/plain", reserve: 0, uploadId: idOf(at) }, utf8(`the file ${at}`));

/** How many of the five files are published when their process ends after a step. */
const PUBLISHED = { claim: 0, name: 3, line: 5 } as const;

for (const step of ["claim", "name", "line"] as const satisfies Step[]) {
  Deno.test({
    name:
      `S-MAN-2 killed after the ${step} of one of several files: each has its line, or is sent again`,
    ignore: !linux,
    async fn() {
      for (const runs of [true, false]) {
        await using dir = await TempDir.make();
        const running = runs ? await DiskStorage.open(dir.path) : undefined;
        await die({ folder: dir.path, step, ...GROUP });
        await using storage = running ?? await DiskStorage.open(dir.path);
        for (const at of [0, 2, 4]) {
          assert.equal((await put(storage, at)).replayed, at < PUBLISHED[step], `${at}`);
        }
        await storage.sweep!(() => false, -1000);
        // Of the two files without ids one has its name after the third name.
        await assertConsistent(dir.path, 3 + (step === "claim" ? 0 : step === "name" ? 1 : 2));
      }
    },
  });

  Deno.test({
    name: `S-TRF-11 frozen after the ${step} of one of several files: each is one file`,
    ignore: !linux,
    async fn() {
      await using dir = await TempDir.make();
      await using storage = await DiskStorage.open(dir.path);
      await using frozen = await freeze({ folder: dir.path, step, ...GROUP });
      for (const at of [0, 4]) {
        if (step === "line") assert.equal((await put(storage, at)).replayed, true);
        else await assert.rejects(async () => await put(storage, at), code("busy"));
      }
      await storage.sweep!(() => false);
      await frozen.thaw();
      for (const at of [0, 2, 4]) assert.equal((await put(storage, at)).replayed, true);
      await assertConsistent(dir.path, 5);
    },
  });
}

/** Gathers files of one session. */
function gather(storage: DiskStorage, count: number): GatheredFile[] {
  return Array.from({ length: count }, (_, at) => {
    const session = { id: idOf(0), sequence: at + 1 };
    const spec: PutSpec = { mimeType: "text/plain", reserve: 0, uploadId: idOf(at), session };
    return storage.gather!(spec, utf8(`the file ${at}`)) ?? assert.fail();
  });
}

/** Cuts the next write of the lines of several files short. Dispose of it to put the system call back. */
function cutShort(bytesOfLines: (bytes: Uint8Array) => number): Disposable {
  const fs = Deno.FsFile.prototype;
  const { writeSync } = fs;
  let isDone = false;
  fs.writeSync = function (bytes) {
    const lines = bytes.subarray(bytes[0] === 10 ? 1 : 0);
    const isList = lines.filter((byte) => byte === 10).length > 1 && lines[0] === 0x7b;
    if (isDone || !isList) return writeSync.call(this, bytes);
    isDone = true;
    return writeSync.call(this, bytes.subarray(0, bytesOfLines(bytes)));
  };
  return { [Symbol.dispose]: () => fs.writeSync = writeSync };
}

const LF = 10;

for (
  const [what, cut, left] of [
    ["before the first line is whole", (bytes: Uint8Array) => bytes.indexOf(LF) - 1, 0],
    [
      "after the second line",
      (bytes: Uint8Array) => bytes.indexOf(LF, bytes.indexOf(LF) + 1) + 1,
      2,
    ],
    ["in the last line", (bytes: Uint8Array) => bytes.length - 1, 3],
  ] as const
) {
  Deno.test(`S-TRF-10 a disk that is full ${what} of several: files with whole lines are stored`, async () => {
    await using dir = await TempDir.make();
    await using storage = await DiskStorage.open(dir.path);
    await put(storage, 9);
    const gathered = gather(storage, 4);
    {
      using _ = cutShort(cut);
      for (const [at, one] of gathered.entries()) {
        if (at < left) one.store();
        else assert.throws(() => one.store(), code("storage_full"));
      }
    }
    assert.equal((await listStored(dir.path)).length, 1 + left);
    for (const at of [0, 1, 2, 3]) assert.equal((await put(storage, at)).replayed, at < left);
    assert.equal((await listStored(dir.path)).length, 5);
    assert.deepEqual(storage.usage.reserved, 0);
    await using later = await DiskStorage.open(dir.path);
    for (const at of [0, 1, 2, 3, 9]) assert.equal((await put(later, at)).replayed, true);
  });
}

for (const tier of ["W", "RW"] as const satisfies Tier[]) {
  Deno.test(`files of a storage that is closed while they wait are stored, tier ${tier}`, async () => {
    await using dir = await TempDir.make();
    {
      await using storage = await DiskStorage.open(dir.path, { tier });
      gather(storage, 3);
    }
    assert.equal((await readManifest(dir.path)).length, 3);
  });
}

Deno.test("S-MAN-3 files that are published together go to the manifest that stands there by then", async () => {
  await using dir = await TempDir.make();
  await using storage = await DiskStorage.open(dir.path);
  const first = gather(storage, 3);
  await Deno.rename(dir.join("commits.jsonl"), dir.join("commits.1.jsonl"));
  first[0]!.store();
  // A line that was written within a moment of the last look is written again at the next one.
  await put(storage, 7);
  await storage.check();
  const lines = await readManifest(dir.path);
  assert.deepEqual(lines.map(({ path }) => path).slice(0, 3), first.map(({ file }) => file.path));
  for (const at of [0, 1, 2, 7]) assert.equal((await put(storage, at)).replayed, true);
  assert.equal((await listStored(dir.path)).length, 4);
});
