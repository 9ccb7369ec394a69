/** `storage.naming: original` on a disk: whose name is taken, and what stands in the way. */
import assert from "node:assert/strict";
import { FxferError } from "../../src/errors.ts";
import {
  DiskStorage,
  type DiskStorageOptions,
  type FileSpec,
  type StoredFile,
} from "../../src/storage/mod.ts";
import { verifyFolder } from "../../src/storage/verify.ts";
import { listFiles, readManifest, sha256 } from "../helpers/files.ts";
import { Random } from "../helpers/random.ts";
import { utf8 } from "../helpers/raw_frame.ts";
import { TempDir } from "../helpers/temp.ts";

const random = new Random(13);
const OPTIONS: DiskStorageOptions = { naming: "original" };
const UUID = "01234567-89ab-4cde-8f01-23456789abcd";

const specOf = (name: string, more: Partial<FileSpec> = {}): FileSpec => ({
  ...{ mimeType: "text/plain", reserve: 0, name, ...more },
});

/** Stores a file whole, or piece by piece as one of a session. */
async function store(
  storage: DiskStorage,
  spec: FileSpec,
  bytes: Uint8Array,
): Promise<StoredFile> {
  if (spec.session === undefined) return await storage.put(spec, bytes);
  const upload = await storage.begin(spec);
  try {
    await upload.write(bytes);
    for (;;) {
      await upload.seal();
      try {
        return await upload.publish();
      } catch (error) {
        if (!(error instanceof FxferError) || error.code !== "name_taken") throw error;
      }
    }
  } finally {
    await upload.discard();
  }
}

/** The files in a folder that have a final name. */
const namesIn = async (folder: string) =>
  (await listFiles(folder)).filter((path) => path.startsWith("files/"));

/** Fails unless the manifest has a line for each file, and each file is what its line says. */
async function assertListed(folder: string): Promise<void> {
  for await (const { verdict, path } of verifyFolder(folder)) {
    assert.equal(verdict, "ok", path ?? "a line");
  }
}

const refused = (code: string) => (error: unknown) =>
  error instanceof FxferError && error.code === code;

for (const tier of ["RW", "W"] as const) {
  for (const how of ["whole", "in a session"] as const) {
    const session = how === "whole" ? {} : { session: { id: UUID, sequence: 1 } };

    Deno.test(`S-NAM-2 ${tier}, ${how}: a file keeps its name, its folders and its time`, async () => {
      await using dir = await TempDir.make();
      await using storage = await DiskStorage.open(dir.path, { ...OPTIONS, tier });
      const mtimeMs = 1_600_000_000_123;
      const spec = specOf("a/b c/.photo?.png", { ...session, mtimeMs, executable: true });
      const { path } = await store(storage, spec, utf8("x"));
      assert.equal(path, "files/public/a/b c/%2Ephoto%3F.png");
      assert.deepEqual(await namesIn(dir.path), [path]);
      const info = await Deno.stat(dir.join(path));
      assert.equal(info.mtime?.getTime(), mtimeMs);
      assert.equal(info.mode! & 0o777, 0o640);
      const line = (await readManifest(dir.path)).at(-1)!;
      assert.deepEqual(
        [line.path, line.name, line.mtime_ms, line.executable],
        [path, spec.name, mtimeMs, true],
      );
      await assertListed(dir.path);
    });

    Deno.test(`S-NAM-3 ${tier}, ${how}: a taken name is never overwritten`, async () => {
      await using dir = await TempDir.make();
      await using storage = await DiskStorage.open(dir.path, { ...OPTIONS, tier });
      const paths: string[] = [];
      for (const text of ["one", "two", "three", "two"]) {
        const file = await store(storage, specOf("a/photo.png", session), utf8(text));
        assert.equal(file.existing === true, text === "two" && paths.length === 3);
        assert.equal(file.replayed, file.existing === true);
        paths.push(file.path);
      }
      const [one, two, three] = ["", " (2)", " (3)"].map((n) => `files/public/a/photo${n}.png`);
      assert.deepEqual(paths, [one, two, three, two]);
      assert.equal(await Deno.readTextFile(dir.join(one!)), "one");
      const refusing = specOf("a/photo.png", { ...session, onClash: "refuse" });
      await assert.rejects(() => store(storage, refusing, utf8("four")), refused("name_taken"));
      const again = await store(storage, refusing, utf8("one"));
      assert.deepEqual([again.path, again.existing], [one, true]);
      assert.equal((await namesIn(dir.path)).length, 3);
      assert.equal((await readManifest(dir.path)).length, 3);
      assert.deepEqual(storage.usage, { used: 11, reserved: 0 });
      await assertListed(dir.path);
    });

    Deno.test(`S-NAM-2 S-NAM-4 ${tier}, ${how}: owners have folders, and files without a name no kept one`, async () => {
      await using dir = await TempDir.make();
      await using storage = await DiskStorage.open(dir.path, { ...OPTIONS, tier });
      const paths = [];
      for (const user of ["ann", "bob", ".."]) {
        paths.push((await store(storage, specOf("x", { ...session, user }), utf8("x"))).path);
      }
      assert.deepEqual(paths, ["files/ann/x", "files/bob/x", "files/%2E%2E/x"]);
      const { name: _, ...nameless } = specOf("x", session);
      const { path } = await store(storage, nameless, utf8("x"));
      assert.match(path, how === "whole" ? /^received_/ : /^session_/);
      await assertListed(dir.path);
    });

    Deno.test(`S-NAM-3 ${tier}, ${how}: a folder whose name is a file is name_taken, and the file stays`, async () => {
      await using dir = await TempDir.make();
      await using storage = await DiskStorage.open(dir.path, { ...OPTIONS, tier });
      await store(storage, specOf("a", session), utf8("a file"));
      await assert.rejects(
        () => store(storage, specOf("a/b/c", session), utf8("x")),
        refused("name_taken"),
      );
      await store(storage, specOf("b/c", session), utf8("x"));
      const { path } = await store(storage, specOf("b", session), utf8("y"));
      assert.equal(path, "files/public/b (2)");
      assert.equal(await Deno.readTextFile(dir.join("files/public/a")), "a file");
      await assertListed(dir.path);
    });
  }
}

for (
  const level of [
    "files",
    "files/public",
    "files/public/a",
    "files/public/a/b",
    "files/public/a/b/c",
  ]
) {
  Deno.test(`S-NAM-3 a link planted at ${level} is not followed`, async () => {
    await using dir = await TempDir.make();
    const elsewhere = dir.join("elsewhere");
    await Deno.mkdir(elsewhere);
    const folder = dir.join("storage");
    await using storage = await DiskStorage.open(folder, { ...OPTIONS, tier: "RW" });
    const parent = `${folder}/${level}`.replace(/\/[^/]*$/, "");
    await Deno.mkdir(parent, { recursive: true });
    const isFile = level.endsWith("/c");
    if (isFile) await Deno.writeTextFile(`${elsewhere}/target`, "theirs");
    await Deno.symlink(isFile ? `${elsewhere}/target` : elsewhere, `${folder}/${level}`);
    const storing = store(storage, specOf("a/b/c"), utf8("mine"));
    if (isFile) assert.equal((await storing).path, "files/public/a/b/c (2)");
    else await assert.rejects(storing, refused("local_io"));
    const there = await listFiles(elsewhere);
    assert.deepEqual(there, isFile ? ["target"] : []);
    if (isFile) assert.equal(await Deno.readTextFile(`${elsewhere}/target`), "theirs");
  });
}

Deno.test("S-NAM-3 a dangling link and a foreign file count as taken", async () => {
  await using dir = await TempDir.make();
  await using storage = await DiskStorage.open(dir.path, OPTIONS);
  await Deno.mkdir(dir.join("files/public"), { recursive: true });
  await Deno.symlink("/nowhere", dir.join("files/public/x"));
  await Deno.writeTextFile(dir.join("files/public/x (2)"), "x");
  assert.equal((await store(storage, specOf("x"), utf8("x"))).path, "files/public/x (3)");
});

Deno.test("S-NAM-3 two storages that race for one name both store, and overwrite nothing", async () => {
  await using dir = await TempDir.make();
  await using one = await DiskStorage.open(dir.path, OPTIONS);
  await using two = await DiskStorage.open(dir.path, OPTIONS);
  const contents = Array.from({ length: 24 }, () => random.bytes(random.int(1, 3000)));
  const files = await Promise.all(contents.map((bytes, at) => {
    const session = at % 3 === 0 ? {} : { session: { id: UUID, sequence: at } };
    return store(at % 2 === 0 ? one : two, specOf("same name.txt", session), bytes);
  }));
  assert.equal(new Set(files.map(({ path }) => path)).size, contents.length);
  for (const [at, { path }] of files.entries()) {
    assert.equal(sha256(await Deno.readFile(dir.join(path))), sha256(contents[at]!));
  }
  assert.equal((await readManifest(dir.path)).length, contents.length);
  await assertListed(dir.path);
});

Deno.test("S-NAM-3 S-SEQ-5 a name that was taken after the seal is chosen again, and the intent with it", async () => {
  await using dir = await TempDir.make();
  await using storage = await DiskStorage.open(dir.path, OPTIONS);
  const upload = await storage.begin(specOf("x", { session: { id: UUID, sequence: 1 } }));
  await upload.write(utf8("mine"));
  assert.equal((await upload.seal()).finalPath, "files/public/x");
  await store(storage, specOf("x"), utf8("faster"));
  await assert.rejects(() => upload.publish(), refused("name_taken"));
  const sealed = await upload.seal();
  assert.equal(sealed.finalPath, "files/public/x (2)");
  assert.equal((await upload.publish()).path, sealed.finalPath);
  await assertListed(dir.path);
});

Deno.test("S-SEQ-5 an intent of a kept name is finished after a crash, with its time, and once", async () => {
  await using dir = await TempDir.make();
  const mtimeMs = 1_500_000_000_000;
  for (const given of [false, true]) {
    const name = `given ${given}`;
    const spec = specOf(name, { session: { id: UUID, sequence: 1 }, mtimeMs });
    await using storage = await DiskStorage.open(dir.path, OPTIONS);
    const upload = await storage.begin(spec);
    await upload.write(utf8(name));
    const sealed = await upload.seal();
    if (given) {
      // The link is made, and the process dies before the temporary name is gone.
      await Deno.mkdir(dir.join("files/public"), { recursive: true });
      await Deno.link(dir.join(sealed.temporaryPath), dir.join(sealed.finalPath));
    }
    await using next = await DiskStorage.open(dir.path, OPTIONS);
    const stored = await next.recover!(sealed, spec);
    assert.equal(stored?.path, sealed.finalPath);
    assert.equal((await next.recover!(sealed, spec))?.path, sealed.finalPath);
    assert.equal((await Deno.stat(dir.join(sealed.finalPath))).mtime?.getTime(), mtimeMs);
    await upload.release();
  }
  assert.equal((await readManifest(dir.path)).length, 2);
  assert.deepEqual(await listFiles(dir.join(".incoming")), []);
  await assertListed(dir.path);
});

Deno.test("S-NAM-3 S-SEQ-5 a name that another file has taken before recovery is not overwritten", async () => {
  await using dir = await TempDir.make();
  await using storage = await DiskStorage.open(dir.path, OPTIONS);
  const spec = specOf("x", { session: { id: UUID, sequence: 1 } });
  const upload = await storage.begin(spec);
  await upload.write(utf8("mine"));
  const sealed = await upload.seal();
  await upload.release();
  await store(storage, specOf("x"), utf8("theirs"));
  assert.equal(await storage.recover!(sealed, spec), undefined);
  assert.equal(await Deno.readTextFile(dir.join("files/public/x")), "theirs");
});

Deno.test("A file of an unknown type keeps its own extension where that is plain, in all namings", async () => {
  await using dir = await TempDir.make();
  for (const naming of ["session_aware", "simple"] as const) {
    await using storage = await DiskStorage.open(dir.path, { naming });
    for (
      const [mimeType, name, extension] of [
        ["application/octet-stream", "raw.CR2", "CR2"],
        ["application/octet-stream", "setup.EXE", "EXE"], // the table has it for these bytes, too
        ["application/octet-stream", "report.TXT", "bin"], // the table has it for text alone
        ["application/octet-stream", "page.html", "bin"],
        ["application/x-unheard-of", "a.b.tar", "tar"],
        ["application/x-unheard-of", "a.0123456789abcdef", "0123456789abcdef"],
        ["application/x-unheard-of", "a.0123456789abcdef0", "bin"],
        ["application/x-unheard-of", "a.t~r", "bin"],
        ["application/x-unheard-of", "../x.é", "bin"],
        ["application/x-unheard-of", "none", "bin"],
        ["image/png", "a.exe", "png"],
      ] as const
    ) {
      const { path } = await store(storage, specOf(name, { mimeType }), utf8(name));
      assert.equal(path.slice(path.lastIndexOf(".") + 1), extension);
      const session = { id: UUID, sequence: 1 };
      const inSession = await store(storage, specOf(name, { mimeType, session }), utf8(name));
      assert.ok(inSession.path.endsWith(`.${extension}`));
      await Deno.remove(dir.join(inSession.path));
    }
  }
});
