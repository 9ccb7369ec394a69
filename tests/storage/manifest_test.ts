import assert from "node:assert/strict";
import { createLogger, type LogEvent } from "../../src/log.ts";
import { DiskStorage, type StoredFile } from "../../src/storage/mod.ts";
import {
  formatEntry,
  type ManifestEntry,
  parseEntry,
  readManifest,
} from "../../src/storage/manifest_lines.ts";
import { TempDir } from "../helpers/temp.ts";

const ENTRY: ManifestEntry = {
  path: "received_0123456789abcdef.png",
  size: 3,
  sha256: "ab".repeat(32),
  mimeType: "image/png",
  time: 1_795_394_722_323,
};
/** The entry as it stands in the file. */
const lineOf = (entry: ManifestEntry) => formatEntry(entry) + "\n";

const spec = { mimeType: "text/plain", reserve: 0 };
const bytes = new TextEncoder().encode("hello");

Deno.test({
  name: "a manifest line is read back as it was, and is one line whatever the name holds",
  permissions: "none",
  fn() {
    const full = {
      ...ENTRY,
      name: "a\nb\u2028\u202e\0\ud800",
      session: { id: "s", sequence: 4 },
      uploadId: "u",
      clientAddress: "::1",
    };
    for (const entry of [ENTRY, full]) {
      const line = lineOf(entry);
      assert.equal(line.indexOf("\n"), line.length - 1);
      assert.deepEqual(parseEntry(line), entry);
    }
  },
});

Deno.test({
  name: "parseEntry() is undefined for what is no entry",
  permissions: "none",
  fn() {
    const good = JSON.parse(formatEntry(ENTRY));
    assert.ok(parseEntry(JSON.stringify(good)) !== undefined);
    for (const text of ["", "x", "null", "[]", "7", "{}", lineOf(ENTRY).slice(0, -5)]) {
      assert.equal(parseEntry(text), undefined, text);
    }
    const faults = {
      path: [1, ""],
      size: [-1, 1.5, "3"],
      sha256: ["", "AB".repeat(32)],
      time: ["x"],
    };
    for (const [field, values] of Object.entries(faults)) {
      for (const value of values) {
        assert.equal(parseEntry(JSON.stringify({ ...good, [field]: value })), undefined, field);
      }
    }
  },
});

Deno.test("readManifest() finds every line wherever the chunks end", async () => {
  await using dir = await TempDir.make();
  const path = dir.join("commits.jsonl");
  const entries = Array.from(
    { length: 1500 },
    (_, at): ManifestEntry => ({ ...ENTRY, size: at, name: "n".repeat(at % 250) }),
  );
  const overlong = `${"x".repeat(200_000)}\n`;
  const text = entries.map(lineOf).join("") + "\n" + overlong + "{}\n" + lineOf(ENTRY) +
    '{"path":"rec';
  await Deno.writeTextFile(path, text);
  const lines = await Array.fromAsync(readManifest(path));
  assert.deepEqual(lines.slice(0, 1500).map((line) => line.entry), entries);
  const [long, empty, last, torn, ...more] = lines.slice(1500);
  assert.deepEqual(more, []);
  assert.deepEqual([long?.entry, long?.number, empty?.entry], [undefined, 1502, undefined]);
  assert.deepEqual(last?.entry, ENTRY);
  assert.equal(torn?.torn, true);
  assert.equal(torn?.start, text.length - 12);
  assert.equal(torn?.end, text.length);
});

Deno.test("a torn last line is cut at the next start in tier RW, and malformed ones are told", async () => {
  await using dir = await TempDir.make();
  const path = dir.join("commits.jsonl");
  const whole = lineOf({ ...ENTRY, uploadId: "u" }) + "garbage\n";
  await Deno.writeTextFile(path, whole + '{"path":"received_01');
  const events: LogEvent[] = [];
  const log = createLogger((event) => events.push(event), "warn");
  await using storage = await DiskStorage.open(dir.path, { tier: "RW", log });
  assert.equal(await Deno.readTextFile(path), whole);
  assert.equal(storage.find("u")?.path, ENTRY.path);
  const names = events.map((event) => event.event).sort();
  assert.deepEqual(names, ["storage.manifest_cut", "storage.manifest_malformed"]);
});

Deno.test("a torn last line costs no later line in tier W", async () => {
  await using dir = await TempDir.make();
  const path = dir.join("commits.jsonl");
  await Deno.writeTextFile(path, '{"path":"received_01');
  await using storage = await DiskStorage.open(dir.path, { tier: "W" });
  const one = await storage.put(spec, bytes);
  const two = await storage.put(spec, bytes);
  const paths = (await Array.fromAsync(readManifest(path))).map((line) => line.entry?.path);
  assert.deepEqual(paths, [undefined, one.path, two.path]);
});

Deno.test("a manifest line whose path is not fxfer's is never believed", async () => {
  await using dir = await TempDir.make();
  const evil = lineOf({ ...ENTRY, path: "../secret", uploadId: "u" });
  await Deno.writeTextFile(dir.join("commits.jsonl"), evil);
  await using storage = await DiskStorage.open(dir.path, { tier: "RW", budget: 10 });
  assert.equal(storage.find("u"), undefined);
});

Deno.test("lines of a manifest that was removed meanwhile are written again", async () => {
  await using dir = await TempDir.make();
  const path = dir.join("commits.jsonl");
  let now = 1000;
  for (const tier of ["W", "RW"] as const) {
    await using storage = await DiskStorage.open(dir.path, { tier, now: () => now });
    const one = storage.put(spec, bytes) as StoredFile;
    Deno.removeSync(path); // before anybody has looked at the path once more
    now += 5000;
    // The path is looked at once a millisecond, by a clock that the test does not turn.
    await new Promise((resolve) => setTimeout(resolve, 5));
    const two = await storage.put(spec, bytes);
    const paths = (await Array.fromAsync(readManifest(path))).map((line) => line.entry?.path);
    assert.deepEqual(paths, [one.path, two.path]);
    await Deno.remove(path);
  }
});

Deno.test("two storages on one folder mix no lines", async () => {
  await using dir = await TempDir.make();
  await using one = await DiskStorage.open(dir.path, { tier: "RW" });
  await using two = await DiskStorage.open(dir.path, { tier: "W" });
  for (let at = 0; at < 50; at++) await Promise.all([one.put(spec, bytes), two.put(spec, bytes)]);
  const lines = await Array.fromAsync(readManifest(dir.join("commits.jsonl")));
  assert.equal(new Set(lines.map((line) => line.entry?.path)).size, 100);
});

Deno.test("readManifest() begins where it is told to", async () => {
  await using dir = await TempDir.make();
  const path = dir.join("commits.jsonl");
  const line = lineOf(ENTRY);
  await Deno.writeTextFile(path, line + line + line);
  const all = await Array.fromAsync(readManifest(path));
  const rest = await Array.fromAsync(readManifest(path, all[0]!.end));
  assert.deepEqual(rest.map(({ start, end, entry }) => [start, end, entry]), [
    [all[1]!.start, all[1]!.end, ENTRY],
    [all[2]!.start, all[2]!.end, ENTRY],
  ]);
  assert.deepEqual(await Array.fromAsync(readManifest(path, all[2]!.end)), []);
});
