/** A compaction that is killed at any of its steps loses no line, and brings nothing back (S-REM-1). @module */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { DiskStorage } from "../../src/storage/mod.ts";
import { verifyFolder } from "../../src/storage/verify.ts";
import { sha256 } from "../helpers/files.ts";
import { Random } from "../helpers/random.ts";
import { TempDir } from "../helpers/temp.ts";

const PROGRAM = fileURLToPath(new URL("dying_compaction.ts", import.meta.url));
const SEED = Number(Deno.env.get("FXFER_SEED") ?? 2026);

/** Every call up to the rename, and so many of the many calls after it. */
const [BEFORE, AFTER] = [26, 6];

/** Runs a compaction that is killed before one of its calls. Returns false if it came to its end. */
async function kill(folder: string, call: number): Promise<boolean> {
  const { signal, success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", PROGRAM, folder, `${call}`],
  }).output();
  assert.ok(success || signal === "SIGKILL", new TextDecoder().decode(stderr));
  return !success;
}

Deno.test({
  name: "S-REM-1 a compaction killed at any step loses no line, and brings no removed file back",
  ignore: Deno.build.os === "windows",
  async fn() {
    const random = new Random(SEED);
    await using dir = await TempDir.make();
    await using storage = await DiskStorage.open(dir.path, { naming: "original" });
    /** What stands, by path. Names are used again when their file was removed. */
    const stands = new Map<string, string>();
    let over = false;
    const store = async () => {
      const bytes = random.bytes(random.int(16, 60));
      const name = `${random.int(0, 30)}`;
      const spec = { mimeType: "text/plain", reserve: bytes.length, name };
      stands.set((await storage.put(spec, bytes)).path, sha256(bytes));
    };
    const using = async () => {
      while (!over) {
        await store();
        if (stands.size > 20) {
          const path = random.pick([...stands.keys()]);
          stands.delete(path);
          assert.equal((await storage.catalogue.remove(path))?.path, path);
        }
        await new Promise((resolve) => setTimeout(resolve, 0));
      }
    };
    const calls = Array.from({ length: BEFORE }, (_, n) => n + 1);
    for (let n = 0; n < AFTER; n++) calls.push(random.int(BEFORE + 1, 100));
    let killed = 0;
    for (const call of calls) {
      over = false;
      const user = using();
      if (await kill(dir.path, call)) killed++;
      over = true;
      await user;
      await storage.sweep!(() => true);
      const listed = new Map<string, string>();
      let after: string | null | undefined = undefined;
      while (after !== null) {
        const page = await storage.catalogue.list({
          limit: 1000,
          order: "newest",
          ...after && { after },
        });
        for (const { path, sha256 } of page.files) {
          assert.ok(!listed.has(path), `${path} is listed once`);
          listed.set(path, sha256);
        }
        after = page.next;
      }
      assert.deepEqual([...listed].sort(), [...stands].sort(), `killed before call ${call}`);
      for await (const { verdict, path } of verifyFolder(dir.path)) {
        if (verdict !== "torn") assert.equal(verdict, "ok", `${path}, call ${call}`);
      }
      for (const name of [".compacting", "commits.jsonl.new"]) {
        await assert.rejects(Deno.lstat(dir.join(name)), Deno.errors.NotFound);
      }
    }
    assert.ok(killed > BEFORE, `${killed} were killed in the middle`);
  },
});
