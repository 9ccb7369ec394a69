/**
 * What goes wrong around a process that was alone on a folder: its note cannot be finished at once, two sweeps are
 * under way, the folder is replaced by one in which another process is alone (S-TRF-11, S-MAN-2).
 *
 * @module
 */
import assert from "node:assert/strict";
import type { FxferError } from "../../src/errors.ts";
import { DiskStorage, type StoredFile } from "../../src/storage/mod.ts";
import { claimLater } from "../../src/storage/once.ts";
import { closeParts, openParts } from "../../src/storage/open.ts";
import { code } from "../helpers/errors.ts";
import { readManifest } from "../helpers/files.ts";
import { utf8 } from "../helpers/raw_frame.ts";
import { TempDir } from "../helpers/temp.ts";
import { idOf } from "../helpers/upload_ids.ts";
import { assertConsistent } from "./disk_fixture.ts";
import { freeze } from "./halting.ts";

const spec = { mimeType: "text/plain", reserve: 0 };
const NOTE = `.claims/${"a".repeat(15)}`;

const put = async (storage: DiskStorage, n: number, bytes = utf8(`the file ${n}`)) =>
  await storage.put({ ...spec, uploadId: idOf(n) }, bytes);

/** Stores a file as a process that was alone, and has died before the line. */
async function leave(
  dir: TempDir,
  n: number,
  bytes?: Uint8Array<ArrayBuffer>,
): Promise<StoredFile> {
  let file: StoredFile;
  {
    await using storage = await DiskStorage.open(dir.path);
    file = await put(storage, n, bytes);
  }
  await Deno.rename(dir.join("commits.jsonl"), dir.join(NOTE));
  return file;
}

Deno.test("S-TRF-11 a note that a start does not finish: the next try with an id of it does", async () => {
  await using dir = await TempDir.make();
  const bytes = new Uint8Array(9 * 1024 * 1024); // more than a start takes the time for
  const file = await leave(dir, 1, bytes);
  await using storage = await DiskStorage.open(dir.path);
  assert.deepEqual(await readManifest(dir.path), []);
  assert.equal((await put(storage, 2)).replayed, false);
  assert.deepEqual(await put(storage, 1, bytes), { ...file, replayed: true });
  await storage.sweep!(() => false, -1000);
  await assertConsistent(dir.path, 2);
});

Deno.test("S-MAN-2 a note that cannot be finished is in the way of its own ids alone", async () => {
  await using dir = await TempDir.make();
  const file = await leave(dir, 1);
  const { open } = Deno;
  Deno.open = (path, options) =>
    String(path).endsWith(file.path) ? Promise.reject(new Error("bad disk")) : open(path, options);
  const parts = await openParts(dir.path, {});
  try {
    const claim = await claimLater(parts, parts.reading!, idOf(2)) ?? assert.fail();
    claim.end();
    await assert.rejects(claimLater(parts, parts.reading!, idOf(1)), code("internal_error"));
    Deno.open = open;
    (await claimLater(parts, parts.reading!, idOf(1)))?.end();
    assert.deepEqual(parts.index.get(idOf(1)), file);
  } finally {
    Deno.open = open;
    await closeParts(parts);
  }
});

Deno.test("S-TRF-11 a process is not alone while another sweep, or another try, has what a dead process left", async () => {
  await using dir = await TempDir.make();
  await leave(dir, 1);
  for (const path of [NOTE, ".claims/000"]) {
    const parts = await openParts(dir.path, {});
    try {
      const { claims } = parts.reading!;
      claims.forget(); // it is alone no more
      const before = claims.own.path;
      await Deno.writeTextFile(
        dir.join(path),
        (await readManifest(dir.path)).map((line) => JSON.stringify(line)).join() + "\n",
      );
      const first = claims.left();
      const held = first.next().value ?? assert.fail();
      assert.equal(held.path, path);
      assert.equal(claims.own.path, before);
      for (const claim of claims.left()) claim.end();
      assert.equal(claims.found, undefined);
      held.end();
      for (const claim of first) claim.end();
      for (const claim of claims.left()) claim.end();
      assert.notEqual(claims.found, undefined);
    } finally {
      await closeParts(parts);
    }
  }
});

Deno.test("S-TRF-11 of two sweeps, the first does not say that the second has found the process alone", async () => {
  await using dir = await TempDir.make();
  const parts = await openParts(dir.path, {});
  try {
    const { claims } = parts.reading!;
    claims.forget();
    for (const claim of claims.left()) claim.end();
    const found = claims.found ?? assert.fail();
    await Deno.writeTextFile(dir.join(NOTE), "");
    const second = claims.left();
    second.next().value?.end();
    claims.beAlone(found);
    const isFile = () => {
      const claim = claims.takeNow(idOf(1)) ?? assert.fail();
      claim.end();
      return [...Deno.readDirSync(dir.join(".claims"))].some(({ name }) => name.length === 3);
    };
    assert.ok(isFile());
    second.next();
  } finally {
    await closeParts(parts);
  }
});

Deno.test("S-TRF-11 a note that cannot be read for a moment does not keep a claim for ever", async () => {
  await using dir = await TempDir.make();
  await Deno.mkdir(dir.join(".claims"));
  using note = await Deno.open(dir.join(NOTE), { write: true, createNew: true });
  await note.lock(true);
  await using storage = await DiskStorage.open(dir.path);
  const { prototype } = Deno.FsFile;
  const { readSync } = prototype;
  prototype.readSync = function (bytes) {
    if (bytes.length === 1) throw new Error("cannot be read");
    return readSync.call(this, bytes);
  };
  try {
    await assert.rejects(put(storage, 2), code("internal_error"));
  } finally {
    prototype.readSync = readSync;
  }
  assert.equal((await put(storage, 2)).replayed, false);
});

/** A try that meets a folder in which no claim can be made; `busy` where the storage has come there just before. */
async function failsOnce(action: () => Promise<unknown>): Promise<void> {
  const { openSync } = Deno;
  Deno.openSync = (path, options) => {
    if (/\.claims\/[0-9a-f]{16}$/.test(String(path))) throw new Error("no room left");
    return openSync(path, options);
  };
  try {
    await assert.rejects(action, ({ code }: FxferError) => /^(internal_error|busy)$/.test(code));
  } finally {
    Deno.openSync = openSync;
  }
}

const REPLACED = [
  { what: "a later try", before: [9], isFailing: false },
  { what: "the first try", before: [], isFailing: false },
  { what: "a try after one that failed", before: [], isFailing: true },
];

for (const { what, before, isFailing } of REPLACED) {
  Deno.test({
    name:
      `S-TRF-11 a folder is replaced by one in which a process stands still that is alone: ${what} waits`,
    ignore: Deno.build.os !== "linux",
    async fn() {
      await using dir = await TempDir.make();
      const folder = dir.join("storage");
      await using storage = await DiskStorage.open(folder);
      await put(storage, 5);
      await new Promise((resolve) => setTimeout(resolve, 60)); // it looks for the manifest once more
      await Deno.rename(folder, dir.join("former"));
      await Deno.mkdir(folder, { recursive: true }); // the storage may have looked just now, and made it
      const told = { uploadId: idOf(0), text: "the file 0" };
      await using frozen = await freeze({ folder, step: "claim", ...told });
      if (isFailing) await failsOnce(() => put(storage, 0));
      for (const n of before) assert.equal((await put(storage, n)).replayed, false);
      await assert.rejects(put(storage, 0), code("busy"));
      await frozen.thaw();
      assert.equal((await put(storage, 0)).replayed, true);
      await assertConsistent(folder, before.length + 1);
    },
  });
}
