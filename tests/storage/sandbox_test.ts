import assert from "node:assert/strict";
import { verifyFolder } from "../../src/storage/verify.ts";
import { listFiles } from "../helpers/files.ts";
import { type Ran, ranToEnd } from "../helpers/ran.ts";
import { TempDir } from "../helpers/temp.ts";

const PROGRAM = new URL("./sandbox_program.ts", import.meta.url).pathname;

function run(cwd: string, flags: string[]): Promise<Ran> {
  const args = ["run", "--quiet", "--no-prompt", "--no-config", ...flags, PROGRAM, "storage"];
  return ranToEnd(Deno.execPath(), { args, cwd });
}

Deno.test("tier W works with --allow-write=storage alone and writes nothing outside", async () => {
  await using dir = await TempDir.make();
  const { code, out, err } = await run(dir.path, ["--allow-net", "--allow-write=storage"]);
  assert.equal(code, 0, err);
  const seen = JSON.parse(out);
  assert.equal(seen.tier, "W");
  assert.equal(seen.again.replayed, true);
  assert.equal(seen.again.path, seen.small.path);
  assert.match(seen.large.path, /^session_6f96.*\/file_1_.*\.jpg$/);
  assert.match(seen.durable, /--allow-read=.*durability to data/);
  const wanted = ["commits.jsonl", seen.small.path, seen.large.path, seen.left]
    .map((path) => `storage/${path}`).sort();
  assert.deepEqual(await listFiles(dir.path), wanted);
  assert.equal(await Deno.readTextFile(dir.join("storage", seen.large.path)), "hellohello");
  const verdicts = new Map<string | undefined, string>();
  for await (const { path, verdict } of verifyFolder(dir.join("storage"))) {
    verdicts.set(path, verdict);
  }
  assert.equal(verdicts.get(seen.small.path), "ok");
  assert.equal(verdicts.get(seen.large.path), "ok");
  if (Deno.build.os === "windows") return;
  const mode = async (path: string) => (await Deno.lstat(dir.join("storage", path))).mode! & 0o777;
  assert.equal(await mode(seen.small.path), 0o640);
  assert.equal(await mode(seen.large.path), 0o640);
  assert.equal(await mode(seen.left), 0o200);
  assert.equal(verdicts.get(seen.left), "partial");
});

Deno.test("with --allow-read=storage too it is tier RW, and a partial file has no final name", async () => {
  await using dir = await TempDir.make();
  const flags = ["--allow-write=storage", "--allow-read=storage"];
  const { code, out, err } = await run(dir.path, flags);
  assert.equal(code, 0, err);
  const seen = JSON.parse(out);
  assert.equal(seen.tier, "RW");
  assert.equal(seen.durable, "opened");
  assert.match(seen.left, /^\.incoming\/[0-9a-f]{16}\.part$/);
  const wanted = ["commits.jsonl", seen.small.path, seen.large.path, seen.left]
    .map((path) => `storage/${path}`).sort();
  const found = (await listFiles(dir.path)).filter((path) =>
    !/^storage\/\.(claims\/|index\.)/.test(path)
  );
  assert.deepEqual(found, wanted);
});

Deno.test("without permission to write the storage says so and asks nobody", async () => {
  await using dir = await TempDir.make();
  const { code, err } = await run(dir.path, ["--allow-write=elsewhere"]);
  assert.notEqual(code, 0);
  assert.match(err, /no permission to write there, run with --allow-write=/);
});
