import { createHash } from "node:crypto";
import assert from "node:assert/strict";
import { FxferError } from "../../src/errors.ts";
import { DiskStorage, type Flush, type Tier } from "../../src/storage/mod.ts";
import { PUT_ON_THREAD_POOL_BYTES } from "../../src/storage/put.ts";
import { code } from "../helpers/errors.ts";
import { listFiles, readManifest } from "../helpers/files.ts";
import { mkfifo, ranToEnd, system } from "../helpers/ran.ts";
import { removeInUse, TempDir } from "../helpers/temp.ts";
import { diskFixture } from "./disk_fixture.ts";

const bytes = new TextEncoder().encode("hello");
const spec = { mimeType: "text/plain", reserve: 0 };
const session = { id: "6f9619ff-8b86-4d01-b42d-00cf4fc964ff", sequence: 1 };
/** A clock that stands still: a session's file has a known name. */
const NOW = 1000;
const TIERS: readonly Tier[] = ["W", "RW"];
const posix = Deno.build.os !== "windows";

/** A call that may throw at once or later. */
const lately = (act: () => unknown) => async () => await act();

for (const tier of TIERS) {
  const test = (title: string, fn: () => Promise<void>, ignore = false) =>
    Deno.test({ name: `DiskStorage ${tier}: ${title}`, fn, ignore });

  test("an existing file is never overwritten: a session's name may be taken", async () => {
    await using fixture = await diskFixture({ tier, now: () => NOW });
    const named = { ...spec, session };
    const first = await fixture.storage.put(named, bytes);
    for (const crowded of [false, true]) {
      await assert.rejects(
        lately(() => fixture.storage.put(named, new Uint8Array(PUT_ON_THREAD_POOL_BYTES), crowded)),
        code("internal_error"),
      );
    }
    assert.deepEqual(await fixture.read(first.path), bytes);
    assert.deepEqual(await fixture.files(), [first.path]);
    assert.equal((await fixture.lines()).length, 1);
    assert.equal(fixture.storage.usage.reserved, 0);
    await fixture.storage.put(spec, bytes);
  });

  test("naming simple uses the same form for a session's files", async () => {
    await using fixture = await diskFixture({ tier, naming: "simple" });
    const file = await fixture.storage.put({ ...spec, session }, bytes);
    assert.match(file.path, /^received_[0-9a-f]{32}\.txt$/);
    assert.equal((await fixture.lines())[0]?.session, session.id);
  });

  test("a folder removed while running is made again, manifest and all", async () => {
    await using fixture = await diskFixture({ tier });
    const { storage, folder } = fixture;
    await storage.put({ ...spec, session }, bytes);
    await removeInUse(folder);
    const one = await storage.put({ ...spec, session: { ...session, sequence: 2 } }, bytes);
    assert.deepEqual((await fixture.lines()).at(-1)?.path, one.path);
    await removeInUse(folder);
    await storage.check();
    const upload = await storage.begin({ ...spec, session: { ...session, sequence: 3 } });
    await upload.write(bytes);
    await upload.seal();
    const two = await upload.publish();
    assert.deepEqual(await fixture.read(two.path), bytes);
    assert.deepEqual((await fixture.lines()).at(-1)?.path, two.path);
  });

  test("a session folder removed while running is made again", async () => {
    await using fixture = await diskFixture({ tier });
    const first = await fixture.storage.put({ ...spec, session }, bytes);
    await Deno.remove(`${fixture.folder}/session_${session.id}`, { recursive: true });
    const next = { ...session, sequence: 2 };
    const file = await fixture.storage.put({ ...spec, session: next }, bytes);
    assert.notEqual(file.path, first.path);
    assert.deepEqual(await fixture.read(file.path), bytes);
  });

  test("a folder that cannot be made is internal_error, not ready, and recovers", async () => {
    await using fixture = await diskFixture({ tier });
    const { storage, folder } = fixture;
    await removeInUse(folder);
    await Deno.writeTextFile(folder, "in the way");
    await assert.rejects(lately(() => storage.put(spec, bytes)), (error: FxferError) => {
      assert.ok(error.cause !== undefined);
      return ["internal_error", "local_io"].includes(error.code);
    });
    await assert.rejects(() => storage.begin(spec));
    await assert.rejects(() => storage.check());
    assert.equal(storage.usage.reserved, 0);
    await Deno.remove(folder);
    await storage.check();
    const file = await storage.put(spec, bytes);
    assert.deepEqual((await fixture.lines()).map((line) => line.path).at(-1), file.path);
  });

  test("a file whose line cannot be written has no final name and may be tried again", async () => {
    let now = 1000;
    await using fixture = await diskFixture({ tier, now: () => now });
    const { storage, folder } = fixture;
    const upload = await storage.begin(spec);
    await upload.write(bytes);
    await upload.seal();
    await Deno.remove(`${folder}/commits.jsonl`);
    await Deno.mkdir(`${folder}/commits.jsonl`);
    now += 5000;
    await assert.rejects(lately(() => storage.put(spec, bytes)), FxferError);
    await assert.rejects(() => upload.publish(), FxferError);
    await assert.rejects(() => storage.check(), FxferError);
    assert.deepEqual(await fixture.files(), [upload.temporaryPath]);
    if (posix) {
      const { mode } = await Deno.lstat(`${folder}/${upload.temporaryPath}`);
      assert.equal(mode! & 0o777, tier === "W" ? 0o200 : 0o640);
    }
    await Deno.remove(`${folder}/commits.jsonl`);
    const file = await upload.publish();
    assert.deepEqual(await fixture.files(), [file.path]);
    assert.deepEqual((await fixture.lines()).map((line) => line.path), [file.path]);
    assert.deepEqual(storage.usage, { used: bytes.length, reserved: 0 });
  });

  test("content that cannot be flushed is internal_error, final, and not published", async () => {
    let fail = true;
    const flush: Flush = {
      contents: () => fail ? Promise.reject(new Error("EIO")) : Promise.resolve(),
      folder: () => Promise.resolve(),
      manifest: () => Promise.resolve(),
    };
    await using fixture = await diskFixture({ tier, durability: "data", flush });
    await assert.rejects(lately(() => fixture.storage.put(spec, bytes)), code("internal_error"));
    const upload = await fixture.storage.begin(spec);
    await upload.write(bytes);
    await assert.rejects(() => upload.checkpoint(), code("internal_error"));
    fail = false;
    await assert.rejects(() => upload.seal(), code("internal_error"));
    await assert.rejects(lately(() => upload.write(bytes)), code("internal_error"));
    await upload.discard();
    assert.deepEqual(await fixture.files(), []);
    assert.deepEqual(await fixture.lines(), []);
    assert.deepEqual(fixture.storage.usage, { used: 0, reserved: 0 });
    await fixture.storage.put(spec, bytes);
  });

  test("a file where a folder should be is called so", async () => {
    await using dir = await TempDir.make();
    await Deno.writeTextFile(dir.join("file"), "");
    for (const path of [dir.join("file"), dir.join("file/sub")]) {
      await assert.rejects(() => DiskStorage.open(path, { tier }), {
        code: "local_io",
        message: `Cannot open storage ${path}: there is a file where a folder should be`,
      });
    }
  }, !posix);

  test("a manifest that is a folder or a FIFO is refused at once", async () => {
    await using dir = await TempDir.make();
    await Deno.mkdir(dir.join("a/commits.jsonl"), { recursive: true });
    await assert.rejects(() => DiskStorage.open(dir.join("a"), { tier }), code("local_io"));
    await Deno.mkdir(dir.join("b"));
    await mkfifo(dir.join("b/commits.jsonl"));
    await assert.rejects(() => DiskStorage.open(dir.join("b"), { tier }), code("local_io"));
    // While a program reads the FIFO it can be opened; its handle shows that it is no regular file.
    const reader = new Deno.Command("cat", { args: [dir.join("b/commits.jsonl")], stdout: "null" })
      .spawn();
    await assert.rejects(() => DiskStorage.open(dir.join("b"), { tier }), code("local_io"));
    reader.kill();
    await reader.status;
  }, !posix);

  test("links and FIFOs under the names of files are never written through", async () => {
    await using fixture = await diskFixture({ tier, now: () => NOW });
    const outside = `${fixture.folder}/../outside`;
    await Deno.writeTextFile(outside, "theirs");
    const named = (sequence: number) => ({ ...spec, session: { ...session, sequence } });
    await fixture.storage.put(named(1), bytes);
    const link = (sequence: number) =>
      `${fixture.folder}/session_${session.id}/file_${sequence}_19700101T000001000.txt`;
    for (const at of [2, 3]) {
      if (at === 2) await Deno.symlink(outside, link(at));
      else await mkfifo(link(at));
      for (const crowded of [false, true]) {
        await assert.rejects(
          lately(() =>
            fixture.storage.put(named(at), new Uint8Array(PUT_ON_THREAD_POOL_BYTES), crowded)
          ),
          code("internal_error"),
        );
      }
      await assert.rejects(async () => {
        const upload = await fixture.storage.begin(named(at));
        await upload.write(bytes);
        await upload.seal();
        await upload.publish().finally(() => upload.discard());
      }, code("internal_error"));
    }
    assert.equal(await Deno.readTextFile(outside), "theirs");
    assert.equal((await fixture.lines()).length, 1);
    await Deno.remove(outside);
    // A link that points to nothing is refused in tier W and replaced by the file in tier RW; no tier follows it.
    await lately(() => fixture.storage.put(named(2), bytes))().catch(() => {});
    await assert.rejects(() => Deno.lstat(outside), Deno.errors.NotFound);
  }, !posix);

  test("a file over the process's limit is storage_full, and smaller ones go on", async () => {
    await using dir = await TempDir.make();
    const program = new URL("./limit_program.ts", import.meta.url).pathname;
    // SIGXFSZ would end the process before it sees the error, so it is ignored from outside.
    const script = `trap '' XFSZ; ulimit -f 1000; exec "$0" run -A --quiet "$@"`;
    const args = ["-c", script, Deno.execPath(), program, dir.join("storage"), tier];
    const { out, err } = await ranToEnd("sh", { args });
    assert.deepEqual(JSON.parse(out || err), {
      codes: ["storage_full", "storage_full"],
      size: 300_000,
    });
    const files = (await listFiles(dir.path)).filter((path) => !path.includes("/.index."));
    assert.equal(files.length, 2, "the file and the manifest");
  }, Deno.build.os !== "linux");

  const mounts = posix && Deno.build.os === "linux" && Deno.uid() === 0;
  test(
    `a full disk is storage_full, and there is room again after${
      mounts ? "" : " (skipped: needs root to mount)"
    }`,
    async () => {
      await using dir = await TempDir.make();
      await system("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", dir.path]);
      try {
        await using storage = await DiskStorage.open(dir.join("storage"), { tier });
        const big = new Uint8Array(700_000).fill(1);
        const first = await storage.put(spec, big);
        await assert.rejects(lately(() => storage.put(spec, big)), code("storage_full"));
        const upload = await storage.begin({ ...spec, reserve: 200_000 });
        // Another program takes the room that was promised, and only the write finds that out.
        await Deno.writeFile(dir.join("other"), big.subarray(0, 150_000));
        await assert.rejects(async () => {
          for (let at = 0; at < 4; at++) await upload.write(big.subarray(0, 50_000));
        }, code("storage_full"));
        // `offset` counts exactly the bytes that were written before the disk was full.
        const { size } = await Deno.lstat(dir.join("storage", upload.temporaryPath));
        assert.equal(upload.offset, size);
        await assert.rejects(() => upload.seal(), code("storage_full"));
        await assert.rejects(() => storage.check(), code("storage_full"));
        await upload.discard();
        await storage.put(spec, big.subarray(0, 10_000));
        await Deno.remove(dir.join("other"));
        await storage.check();
        await storage.put(spec, big.subarray(0, 100_000));
        await Deno.remove(dir.join("storage", first.path));
        await storage.put(spec, big);
        assert.equal((await readManifest(dir.join("storage"))).length, 4);
        assert.equal(storage.usage.reserved, 0);
      } finally {
        await system("umount", [dir.path]);
      }
    },
    !mounts,
  );
}

Deno.test("DiskStorage RW: a failing folder flush lists nothing, takes no name back and may be tried again", async () => {
  let fail: "folder" | "manifest" | undefined;
  const answer = (what: string) =>
    fail === what ? Promise.reject(new Error("EIO")) : Promise.resolve();
  const flush: Flush = {
    contents: () => Promise.resolve(),
    folder: (path) => answer(path.endsWith("storage") ? "folder" : "none"),
    manifest: () => answer("manifest"),
  };
  await using fixture = await diskFixture({ tier: "RW", durability: "durable", flush });
  const upload = await fixture.storage.begin({ ...spec, uploadId: "u", session });
  await upload.write(bytes);
  await upload.seal();
  fail = "folder";
  await assert.rejects(() => upload.publish(), code("internal_error"));
  // A session's record has announced the file, so its next holder may be finishing it: it keeps its name.
  assert.deepEqual(await fixture.files(), [upload.finalPath]);
  assert.deepEqual(await fixture.lines(), []);
  fail = "manifest";
  await assert.rejects(() => upload.publish(), code("internal_error"));
  assert.equal(fixture.storage.find("u"), undefined, "no ok, so nothing to repeat");
  fail = undefined;
  const file = await upload.publish();
  assert.deepEqual(await fixture.files(), [file.path]);
  assert.equal((await fixture.lines()).length, 1);
});

Deno.test("DiskStorage RW: many durable files share their flushes", async () => {
  let flushes = 0;
  const count = () => {
    flushes++;
    return new Promise<void>((resolve) => setTimeout(resolve, 1));
  };
  const flush: Flush = {
    contents: () => Promise.resolve(),
    folder: () => count(),
    manifest: () => count(),
  };
  await using fixture = await diskFixture({ tier: "RW", durability: "durable", flush });
  flushes = 0;
  await Promise.all(Array.from({ length: 100 }, () => fixture.storage.put(spec, bytes)));
  assert.ok(flushes < 60, `${flushes} flushes for 100 files`);
});

Deno.test({
  name:
    "DiskStorage RW: .incoming or a session folder that is a link is refused, the storage may be one",
  ignore: !posix,
  async fn() {
    await using dir = await TempDir.make();
    await Deno.mkdir(dir.join("elsewhere"));
    await Deno.mkdir(dir.join("real"));
    await Deno.symlink("real", dir.join("link"));
    {
      await using linked = await DiskStorage.open(dir.join("link"), { tier: "RW" });
      const { path } = await linked.put(spec, bytes);
      assert.ok((await listFiles(dir.join("real"))).includes(path));
    }
    await Deno.mkdir(dir.join("one"));
    await Deno.symlink("../elsewhere", dir.join("one/.incoming"));
    await assert.rejects(
      () => DiskStorage.open(dir.join("one"), { tier: "RW" }),
      code("local_io"),
    );
    await Deno.mkdir(dir.join("two"));
    await Deno.symlink("../elsewhere/x", dir.join("two/commits.jsonl"));
    await assert.rejects(
      () => DiskStorage.open(dir.join("two"), { tier: "RW" }),
      code("local_io"),
    );
    await using storage = await DiskStorage.open(dir.join("three"), { tier: "RW" });
    await Deno.symlink("../elsewhere", dir.join(`three/session_${session.id}`));
    await assert.rejects(lately(() => storage.put({ ...spec, session }, bytes)), FxferError);
    assert.deepEqual(await listFiles(dir.join("elsewhere")), []);
    assert.equal(storage.usage.reserved, 0);
  },
});

Deno.test("DiskStorage RW: sweep() removes what nobody will ask for, and never a live one", async () => {
  await using dir = await TempDir.make();
  const folder = dir.join("storage");
  let live = "";
  {
    await using old = await DiskStorage.open(folder, { tier: "RW" });
    const partials = [1, 2, 3].map((sequence) =>
      old.begin({ ...spec, session: { ...session, sequence } })
    );
    live = (await partials[1]!).temporaryPath;
    await Promise.all(partials);
    await Deno.mkdir(`${folder}/session_empty`);
    await old.put({ ...spec, session }, bytes);
  }
  await using storage = await DiskStorage.open(folder, { tier: "RW" });
  const open = await storage.begin(spec);
  assert.equal(await storage.sweep!((path) => path === live), 0, "young files may be another's");
  assert.equal(await storage.sweep!((path) => path === live, -1000), 2);
  assert.deepEqual(
    (await Array.fromAsync(Deno.readDir(`${folder}/.incoming`), ({ name }) => `.incoming/${name}`))
      .sort(),
    [live, open.temporaryPath].sort(),
  );
  await assert.rejects(() => Deno.lstat(`${folder}/session_empty`), Deno.errors.NotFound);
  await Deno.lstat(`${folder}/session_${session.id}`);
});

Deno.test("DiskStorage RW: an upload reopened by another handler is closed to the first", async () => {
  await using fixture = await diskFixture({ tier: "RW", budget: 1000 });
  const first = await fixture.storage.begin({ ...spec, session, reserve: 600 });
  await first.write(bytes);
  const { temporaryPath, finalPath } = first;
  const second = await fixture.storage.partials!.reopen({
    temporaryPath,
    finalPath,
    spec,
    offset: 5,
  });
  await assert.rejects(lately(() => first.write(bytes)), TypeError);
  await first.discard();
  await second?.write(bytes);
  await second?.seal();
  const file = await second?.publish();
  assert.equal(file?.size, 10);
  assert.deepEqual(fixture.storage.usage, { used: 10, reserved: 0 });
});

Deno.test("DiskStorage RW: a large partial file is written to while its digest is still read", async () => {
  await using fixture = await diskFixture({ tier: "RW" });
  const { storage } = fixture;
  const begun = new Uint8Array(40_000_000).fill(7);
  const first = await storage.begin({ ...spec, session });
  await first.write(begun);
  const { temporaryPath, finalPath, offset } = first;
  await first.release();
  const upload = await storage.partials?.reopen({ temporaryPath, finalPath, spec, offset });
  assert.ok(upload !== undefined);
  const hash = createHash("sha256").update(begun);
  for (const size of [1000, 100_000, 2_000_000, 10, 300_000]) {
    const more = new Uint8Array(size).fill(size % 251);
    await upload.write(more);
    hash.update(more);
  }
  assert.equal((await upload.seal()).sha256, hash.digest("hex"));
  await upload.discard();
});
