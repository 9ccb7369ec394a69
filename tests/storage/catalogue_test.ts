/**
 * What is stored is listed, found, read and removed (S-LST-1, S-GET-3, S-REM-1), by an index that follows the
 * manifest.
 *
 * @module
 */
import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { createLogger, type LogEvent } from "../../src/log.ts";
import {
  type Catalogue,
  DiskStorage,
  type DiskStorageOptions,
  type FileSpec,
  type ListedFile,
  type ListQuery,
  type Tier,
} from "../../src/storage/mod.ts";
import { compactManifest } from "../../src/storage/compaction.ts";
import { code } from "../helpers/errors.ts";
import { readManifest, sha256 } from "../helpers/files.ts";
import { Random } from "../helpers/random.ts";
import { utf8 } from "../helpers/raw_frame.ts";
import { TempDir } from "../helpers/temp.ts";

const TIERS: readonly Tier[] = ["W", "RW"];
const SESSION = { id: "6f9619ff-8b86-4d01-b42d-00cf4fc964ff", sequence: 1 };

const put = async (storage: DiskStorage, text: string, more: Partial<FileSpec> = {}) =>
  (await storage.put({ mimeType: "text/plain", reserve: 0, ...more }, utf8(text))).path;

/** All files of a list, page by page. */
async function all(catalogue: Catalogue, query: Partial<ListQuery> = {}): Promise<ListedFile[]> {
  const files: ListedFile[] = [];
  const asked: ListQuery = { limit: 3, order: "newest", ...query };
  for (let pages = 0, after: string | null | undefined; after !== null && pages < 1000; pages++) {
    const page = await catalogue.list(after === undefined ? asked : { ...asked, after });
    assert.ok(page.files.length <= asked.limit);
    files.push(...page.files);
    after = page.next;
  }
  return files;
}

const paths = (files: readonly ListedFile[]) => files.map(({ path }) => path);

for (const tier of TIERS) {
  const opened = async (dir: TempDir, more: DiskStorageOptions = {}) =>
    await DiskStorage.open(dir.join("storage"), { tier, ...more });

  Deno.test(`S-LST-1 ${tier}: a list has every file once, the newest first or by name`, async () => {
    await using dir = await TempDir.make();
    await using storage = await opened(dir);
    const { catalogue } = storage;
    assert.deepEqual(await catalogue.list({ limit: 5, order: "newest" }), {
      files: [],
      next: null,
    });
    const random = new Random(13);
    const stored: { path: string; name: string | undefined }[] = [];
    const letters = ["a", "b", "\u{1F600}", "\uFFFD", "ä", "Z", "/", " "];
    for (let n = 0; n < 40; n++) {
      const name = n % 5 === 4
        ? undefined
        : Array.from({ length: random.int(1, 3) }, () => random.pick(letters)).join("");
      stored.push({ path: await put(storage, `${n}`, name === undefined ? {} : { name }), name });
    }
    assert.deepEqual(paths(await all(catalogue)), stored.map(({ path }) => path).reverse());
    const key = ({ path, name }: { path: string; name?: string | undefined }) =>
      new TextDecoder("latin1").decode(utf8(name ?? path));
    const named = await all(catalogue, { order: "name" });
    assert.deepEqual(named.map(key), stored.map(key).sort((a, b) => a < b ? -1 : a > b ? 1 : 0));
    assert.equal(new Set(paths(named)).size, 40);
    for (const prefix of ["a", "\u{1F600}", "received_", "none", ""]) {
      const wanted = stored.filter(({ path, name }) => (name ?? path).startsWith(prefix));
      const found = await all(catalogue, { prefix });
      assert.deepEqual(paths(found), wanted.map(({ path }) => path).reverse(), prefix);
      const byName = paths(await all(catalogue, { prefix, order: "name" }));
      assert.deepEqual(byName.sort(), paths(found).sort(), prefix);
    }
  });

  Deno.test(`S-LST-1 ${tier}: a list shows what is asked for: a name, a session, an owner`, async () => {
    await using dir = await TempDir.make();
    await using storage = await opened(dir);
    const { catalogue } = storage;
    const one = await put(storage, "1", { name: "a", user: "ann", session: SESSION });
    const two = await put(storage, "2", { name: "a", user: "bob" });
    const three = await put(storage, "3", { name: "b", session: { ...SESSION, sequence: 2 } });
    assert.deepEqual(paths(await all(catalogue, { name: "a" })), [two, one]);
    assert.deepEqual(paths(await all(catalogue, { session: SESSION.id })), [three, one]);
    assert.deepEqual(paths(await all(catalogue, { session: SESSION.id, name: "a" })), [one]);
    assert.deepEqual(paths(await all(catalogue, { owner: "bob" })), [two]);
    assert.deepEqual(paths(await all(catalogue, { owner: null })), [three]);
    assert.deepEqual(paths(await all(catalogue, { owner: "ann", name: "b" })), []);
    assert.equal((await catalogue.find({ name: "a" }))?.path, two);
    assert.equal((await catalogue.find({ name: "a", owner: "ann" }))?.path, one);
    assert.equal(await catalogue.find({ name: "b", owner: "ann" }), undefined);
    assert.equal(await catalogue.find({ path: one, owner: null }), undefined);
    const content = { size: 1, sha256: sha256(utf8("1")) };
    assert.equal((await catalogue.find({ name: "a", ...content }))?.path, one);
    assert.equal(await catalogue.find({ name: "b", ...content }), undefined);
    for (const limit of [0, -1, 1.5, 1001]) {
      await assert.rejects(() => catalogue.list({ limit, order: "newest" }), RangeError);
    }
  });

  Deno.test(`S-NAM-1 ${tier}: what the sender says of a file is given back`, async () => {
    await using dir = await TempDir.make();
    await using storage = await opened(dir, { now: () => 1_795_394_722_323 });
    const said = { name: "a/b\n.sh", mtimeMs: 86_400_000, executable: true, user: "ann" };
    const uploadId = crypto.randomUUID();
    const path = await put(storage, "x", { ...said, session: SESSION, uploadId });
    assert.deepEqual(await storage.catalogue.find({ path }), {
      ...{ path, size: 1, sha256: sha256(utf8("x")), mimeType: "text/plain" },
      ...{ ...said, storedAt: 1_795_394_722_323, uploadId, session: SESSION.id },
    });
  });

  Deno.test(`S-LST-1 ${tier}: what stands throughout is listed once while others come and go`, async () => {
    await using dir = await TempDir.make();
    await using storage = await opened(dir);
    const { catalogue } = storage;
    const stays: string[] = [];
    const goes: string[] = [];
    for (let n = 0; n < 30; n++) {
      (n % 2 === 0 ? stays : goes).push(await put(storage, `${n}`, { name: `n${n % 7}` }));
    }
    for (const order of ["newest", "name"] as const) {
      const found: string[] = [];
      let after: string | null | undefined;
      while (after !== null) {
        const page = await catalogue.list({ limit: 2, order, ...(after && { after }) });
        found.push(...paths(page.files));
        after = page.next;
        const gone = goes.pop();
        if (gone !== undefined) await catalogue.remove(gone);
        await put(storage, `new ${found.length}`, { name: `m${found.length}` });
      }
      for (const path of stays) assert.equal(found.filter((one) => one === path).length, 1, order);
    }
  });

  Deno.test(`S-LST-1 ${tier}: a made-up after is refused, and nothing else happens`, async () => {
    await using dir = await TempDir.make();
    await using storage = await opened(dir);
    await put(storage, "x");
    const texts = [
      "",
      "x",
      "W10",
      btoa("[1]"),
      btoa('["",1e99,""]'),
      btoa("null"),
      "ä",
      "=".repeat(99),
    ];
    for (const after of texts) {
      const list = () => storage.catalogue.list({ limit: 1, order: "newest", after });
      await assert.rejects(list, code("invalid_field"), after);
    }
  });

  Deno.test(`S-REM-1 ${tier}: a removed file is listed no more, its room is free, and its id is new`, async () => {
    await using dir = await TempDir.make();
    let now = 1_795_394_722_323;
    await using storage = await opened(dir, { budget: 10, now: () => now });
    const { catalogue } = storage;
    const spec = { name: "a", user: "ann", uploadId: crypto.randomUUID() };
    const path = await put(storage, "12345678", spec);
    const folder = dir.join("storage");
    assert.equal(
      await catalogue.remove("received_00000000000000000000000000000000.txt"),
      undefined,
    );
    assert.equal(await catalogue.remove("../storage/commits.jsonl"), undefined);
    assert.equal(await catalogue.remove(path, { owner: null }), undefined);
    assert.equal(await catalogue.remove(path, { owner: "bob" }), undefined);
    assert.deepEqual(storage.usage, { used: 8, reserved: 0 });
    const gone = await catalogue.remove(path, { owner: "ann", user: "ann", session: SESSION });
    assert.equal(gone?.path, path);
    assert.deepEqual(storage.usage, { used: 0, reserved: 0 });
    await assert.rejects(() => Deno.lstat(`${folder}/${path}`), Deno.errors.NotFound);
    assert.deepEqual(await all(catalogue), []);
    assert.equal(await catalogue.find({ path }), undefined);
    assert.equal(await catalogue.find({ name: "a" }), undefined);
    const { removed, time, by, ...rest } = (await readManifest(folder)).at(-1)!;
    assert.deepEqual([removed, time], [path, new Date(now).toISOString()]);
    assert.deepEqual(by, { user: "ann", session: SESSION.id, sequence: 1 });
    assert.equal(rest.name, "a");
    // Whoever lost the answer asks again, and nobody else is told.
    assert.equal((await catalogue.remove(path, { owner: "ann" }))?.sha256, gone?.sha256);
    assert.equal(await catalogue.remove(path, { owner: "bob" }), undefined);
    now += 600_001;
    assert.equal(await catalogue.remove(path, { owner: "ann" }), undefined);
    const again = await put(storage, "12345678", spec);
    assert.notEqual(again, path);
    assert.deepEqual(paths(await all(catalogue)), [again]);
  });

  Deno.test(`S-REM-1 ${tier}: remove() follows no link that stands in for a session's folder`, async () => {
    await using dir = await TempDir.make();
    await using storage = await opened(dir);
    const path = await put(storage, "x", { session: SESSION });
    const [folder, name] = path.split("/");
    const place = dir.join("storage", folder!);
    await Deno.rename(place, dir.join("elsewhere"));
    await Deno.symlink(dir.join("elsewhere"), place);
    if (tier === "RW") assert.equal(await storage.catalogue.open!({ path }), undefined);
    await storage.catalogue.remove(path);
    await Deno.lstat(dir.join("elsewhere", name!));
  });
}

Deno.test("S-GET-3 open() reads a file from any byte, also while it is removed, and refuses links", async () => {
  await using dir = await TempDir.make();
  await using storage = await DiskStorage.open(dir.join("storage"));
  const { catalogue } = storage;
  assert.equal(await catalogue.open!({ path: "../storage/commits.jsonl" }), undefined);
  assert.equal(await catalogue.open!({ path: "commits.jsonl" }), undefined);
  const path = await put(storage, "0123456789");
  const into = new Uint8Array(4);
  {
    using file = (await catalogue.open!({ path }))!;
    assert.equal(file.file.path, path);
    assert.equal(await file.read(7, into), 3);
    assert.equal(new TextDecoder().decode(into.subarray(0, 3)), "789");
    assert.equal(await file.read(10, into), null);
    await catalogue.remove(path);
    assert.equal(await file.read(0, into), 4);
    assert.equal(new TextDecoder().decode(into), "0123");
  }
  const other = await put(storage, "0123456789");
  const at = dir.join("storage", other);
  await Deno.rename(at, dir.join("moved"));
  await Deno.symlink(dir.join("moved"), at);
  assert.equal(await catalogue.open!({ path: other }), undefined);
  await Deno.remove(at);
  assert.equal(await catalogue.open!({ path: other }), undefined);
  await Deno.writeTextFile(at, "short");
  assert.equal(await catalogue.open!({ path: other }), undefined);
});

Deno.test("S-LST-1 what one process stores or removes, another lists at once", async () => {
  await using dir = await TempDir.make();
  await using one = await DiskStorage.open(dir.path);
  await using two = await DiskStorage.open(dir.path);
  const stored: string[] = [];
  for (let n = 0; n < 20; n++) {
    stored.unshift(await put(n % 2 === 0 ? one : two, `${n}`));
    assert.deepEqual(paths(await all(one.catalogue, { limit: 100 })), stored);
    assert.deepEqual(paths(await all(two.catalogue, { limit: 100 })), stored);
    if (n % 3 === 0) {
      await (n % 2 === 0 ? two : one).catalogue.remove(stored.pop()!);
      assert.deepEqual(paths(await all(one.catalogue, { limit: 100 })), stored);
    }
  }
  assert.equal((await Promise.all(stored.map((path) => one.catalogue.remove(path)))).length, 13);
  assert.deepEqual(await all(two.catalogue), []);
});

/** What may happen to the index's file while a server has it open, or before it starts. */
const DAMAGES: Record<string, (path: string) => unknown> = {
  "is deleted": (path) => Deno.remove(path),
  "is overwritten": (path) => Deno.writeTextFile(path, "garbage".repeat(5000)),
  "is emptied": (path) => Deno.truncate(path),
  "is another program's database": (path) => {
    Deno.removeSync(path);
    using db = new DatabaseSync(path);
    db.exec("CREATE TABLE other (x)");
  },
  "is a link": async (path) => {
    await Deno.remove(path);
    await Deno.symlink("/dev/null", path);
  },
  "is a folder": async (path) => {
    await Deno.remove(path);
    await Deno.mkdir(path);
  },
  "is of an older state of the folder": async (path) => {
    using db = new DatabaseSync(path);
    db.exec("UPDATE state SET tail = 'other'");
    await Promise.resolve();
  },
};

for (const [what, damage] of Object.entries(DAMAGES)) {
  Deno.test(`an index that ${what} comes back, and stops no upload`, async () => {
    await using dir = await TempDir.make();
    const events: LogEvent[] = [];
    const log = createLogger((event) => events.push(event), "info");
    const uploadId = crypto.randomUUID();
    const stored: string[] = [];
    {
      await using storage = await DiskStorage.open(dir.path, { log });
      stored.unshift(await put(storage, "first", { uploadId }));
      assert.deepEqual(paths(await all(storage.catalogue)), stored);
      await damage(dir.join(".index.db"));
      stored.unshift(await put(storage, "second", { uploadId: crypto.randomUUID() }));
      stored.unshift(await put(storage, "third"));
      assert.deepEqual(paths(await all(storage.catalogue)), stored);
      assert.equal(await put(storage, "first", { uploadId }), stored[2]);
    }
    await damage(dir.join(".index.db"));
    await using storage = await DiskStorage.open(dir.path, { log });
    assert.equal(await put(storage, "first", { uploadId }), stored[2]);
    stored.unshift(await put(storage, "fourth"));
    assert.deepEqual(paths(await all(storage.catalogue)), stored);
  });
}

Deno.test("an index that is damaged when a server starts is set aside, and a file again", async () => {
  await using dir = await TempDir.make();
  const stored = await (async () => {
    await using storage = await DiskStorage.open(dir.path);
    return await put(storage, "one");
  })();
  const garbage = "garbage".repeat(5000);
  await Deno.writeTextFile(dir.join(".index.db"), garbage);
  await using storage = await DiskStorage.open(dir.path);
  assert.deepEqual(paths(await all(storage.catalogue)), [stored]);
  assert.equal(await Deno.readTextFile(dir.join(".index.db.bad")), garbage);
  using db = new DatabaseSync(dir.join(".index.db"), { readOnly: true });
  assert.equal(db.prepare("SELECT count(*) AS files FROM file").get()!.files, 1);
});

Deno.test("an index that is found damaged by a write is built anew before the list is answered", async () => {
  await using dir = await TempDir.make();
  await using storage = await DiskStorage.open(dir.path);
  const first = await put(storage, "first");
  await all(storage.catalogue);
  {
    using db = new DatabaseSync(dir.join(".index.db"));
    db.exec("DROP TABLE removed");
  }
  const second = await put(storage, "second");
  await storage.catalogue.remove(first);
  assert.deepEqual(paths(await all(storage.catalogue)), [second]);
});

Deno.test("S-REM-1 W: a removal whose last step failed is finished when it is asked for again", async () => {
  await using dir = await TempDir.make();
  await using storage = await DiskStorage.open(dir.path, { tier: "W" });
  const path = await put(storage, "one");
  const { removeSync } = Deno;
  Deno.removeSync = () => {
    throw new Error("Input/output error");
  };
  try {
    await assert.rejects(() => storage.catalogue.remove(path), { code: "internal_error" });
  } finally {
    Deno.removeSync = removeSync;
  }
  assert.equal((await storage.catalogue.remove(path))?.path, path);
  await assert.rejects(Deno.lstat(dir.join(path)), Deno.errors.NotFound);
  assert.equal((await storage.catalogue.remove(path))?.path, path);
});

Deno.test("an index that somebody has locked stops no upload", async () => {
  await using dir = await TempDir.make();
  await using storage = await DiskStorage.open(dir.path);
  const uploadId = crypto.randomUUID();
  const first = await put(storage, "first", { uploadId });
  await all(storage.catalogue);
  using db = new DatabaseSync(dir.join(".index.db"));
  db.exec("BEGIN EXCLUSIVE");
  const second = await put(storage, "second", { uploadId: crypto.randomUUID() });
  assert.equal(await put(storage, "first", { uploadId }), first);
  await assert.rejects(all(storage.catalogue), { code: "busy" });
  db.exec("COMMIT");
  assert.deepEqual(paths(await all(storage.catalogue)), [second, first]);
});

Deno.test("S-MAN-3 a list that waits for a locked index goes on with the manifest that is there by then", async () => {
  await using dir = await TempDir.make();
  await using storage = await DiskStorage.open(dir.path);
  await put(storage, "first");
  await all(storage.catalogue);
  using db = new DatabaseSync(dir.join(".index.db"));
  db.exec("BEGIN IMMEDIATE");
  await put(storage, "second");
  const listing = all(storage.catalogue);
  await Deno.rename(dir.join("commits.jsonl"), dir.join("kept"));
  const third = await put(storage, "third");
  await new Promise((resolve) => setTimeout(resolve, 50)); // the list looks every 10 ms
  db.exec("COMMIT");
  assert.deepEqual(paths(await listing), [third]);
});

Deno.test("S-MAN-3 a list follows a manifest that is rotated, cut or replaced", async () => {
  await using dir = await TempDir.make();
  const manifest = dir.join("commits.jsonl");
  await using storage = await DiskStorage.open(dir.path);
  await using other = await DiskStorage.open(dir.path);
  const uploadId = crypto.randomUUID();
  const first = await put(storage, "first", { uploadId });
  assert.deepEqual(paths(await all(other.catalogue)), [first]);
  await storage.check(); // the line is where the path leads, and need not be written again
  const text = await Deno.readTextFile(manifest);
  await Deno.rename(manifest, dir.join("kept"));
  assert.deepEqual(await all(storage.catalogue), []);
  const second = await put(storage, "second");
  assert.deepEqual(paths(await all(storage.catalogue)), [second]);
  for (const one of [storage, other]) {
    assert.equal(await put(one, "first", { uploadId }), first, "ids of the former one hold");
  }
  await Deno.truncate(manifest);
  assert.deepEqual(await all(storage.catalogue), []);
  await Deno.writeTextFile(manifest, text);
  assert.deepEqual(paths(await all(storage.catalogue)), [first]);
  await Deno.writeTextFile(dir.join("next"), (await Deno.readTextFile(dir.join("kept"))).repeat(2));
  await Deno.rename(dir.join("next"), manifest);
  assert.deepEqual(paths(await all(other.catalogue)), [first]);
  assert.deepEqual(paths(await all(storage.catalogue)), [first]);
});

for (const order of ["newest", "name"] as const) {
  Deno.test(`S-LST-1 a list by ${order} goes on in a new manifest that has its last file no more`, async () => {
    await using dir = await TempDir.make();
    let now = Date.UTC(2026, 0, 1);
    await using storage = await DiskStorage.open(dir.path, { now: () => now });
    const { catalogue } = storage;
    for (let n = 0; n < 12; n++) {
      now += 1000;
      await put(storage, `${n}`, { name: `${n % 4}`, uploadId: crypto.randomUUID() });
    }
    const stored = await all(catalogue, { order });
    const query = { limit: 5, order };
    const { files: first, next } = await catalogue.list(query);
    // The last file of the page goes, another one behind it too, and a compaction leaves no line of them.
    for (const { path } of [first[4]!, stored[7]!]) await catalogue.remove(path);
    await compactManifest(dir.path);
    const second = await catalogue.list({ ...query, after: next! });
    const third = await catalogue.list({ ...query, after: second.next! });
    const gone = new Set([first[4]!.path, stored[7]!.path]);
    const expected = stored.slice(5).filter(({ path }) => !gone.has(path));
    assert.deepEqual(paths([...second.files, ...third.files]), paths(expected));
    assert.equal(third.next, null);
    // After a rotation there are newer files only.
    await Deno.rename(dir.join("commits.jsonl"), dir.join("kept"));
    now += 1000;
    const newest = await put(storage, "new", { name: "4" });
    const after = await catalogue.list({ ...query, after: second.next! });
    assert.deepEqual(paths(after.files), order === "name" ? [newest] : []);
  });
}
