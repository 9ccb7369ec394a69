import assert from "node:assert/strict";
import { DiskStorage } from "../../src/storage/mod.ts";
import { type VerifyFinding, verifyFolder } from "../../src/storage/verify.ts";
import { TempDir } from "../helpers/temp.ts";

const bytes = new TextEncoder().encode("hello");
const spec = { mimeType: "text/plain", reserve: 0 };

async function findings(folder: string, pathsAtOnce?: number): Promise<VerifyFinding[]> {
  return await Array.fromAsync(
    verifyFolder(folder, pathsAtOnce === undefined ? {} : { pathsAtOnce }),
  );
}

Deno.test("verifyFolder() finds every file of a storage unchanged", async () => {
  await using dir = await TempDir.make();
  await using storage = await DiskStorage.open(dir.path, { tier: "RW" });
  const paths: string[] = [];
  for (let sequence = 1; sequence <= 20; sequence++) {
    const session = { id: "s-1", sequence };
    paths.push((await storage.put(sequence % 2 ? spec : { ...spec, session }, bytes)).path);
  }
  for (const pathsAtOnce of [undefined, 1, 3, 7]) {
    const found = await findings(dir.path, pathsAtOnce);
    assert.deepEqual(found.map((finding) => finding.path), paths);
    assert.ok(found.every((finding) => finding.verdict === "ok"));
  }
});

Deno.test("verifyFolder() reports missing, changed, extra, partial, malformed and torn", async () => {
  await using dir = await TempDir.make();
  const parts = new Map<string, string>();
  {
    await using storage = await DiskStorage.open(dir.path, { tier: "RW" });
    const put = async () => (await storage.put(spec, bytes)).path;
    const missing = await put();
    const shorter = await put();
    const other = await put();
    const link = await put();
    const fine = await put();
    await Deno.remove(dir.join(missing));
    await Deno.writeTextFile(dir.join(shorter), "hell");
    await Deno.writeTextFile(dir.join(other), "hellO");
    await Deno.rename(dir.join(link), dir.join("received_00000000000000aa.txt"));
    await Deno.symlink("received_00000000000000aa.txt", dir.join(link));
    const upload = await storage.begin(spec);
    await upload.write(bytes);
    parts.set(missing, "missing").set(shorter, "changed").set(other, "changed");
    parts.set(link, "changed").set(fine, "ok").set(upload.temporaryPath, "partial");
    parts.set("received_00000000000000aa.txt", "extra").set("stray.txt", "extra");
  }
  await Deno.writeTextFile(dir.join("stray.txt"), "");
  await Deno.writeTextFile(dir.join("sessions.sqlite-wal"), "");
  const evil = ["../outside", "/etc/passwd", "commits.jsonl", ".incoming/0123456789abcdef.part"]
    .map(
      (path) =>
        JSON.stringify({
          path,
          size: 1,
          sha256: "a".repeat(64),
          mime_type: "a/b",
          time: "2026-11-23",
        }),
    );
  const tail = `nonsense\n${evil.join("\n")}\n{"path":"rec`;
  await Deno.writeTextFile(dir.join("commits.jsonl"), tail, { append: true });
  for (const pathsAtOnce of [undefined, 2]) {
    const found = await findings(dir.path, pathsAtOnce);
    const byPath = found.filter((finding) => finding.path !== undefined);
    assert.deepEqual(
      byPath.map(({ path, verdict }) => [path, verdict]).toSorted(),
      [...parts].toSorted(),
    );
    assert.equal(byPath.length, parts.size, "each is told once");
    const lines = found.filter((finding) => finding.path === undefined);
    assert.deepEqual(
      lines.map(({ verdict, line }) => `${verdict} ${line}`),
      [..."6789"].map((line) => `malformed ${line}`).concat("malformed 10", "torn 11"),
    );
  }
});

Deno.test("verifyFolder() of a folder that is not there throws", async () => {
  await using dir = await TempDir.make();
  await assert.rejects(() => findings(dir.join("absent")), Deno.errors.NotFound);
  assert.deepEqual(await findings(dir.path), []);
});

Deno.test("verifyFolder() takes lines of one path for one file, of which the last one counts (S-MAN-1)", async () => {
  await using dir = await TempDir.make();
  const paths: string[] = [];
  {
    await using storage = await DiskStorage.open(dir.path);
    for (let n = 0; n < 3; n++) paths.push((await storage.put(spec, bytes)).path);
  }
  const manifest = dir.join("commits.jsonl");
  const lines = (await Deno.readTextFile(manifest)).trim().split("\n");
  const stale = { ...JSON.parse(lines[0]!), size: 4 };
  await Deno.writeTextFile(manifest, [JSON.stringify(stale), ...lines, lines[1], ""].join("\n"));
  const found = await findings(dir.path);
  assert.deepEqual(found.map(({ verdict, path, line }) => [verdict, path, line]), [
    ["ok", paths[0], 2],
    ["ok", paths[2], 4],
    ["ok", paths[1], 5],
  ]);
});
