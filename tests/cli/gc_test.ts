/** `fxfer gc` and `fxfer compact`, as a user calls them. @module */
import assert from "node:assert/strict";
import { DiskStorage } from "../../src/storage/mod.ts";
import { listStored } from "../helpers/files.ts";
import { ranToEnd } from "../helpers/ran.ts";
import { TempDir } from "../helpers/temp.ts";

const MAIN = new URL("../../main.ts", import.meta.url);
const HIDDEN =
  "fxfer: unfinished files stay: only the server knows which of them its sessions need\n";

function fxfer(args: string[], cwd: string) {
  const run = ["run", "--quiet", "--no-prompt", "-A", MAIN.href, ...args];
  return ranToEnd(Deno.execPath(), { args: run, cwd });
}

/** A storage folder with three files of 1,000 bytes, an unfinished one and a removed one. */
async function stored(dir: TempDir): Promise<{ paths: string[]; part: string }> {
  await using storage = await DiskStorage.open(dir.join("storage"));
  const spec = { mimeType: "text/plain", reserve: 0 };
  const paths: string[] = [];
  for (const name of ["a\n", "b", "c", "d"]) {
    paths.push((await storage.put({ ...spec, name }, new Uint8Array(1000))).path);
  }
  await storage.catalogue.remove(paths.pop()!);
  const upload = await storage.begin(spec);
  await upload.release();
  const hourAgo = new Date(Date.now() - 3_600_000);
  await Deno.utime(dir.join("storage", upload.temporaryPath), hourAgo, hourAgo);
  return { paths, part: dir.join("storage", upload.temporaryPath) };
}

Deno.test("fxfer gc shows what would go, and then removes it", async () => {
  await using dir = await TempDir.make();
  const { paths: [oldest], part } = await stored(dir);
  const set = ["--set", "storage.keep_bytes=2000", "--set", "server.mode=stateless"];
  const dry = await fxfer(["gc", "--dry-run", ...set], dir.path);
  assert.deepEqual(dry, {
    code: 0,
    out: `would remove ${oldest} (a\\n): storage.keep_bytes\n` +
      "would remove 1 file (1000 B) and 1 unfinished one\n",
    err: "",
  });
  assert.equal((await listStored(dir.join("storage"))).length, 3);
  await Deno.lstat(part);
  const done = await fxfer(["gc", ...set], dir.path);
  assert.equal(done.code, 0);
  assert.equal(done.out, dry.out.replaceAll("would remove", "removed"));
  assert.equal((await listStored(dir.join("storage"))).includes(oldest!), false);
  await assert.rejects(() => Deno.lstat(part), Deno.errors.NotFound);
  assert.match((await fxfer(["gc", ...set], dir.path)).out, /^removed 0 files .* 0 unfinished/);
  assert.equal((await fxfer(["verify", "storage"], dir.path)).code, 0);
});

Deno.test("fxfer gc makes no folder where there is none", async () => {
  await using dir = await TempDir.make();
  for (const flags of [[], ["--dry-run"]]) {
    const gone = await fxfer(["gc", ...flags, "--storage", "sotrage"], dir.path);
    const err = "fxfer: Cannot clean sotrage up: there is no such folder\n";
    assert.deepEqual(gone, { code: 8, out: "", err });
  }
  assert.deepEqual(await Array.fromAsync(Deno.readDir(dir.path)), []);
});

Deno.test("fxfer gc leaves unfinished files alone where only the server knows its sessions", async () => {
  await using dir = await TempDir.make();
  const { part } = await stored(dir);
  const { code, out, err } = await fxfer(["gc", "--persistence", "memory"], dir.path);
  assert.deepEqual([code, out], [0, "removed 0 files (0 B) and 0 unfinished ones\n"]);
  assert.ok(err.endsWith(HIDDEN), err);
  assert.match(
    err,
    /^fxfer: no whole file is removed: storage\.keep and storage\.keep_bytes are off$/m,
  );
  await Deno.lstat(part);
});

Deno.test("fxfer compact says what stands, and where the former manifest is", async () => {
  await using dir = await TempDir.make();
  await stored(dir);
  const { code, out, err } = await fxfer(["compact", "storage"], dir.path);
  assert.deepEqual([code, err], [0, ""]);
  const text =
    /^3 files listed: 5 lines \(1\.\d KiB\) before, 4 \(\d+ B\) now; the former manifest is (\S+)\n$/;
  const [, kept] = text.exec(out) ?? [];
  assert.ok(kept !== undefined, out);
  await Deno.lstat(dir.join("storage", kept));
  assert.equal((await fxfer(["verify", "storage"], dir.path)).code, 0);
  const missing = await fxfer(["compact", "nowhere"], dir.path);
  assert.deepEqual(missing, {
    code: 8,
    out: "",
    err: "fxfer: Cannot compact nowhere: there is no commits.jsonl\n",
  });
});
