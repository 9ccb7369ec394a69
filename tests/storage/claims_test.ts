/**
 * Several processes publish in one folder, and some of them die or stand still in the middle of it: every
 * file is there once, and has one line (S-MAN-2, S-TRF-11).
 *
 * @module
 */
import assert from "node:assert/strict";
import { hashName } from "../../src/storage/hash_table.ts";
import { DiskStorage, type Durability } from "../../src/storage/mod.ts";
import { code } from "../helpers/errors.ts";
import { listStored, readManifest, sha256 } from "../helpers/files.ts";
import { utf8 } from "../helpers/raw_frame.ts";
import { mkfifo } from "../helpers/ran.ts";
import { TempDir } from "../helpers/temp.ts";
import { assertConsistent } from "./disk_fixture.ts";
import { die, freeze } from "./halting.ts";
import { STEPS } from "./halting_program.ts";

const ID = "6f9619ff-8b86-4d01-b42d-00cf4fc964ff";
const SESSION = { id: "5f9619ff-8b86-4d01-b42d-00cf4fc964ff", sequence: 3 };
const spec = { mimeType: "text/plain", reserve: 0 };
const linux = Deno.build.os === "linux";

const put = async (storage: DiskStorage, text = "the file", uploadId: string | undefined = ID) =>
  await storage.put({ ...spec, ...(uploadId && { uploadId }) }, utf8(text));

/** How a file may be under way. */
const WAYS = [
  { durability: "process", pieces: false },
  { durability: "process", pieces: true },
  { durability: "durable", pieces: true },
] as const;

for (const way of WAYS) {
  for (const step of STEPS) {
    if (step === "part" && !way.pieces) continue;
    const how = `${way.durability}, ${way.pieces ? "in pieces" : "whole"}`;
    const published = step === "name" || step === "line";
    const { durability } = way;

    Deno.test({
      name:
        `S-MAN-2 killed after the ${step} (${how}): the next start leaves no file without a line`,
      ignore: !linux,
      async fn() {
        await using dir = await TempDir.make();
        await die({ folder: dir.path, step, ...way });
        await die({ folder: dir.path, step, ...way, session: SESSION });
        await using _storage = await DiskStorage.open(dir.path, { durability });
        await assertConsistent(dir.path, published ? 2 : 0);
        if (published) {
          const [one, two] = await readManifest(dir.path);
          assert.deepEqual([one?.name, one?.sha256], ["its name", sha256(utf8("the file"))]);
          assert.deepEqual([two?.session, two?.sequence], [SESSION.id, SESSION.sequence]);
        }
      },
    });

    Deno.test({
      name: `S-TRF-11 killed after the ${step} (${how}): a retry at a server that runs is one file`,
      ignore: !linux,
      async fn() {
        await using dir = await TempDir.make();
        await using storage = await DiskStorage.open(dir.path, { durability });
        await die({ folder: dir.path, step, ...way, uploadId: ID });
        const file = await put(storage);
        assert.equal(file.replayed, published);
        assert.equal((await put(storage)).path, file.path);
        await assertConsistent(dir.path, 1);
        await storage.sweep!(() => false, -1000);
        await assertConsistent(dir.path, 1);
        await using later = await DiskStorage.open(dir.path, { durability });
        assert.deepEqual(later.find(ID), { ...file, replayed: false });
      },
    });

    Deno.test({
      name:
        `S-TRF-11 frozen after the ${step} (${how}): a retry elsewhere waits, and there is one file`,
      ignore: !linux,
      async fn() {
        await using dir = await TempDir.make();
        await using storage = await DiskStorage.open(dir.path, { durability });
        await using frozen = await freeze({ folder: dir.path, step, ...way, uploadId: ID });
        const retry = () => put(storage);
        if (step === "part") {
          assert.equal((await retry()).replayed, false);
        } else if (step === "line") {
          assert.equal((await retry()).replayed, true);
        } else {
          const begun = performance.now();
          await assert.rejects(retry, code("busy"));
          assert.ok(performance.now() - begun > 1900, "it waited");
          assert.equal((await put(storage, "another", crypto.randomUUID())).replayed, false);
          await storage.sweep!(() => false);
        }
        await frozen.thaw();
        assert.equal((await retry()).replayed, true);
        await assertConsistent(dir.path, step === "part" || step === "line" ? 1 : 2);
      },
    });
  }
}

Deno.test("S-TRF-11 two servers that try one id at once store one file, whatever the level", async () => {
  for (const durability of ["process", "data", "durable"] as Durability[]) {
    await using dir = await TempDir.make();
    await using one = await DiskStorage.open(dir.path, { durability });
    await using two = await DiskStorage.open(dir.path, { durability });
    const ids = Array.from({ length: 60 }, () => crypto.randomUUID());
    const begin = async (storage: DiskStorage, id: string) => {
      const upload = await storage.begin({ ...spec, uploadId: id });
      await upload.write(utf8(id));
      await upload.seal();
      return await upload.publish();
    };
    const tries = ids.flatMap((id) => [
      put(one, id, id),
      begin(two, id),
      two.put({ ...spec, uploadId: id }, utf8(id), true),
      begin(one, id),
    ]);
    const files = await Promise.all(tries);
    assert.equal(files.filter(({ replayed }) => !replayed).length, ids.length);
    assert.equal(new Set(files.map(({ path }) => path)).size, ids.length);
    await assertConsistent(dir.path, ids.length);
  }
});

Deno.test("S-TRF-11 a server knows at once what another one has stored, without being told to look", async () => {
  await using dir = await TempDir.make();
  await using one = await DiskStorage.open(dir.path);
  await using two = await DiskStorage.open(dir.path);
  for (let n = 0; n < 50; n++) {
    const id = crypto.randomUUID();
    const file = await put(n % 2 ? one : two, id, id);
    assert.deepEqual(await put(n % 2 ? two : one, id, id), { ...file, replayed: true });
    await assert.rejects(() => put(one, "other bytes", id), code("sequence_reuse"));
  }
  await assertConsistent(dir.path, 50);
});

Deno.test("S-MAN-2 a file that no claim speaks of is never touched, however old", async () => {
  await using dir = await TempDir.make();
  {
    await using storage = await DiskStorage.open(dir.path);
    await put(storage, "one", "");
    await storage.put({ ...spec, session: SESSION }, utf8("two"));
  }
  // Somebody rotates the manifest and forgets about it.
  await Deno.remove(dir.join("commits.jsonl"));
  const before = await listStored(dir.path);
  for (const path of before) await Deno.utime(dir.join(path), 1, 1);
  await using storage = await DiskStorage.open(dir.path);
  await storage.sweep!(() => false, -1000);
  assert.deepEqual(await listStored(dir.path), before);
  assert.deepEqual(await readManifest(dir.path), []);
});

Deno.test("S-MAN-2 a claim that tells nothing, or lies, does no harm", async () => {
  await using dir = await TempDir.make();
  await using storage = await DiskStorage.open(dir.path);
  const file = await put(storage, "one", "");
  const line = (await Deno.readTextFile(dir.join("commits.jsonl"))).trim();
  const told = JSON.parse(line);
  const texts = [
    "",
    "no JSON\n",
    line, // half of it
    line + "\n", // listed
    JSON.stringify({ ...told, path: "../../outside.txt" }) + "\n",
    JSON.stringify({ ...told, path: `received_${"1".repeat(32)}.txt` }) + "\n", // not there
  ];
  for (const [at, text] of texts.entries()) {
    await Deno.writeTextFile(dir.join(".claims", at.toString(16).padStart(16, "0")), text);
  }
  // A file whose bytes are others than those the claim speaks of.
  const other = `received_${"2".repeat(32)}.txt`;
  await Deno.writeTextFile(dir.join(other), "onE");
  await Deno.writeTextFile(
    dir.join(".claims/00a"),
    JSON.stringify({ ...told, path: other }) + "\n",
  );
  await Deno.symlink(dir.join(file.path), dir.join(".claims", "f".repeat(16)));
  await storage.sweep!(() => false, -1000);
  assert.equal((await readManifest(dir.path)).length, 1);
  assert.equal(await Deno.readTextFile(dir.join(file.path)), "one");
  assert.equal(await Deno.readTextFile(dir.join(other)), "onE");
});

Deno.test("S-TRF-11 a planted link in place of a claim is refused, not followed", async () => {
  await using dir = await TempDir.make();
  await Deno.writeTextFile(dir.join("outside"), "theirs");
  await using storage = await DiskStorage.open(dir.join("storage"));
  await using _other = await DiskStorage.open(dir.join("storage"));
  for (let n = 0; n < 4096; n++) {
    await Deno.symlink(
      "../../outside",
      dir.join("storage/.claims", n.toString(16).padStart(3, "0")),
    );
  }
  await assert.rejects(() => put(storage));
  assert.equal(await Deno.readTextFile(dir.join("outside")), "theirs");
  assert.equal((await put(storage, "x", "")).replayed, false);
});

Deno.test("S-TRF-11 a planted link in place of a claim that was met is refused, unless it leads to its own mark", async () => {
  await using dir = await TempDir.make();
  await using storage = await DiskStorage.open(dir.join("storage"));
  await using _other = await DiskStorage.open(dir.join("storage"));
  const file = await put(storage);
  const [claim, ...ids] = idsOfOneClaim(2);
  const at = dir.join("storage/.claims", claim);
  const mark = await Deno.readTextFile(at);
  // Another server's mark, a line that another server has left, and nothing at all.
  for (const text of [mark.replace(/[0-9a-f]/g, "x"), '{"path":"received_1"}\n', "\n", ""]) {
    await Deno.remove(at);
    await Deno.writeTextFile(dir.join("outside"), text);
    await Deno.symlink("../../outside", at);
    await assert.rejects(put(storage), code("local_io"));
    await assert.rejects(put(storage, "another", ids[0]), code("local_io"));
    assert.equal(await Deno.readTextFile(dir.join("outside")), text);
  }
  await Deno.remove(at);
  assert.deepEqual(await put(storage), { ...file, replayed: true });
  assert.equal((await put(storage, "another", ids[0])).replayed, false);
  await assertConsistent(dir.join("storage"), 2);
});

Deno.test("S-TRF-11 a planted FIFO or folder in place of a claim is refused, also of one that was met", async () => {
  await using dir = await TempDir.make();
  await using storage = await DiskStorage.open(dir.path);
  await using _other = await DiskStorage.open(dir.path);
  const file = await put(storage);
  const [name] = await Array.fromAsync(Deno.readDir(dir.join(".claims")), ({ name }) => name)
    .then((names) => names.filter((name) => name.length === 3));
  const again = () => put(storage, "another", `${ID.slice(0, -2)}x`);
  const claim = dir.join(".claims", name!);
  for (const plant of [() => mkfifo(claim), () => Deno.mkdir(claim)]) {
    await Deno.remove(claim);
    await plant();
    await assert.rejects(put(storage), code("local_io"));
    await using newcomer = await DiskStorage.open(dir.path);
    await assert.rejects(put(newcomer), code("local_io"));
  }
  await Deno.remove(claim);
  assert.deepEqual(await put(storage), { ...file, replayed: true });
  assert.equal((await again()).replayed, false);
});

Deno.test("S-TRF-11 one file an id, although claims are removed, and made by the other server first", async () => {
  await using dir = await TempDir.make();
  await using one = await DiskStorage.open(dir.path);
  await using two = await DiskStorage.open(dir.path);
  const ids = Array.from({ length: 120 }, () => crypto.randomUUID());
  for (const [n, id] of ids.entries()) {
    const [first, second] = n % 2 === 0 ? [one, two] : [two, one];
    const file = await put(first, id, id);
    assert.equal(file.replayed, false);
    if (n % 5 === 0) await Deno.remove(dir.join(".claims"), { recursive: true });
    assert.deepEqual(await put(second, id, id), { ...file, replayed: true });
    if (n % 7 === 0) await Deno.remove(dir.join(".claims"), { recursive: true });
    assert.deepEqual(await put(first, id, id), { ...file, replayed: true });
  }
  await assertConsistent(dir.path, ids.length);
});

/** Upload ids that share one claim, and its name. */
function idsOfOneClaim(count: number): [claim: string, ...ids: string[]] {
  const claim = hashName(ID).slice(0, 3);
  const ids: string[] = [];
  for (let n = 0; ids.length < count; n++) {
    const id = `6f9619ff-8b86-4d01-b42d-${n.toString(16).padStart(12, "0")}`;
    if (hashName(id).startsWith(claim)) ids.push(id);
  }
  return [claim, ...ids];
}

Deno.test("S-TRF-11 a server's mark in a claim hides nothing that others do in the same millisecond", async () => {
  const [claim, a, b, c, d, e, f] = idsOfOneClaim(6);
  for (const durability of ["process", "data"] as const) {
    await using dir = await TempDir.make();
    await using other = await DiskStorage.open(dir.path, { durability });
    const T0 = Date.now();
    const now = () => T0; // for this one, no time passes
    await using storage = await DiskStorage.open(dir.path, { durability, now });
    const content = () => Deno.readTextFile(dir.join(".claims", claim));
    const marked = async (id: string) => {
      const file = await put(storage, id, id);
      assert.equal(file.replayed, false);
      assert.match(await content(), /^\n[0-9a-f]{16}/);
      return file;
    };
    const first = await marked(a!);
    const mark = (await content()).slice(0, 17);
    assert.deepEqual(await put(storage, a, a!), { ...first, replayed: true });
    assert.ok((await content()).startsWith(mark), "a replay leaves the mark");
    await assert.rejects(put(storage, "other bytes", a), code("sequence_reuse"));

    const theirs = await put(other, b, b!);
    assert.ok(!(await content()).startsWith(mark), "a line of another server wipes it out");
    assert.deepEqual(await put(storage, b, b!), { ...theirs, replayed: true });

    const removed = await marked(c!);
    await other.catalogue.remove!(removed.path, {});
    assert.equal((await put(storage, "other bytes", c)).replayed, false, "it was removed");

    const before = await marked(d!);
    await Deno.rename(dir.join("commits.jsonl"), dir.join("moved.jsonl"));
    await storage.refresh!();
    assert.deepEqual(await put(storage, d, d!), { ...before, replayed: true });

    await marked(e!);
    await Deno.remove(dir.join(".claims"), { recursive: true });
    const again = await put(other, f, f!);
    assert.deepEqual(await put(storage, f, f!), { ...again, replayed: true });
  }
});

Deno.test({
  name: "S-MAN-2 a server finishes what another one has left in a claim that had the server's mark",
  ignore: !linux,
  async fn() {
    const [, ...ids] = idsOfOneClaim(6);
    await using dir = await TempDir.make();
    await using storage = await DiskStorage.open(dir.path);
    await using _other = await DiskStorage.open(dir.path);
    for (const step of ["claim", "name", "line"] as const) {
      await put(storage, step, ids.pop()!);
      const uploadId = ids.pop()!;
      await die({ folder: dir.path, step, ...WAYS[0], uploadId });
      assert.equal((await put(storage, "the file", uploadId)).replayed, step !== "claim");
    }
    await assertConsistent(dir.path, 6);
  },
});

Deno.test("S-TRF-11 a file that was not published leaves no mark", async () => {
  const [claim, a, b] = idsOfOneClaim(2);
  await using dir = await TempDir.make();
  await using storage = await DiskStorage.open(dir.path);
  await using _other = await DiskStorage.open(dir.path);
  await put(storage, "one", a);
  const { renameSync } = Deno;
  Deno.renameSync = () => {
    throw new Error("the disk is gone");
  };
  try {
    await assert.rejects(put(storage, "two", b));
  } finally {
    Deno.renameSync = renameSync;
  }
  assert.doesNotMatch(await Deno.readTextFile(dir.join(".claims", claim)), /^\n[0-9a-f]{16}/);
  assert.equal((await put(storage, "two", b)).replayed, false);
});
