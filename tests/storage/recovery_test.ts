/** What a process finds that another one has left half done, and what it costs to go on with it. @module */
import assert from "node:assert/strict";
import { Budget } from "../../src/storage/budget.ts";
import { DiskStorage, type Flush } from "../../src/storage/mod.ts";
import { code } from "../helpers/errors.ts";
import { listStored, readManifest } from "../helpers/files.ts";
import { utf8 } from "../helpers/raw_frame.ts";
import { system } from "../helpers/ran.ts";
import { TempDir } from "../helpers/temp.ts";
import { freeze } from "./halting.ts";

const session = { id: "6f9619ff-8b86-4d01-b42d-00cf4fc964ff", sequence: 4 };
const spec = { mimeType: "text/plain", reserve: 0, session };
const linux = Deno.build.os === "linux";
const mounts = linux && Deno.uid() === 0;

/** Some bytes of an open file, and what a session record would say of it. */
async function begun(storage: DiskStorage, size: number, reserve = 0) {
  const upload = await storage.begin({ ...spec, reserve });
  await upload.write(new Uint8Array(size));
  await upload.checkpoint();
  const { temporaryPath, finalPath, offset } = upload;
  return { upload, partial: { temporaryPath, finalPath, offset, spec: { ...spec, reserve } } };
}

Deno.test("reopen() makes no copy of a file that nobody has open, whoever may have had it (S-TRF-4)", async () => {
  await using dir = await TempDir.make();
  await using one = await DiskStorage.open(dir.path);
  await using two = await DiskStorage.open(dir.path);
  const { upload, partial } = await begun(one, 100);
  const copied = await two.partials!.reopen({ ...partial, contended: true });
  assert.notEqual(copied?.temporaryPath, partial.temporaryPath, "its holder lives");
  await copied?.discard();
  await upload.release();
  const same = await two.partials!.reopen({ ...partial, contended: true });
  assert.equal(same?.temporaryPath, partial.temporaryPath);
  // And now the other process would have to make a copy.
  const again = await one.partials!.reopen(partial);
  assert.notEqual(again?.temporaryPath, partial.temporaryPath);
});

Deno.test({
  name: "reopen() makes a copy while the holder stands still, and none once it is dead (S-TAKE-2)",
  ignore: !linux,
  async fn() {
    await using dir = await TempDir.make();
    await using storage = await DiskStorage.open(dir.path);
    const at = async (contended: boolean) => {
      const [entry] = await Array.fromAsync(Deno.readDir(dir.join(".incoming")));
      const temporaryPath = `.incoming/${entry!.name}`;
      const finalPath = `received_${"0".repeat(32)}.txt`;
      const partial = { temporaryPath, finalPath, spec, offset: 3, contended };
      const upload = await storage.partials!.reopen(partial);
      const copied = upload?.temporaryPath !== temporaryPath;
      if (copied) await upload?.discard();
      else await upload?.release();
      return copied;
    };
    {
      await using _frozen = await freeze({ folder: dir.path, step: "part", pieces: true });
      assert.equal(await at(true), true);
      assert.equal(await at(false), true, "whatever the session record says");
      assert.equal(await storage.sweep!(() => false, -1000), 0, "it is open, however old it looks");
    }
    assert.equal(await at(true), false);
    assert.equal(await storage.sweep!(() => false, -1000), 1);
  },
});

Deno.test({
  name: "a file of which three fifths of the disk are there goes on after a crash (S-TRF-3)",
  ignore: !mounts,
  async fn() {
    await using dir = await TempDir.make();
    await system("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", dir.path]);
    try {
      let partial;
      {
        await using one = await DiskStorage.open(dir.join("storage"), { budget: 1_000_000 });
        ({ partial } = await begun(one, 600_000, 900_000));
      }
      await using two = await DiskStorage.open(dir.join("storage"), { budget: 1_000_000 });
      const upload = await two.partials!.reopen({ ...partial, contended: true });
      assert.equal(upload?.offset, 600_000);
      await upload.write(new Uint8Array(300_000));
      await upload.seal();
      assert.equal((await upload.publish()).size, 900_000);
      assert.deepEqual(two.usage, { used: 900_000, reserved: 0 });
    } finally {
      await system("umount", ["-l", dir.path]);
    }
  },
});

Deno.test("Budget.reserve() asks the disk only for what is not written yet", () => {
  const budget = new Budget(100, () => 0, () => 40);
  budget.reserve(90, 60);
  assert.throws(() => budget.reserve(11), code("storage_full"), "over the limit");
  assert.throws(
    () => budget.reserve(11, 11),
    code("storage_full"),
    "over the limit, written or not",
  );
  budget.wrote(30);
  budget.release(90, 90);
  assert.equal(budget.reserved, 0);
  assert.throws(() => budget.reserve(90, 40), code("storage_full"), "no free space");
});

Deno.test("recover() flushes what the commit would have flushed, and writes the same line (S-SEQ-5)", async () => {
  for (const published of [false, true]) {
    await using dir = await TempDir.make();
    const flushed: string[] = [];
    const flush: Flush = {
      contents: () => Promise.resolve(),
      folder: (path) => Promise.resolve(void flushed.push(path.slice(dir.path.length))),
      manifest: () => Promise.resolve(void flushed.push("manifest")),
    };
    const full = {
      ...spec,
      name: "report.txt",
      uploadId: crypto.randomUUID(),
      clientAddress: "::1",
    };
    let sealed;
    {
      await using one = await DiskStorage.open(dir.path);
      const upload = await one.begin(full);
      await upload.write(utf8("hello"));
      sealed = await upload.seal();
      await upload.release();
      if (published) {
        await Deno.mkdir(dir.join(`session_${session.id}`));
        await Deno.rename(dir.join(sealed.temporaryPath), dir.join(sealed.finalPath));
      }
    }
    await using two = await DiskStorage.open(dir.path, { durability: "durable", flush });
    flushed.length = 0;
    const stored = await two.recover!(sealed, full);
    assert.equal(stored?.path, sealed.finalPath);
    assert.deepEqual(new Set(flushed), new Set(["", `/session_${session.id}`, "manifest"]));
    assert.equal(flushed.at(-1), "manifest", "the line comes after the name");
    const { time: _time, ...line } = (await readManifest(dir.path))[0]!;
    assert.deepEqual(line, {
      path: sealed.finalPath,
      size: 5,
      sha256: sealed.sha256,
      mime_type: "text/plain",
      name: "report.txt",
      session: session.id,
      sequence: 4,
      upload_id: full.uploadId,
      client: "::1",
    });
    assert.equal((await two.put(full, utf8("hello"))).replayed, true);
  }
});

Deno.test("recover() answers with the file of another try where its upload id is stored by now (S-TRF-11)", async () => {
  await using dir = await TempDir.make();
  await using storage = await DiskStorage.open(dir.path);
  const uploadId = crypto.randomUUID();
  const upload = await storage.begin({ ...spec, uploadId });
  await upload.write(utf8("hello"));
  const sealed = await upload.seal();
  await upload.release();
  const other = await storage.put({ mimeType: "text/plain", reserve: 0, uploadId }, utf8("hello"));
  const recovered = await storage.recover!(sealed, { ...spec, uploadId });
  assert.deepEqual(recovered, { ...other, replayed: true });
  assert.deepEqual(await listStored(dir.path), [other.path]);
});

Deno.test("publish() and put() ask in the step that publishes whether they still may (S-TAKE-2)", async () => {
  for (const durability of ["process", "durable"] as const) {
    await using dir = await TempDir.make();
    await using storage = await DiskStorage.open(dir.path, { durability });
    let displaced = false;
    const mayPublish = () => {
      if (displaced) throw new Error("displaced");
    };
    const upload = await storage.begin(spec);
    await upload.write(utf8("hello"));
    await upload.seal();
    const many = new Uint8Array(20_000);
    const written = storage.put(
      { ...spec, session: { ...session, sequence: 5 } },
      many,
      true,
      mayPublish,
    );
    displaced = true;
    await assert.rejects(async () => await written, code("internal_error"));
    await assert.rejects(() => upload.publish(mayPublish), code("internal_error"));
    await upload.discard();
    assert.deepEqual([await listStored(dir.path), await readManifest(dir.path)], [[], []]);
  }
});

Deno.test("a partial file that somebody removed, replaced or cut is neither sealed nor promised (S-TRF-7)", async () => {
  for (const how of ["removed", "replaced", "cut"]) {
    await using dir = await TempDir.make();
    await using storage = await DiskStorage.open(dir.path);
    const { upload, partial } = await begun(storage, 10);
    const path = dir.join(upload.temporaryPath);
    await (how === "cut" ? Deno.truncate(path, 5) : Deno.remove(path));
    if (how === "replaced") await Deno.writeFile(path, new Uint8Array(5));
    await assert.rejects(() => upload.checkpoint(), code("internal_error"));
    await assert.rejects(() => upload.seal(), code("internal_error"));
    await upload.release();
    assert.equal(await storage.partials!.reopen(partial), undefined);
  }
});
