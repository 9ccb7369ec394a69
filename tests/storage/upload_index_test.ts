import assert from "node:assert/strict";
import { HashTable } from "../../src/storage/hash_table.ts";
import { formatEntry } from "../../src/storage/manifest_lines.ts";
import { DiskStorage } from "../../src/storage/mod.ts";
import { MemoryIndex } from "../../src/storage/upload_index.ts";
import { TempDir } from "../helpers/temp.ts";

const file = (n: number) => ({
  path: `received_${n.toString(16).padStart(32, "0")}.bin`,
  size: n,
  sha256: n.toString(16).padStart(64, "0"),
  mimeType: "application/octet-stream",
});
const idOf = (n: number) => `6f9619ff-8b86-4d01-b42d-${n.toString(16).padStart(12, "0")}`;

Deno.test({
  name: "a HashTable knows the last number of each text, and no other text",
  permissions: "none",
  fn() {
    const table = new HashTable();
    for (let n = 0; n < 100_000; n++) table.set(idOf(n), n);
    for (let n = 0; n < 100_000; n += 3) table.set(idOf(n), 2 ** 52 - n);
    for (let n = 0; n < 100_000; n++) {
      assert.equal(table.get(idOf(n)), n % 3 === 0 ? 2 ** 52 - n : n);
    }
    for (let n = 100_000; n < 200_000; n++) assert.equal(table.get(idOf(n)), undefined);
    table.set("", 0);
    assert.equal(table.get(""), 0);
  },
});

Deno.test({
  name: "tier W remembers as many upload ids as it is told, and forgets older ones",
  permissions: "none",
  fn() {
    const index = new MemoryIndex(100, Date.now);
    for (let n = 0; n < 1000; n++) {
      const { path: finalPath, size, sha256, mimeType } = file(n);
      index.add({ spec: { mimeType, reserve: 0, uploadId: idOf(n) }, finalPath, size, sha256 });
      for (const back of [0, 50, 99]) {
        if (n >= back) assert.equal(index.get(idOf(n - back))?.size, n - back);
      }
      assert.equal(index.get(idOf(n - 200)), undefined);
    }
  },
});

Deno.test("S-TRF-11 every upload id of a long manifest is known, the first one too", async () => {
  await using dir = await TempDir.make();
  const count = 150_000;
  let text = "";
  for (let n = 0; n < count; n++) {
    text += formatEntry({
      ...file(n),
      time: n,
      uploadId: idOf(n),
      name: n % 9 === 0 ? "\u00e4" : "a",
    });
    text += "\n";
  }
  await Deno.writeTextFile(dir.join("commits.jsonl"), text);
  await using storage = await DiskStorage.open(dir.path, { maxUploadIds: 10 });
  for (const n of [0, 1, 9, 49_999, 100_000, count - 1]) {
    assert.deepEqual(storage.find(idOf(n)), { ...file(n), replayed: false });
  }
  assert.equal(storage.find(idOf(count)), undefined);
});
