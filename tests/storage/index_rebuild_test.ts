import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { createLogger } from "../../src/log.ts";
import { IndexFile } from "../../src/storage/index_file.ts";
import { DiskStorage } from "../../src/storage/mod.ts";
import { closeParts, openParts } from "../../src/storage/open.ts";
import { putNow } from "../../src/storage/put.ts";
import { Random } from "../helpers/random.ts";
import { TempDir } from "../helpers/temp.ts";

const LINES = 30_000;

/** An id, a path and a line of the manifest for each number. */
const idOf = (n: number) => `00000000-0000-4000-8000-${String(n).padStart(12, "0")}`;
const pathOf = (n: number) => `session_${idOf(n)}/file_1_20260101T000000000.bin`;
const lineOf = (n: number) =>
  JSON.stringify({
    ...{ path: pathOf(n), size: 5, sha256: "ab".repeat(32), mime_type: "text/plain" },
    ...{ time: "2026-01-01T00:00:00.000Z", name: `${"long".repeat(30)} "upload_id":"${idOf(1)}"` },
    ...{ session: idOf(n), sequence: 1, upload_id: idOf(n), client: "127.0.0.1" },
  }) + "\n";

Deno.test("S-TRF-11 while a lost index is built anew uploads go on, and none is stored twice", async () => {
  await using dir = await TempDir.make();
  const folder = dir.join("storage");
  await Deno.mkdir(folder);
  const lines = Array.from({ length: LINES }, (_, n) => lineOf(n)).join("");
  assert.ok(lines.length > 8 * 1024 * 1024, "enough for all of its rows to come first");
  await Deno.writeTextFile(dir.join("storage/commits.jsonl"), lines);
  await using storage = await DiskStorage.open(folder);
  for (const end of ["", "-wal", "-shm"]) await Deno.remove(`${folder}/.index.db${end}`);

  let isBuilt = false;
  const listing = storage.catalogue.list({ limit: 1, order: "newest" }).finally(() =>
    isBuilt = true
  );
  await storage.refresh?.();
  const put = async (uploadId: string) =>
    await storage.put(
      { mimeType: "text/plain", reserve: 0, uploadId },
      new TextEncoder().encode("hello"),
    );
  const made = await put(crypto.randomUUID());
  assert.equal(made.replayed, false);
  // The digest is another one, so the id is known to be used.
  await assert.rejects(put(idOf(LINES - 1)), { code: "sequence_reuse" });
  assert.equal(isBuilt, false, "no upload has waited for the index");
  await listing;
  const { path } = (await storage.catalogue.find({ path: made.path }))!;
  assert.equal(path, made.path);
  assert.equal((await storage.catalogue.find({ path: pathOf(7) }))?.path, pathOf(7));
  await assert.rejects(put(idOf(0)), { code: "sequence_reuse" });
});

Deno.test("an index that another process is making at this moment is waited for, not set aside", async () => {
  for (const isMade of [false, true]) {
    await using dir = await TempDir.make();
    const told: string[] = [];
    const log = createLogger(({ event }) => told.push(event));
    if (isMade) (await IndexFile.open(dir.join(".index.db"), log)).close();
    using other = new DatabaseSync(dir.join(".index.db"));
    other.exec("PRAGMA journal_mode = DELETE; BEGIN EXCLUSIVE");
    let isOpen = false;
    const opening = IndexFile.open(dir.join(".index.db"), log).then((index) => {
      isOpen = true;
      return index;
    });
    for (let turns = 0; turns < 5; turns++) await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(isOpen, false);
    other.exec("COMMIT");
    const index = await opening;
    assert.equal(index.isFile, true);
    index.close();
    assert.deepEqual(told, []);
  }
});

Deno.test("S-TRF-11 an id that comes while the index waits for another process to write it stays known", async () => {
  await using dir = await TempDir.make();
  const parts = await openParts(dir.path, {});
  const { known } = parts.reading!;
  const put = (uploadId: string) =>
    putNow(parts, { mimeType: "text/plain", reserve: 0, uploadId }, new Uint8Array([1]));
  put(idOf(1));
  using other = new DatabaseSync(dir.join(".index.db"));
  other.exec("BEGIN IMMEDIATE");
  const writing = known.write();
  put(idOf(2));
  await new Promise((resolve) => setTimeout(resolve, 1)); // it has found that it must wait
  put(idOf(3));
  other.exec("COMMIT");
  await writing;
  for (const n of [1, 2, 3]) assert.ok(known.get(idOf(n)) !== undefined, String(n));
  await closeParts(parts);
});

Deno.test("S-TRF-11 three processes that write the index in any order forget no id (seeds 1 to 20)", async () => {
  for (let seed = 1; seed <= 20; seed++) {
    const random = new Random(seed);
    await using dir = await TempDir.make();
    const three = await Promise.all([1, 2, 3].map(() => openParts(dir.path, {})));
    using other = new DatabaseSync(dir.join(".index.db"));
    const writes: Promise<void>[] = [];
    let isLocked = false;
    const lock = () => {
      try {
        other.exec(isLocked ? "COMMIT" : "BEGIN IMMEDIATE");
        isLocked = !isLocked;
      } catch {
        // One of the three is writing.
      }
    };
    let ids = 0;
    for (let step = 0; step < 150; step++) {
      const parts = random.pick(three);
      const { known } = parts.reading!;
      const what = random.int(0, 9);
      if (what < 5) {
        const spec = { mimeType: "text/plain", reserve: 0, uploadId: idOf(++ids) };
        await putNow(parts, spec, new Uint8Array([seed]));
      } else if (what < 6) writes.push(known.write());
      else if (what < 7) lock();
      else if (what < 8) await new Promise((resolve) => setTimeout(resolve, random.int(0, 3)));
      else if (ids > 0) {
        const id = idOf(random.int(1, ids));
        await known.refresh();
        assert.ok(known.get(id) !== undefined, `seed ${seed}, step ${step}: ${id}`);
      }
    }
    if (isLocked) lock();
    await Promise.all(writes);
    for (const parts of three) await closeParts(parts);
  }
});
