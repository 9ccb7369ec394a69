/**
 * Processes that come to a folder and go, are killed and stand still, at random moments: whoever is alone, and
 * whoever comes, there is one file an upload id (src/storage/alone.ts). FXFER_KILLS sets how often; FXFER_SEED
 * repeats a run, as far as the machine does.
 *
 * @module
 */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { DiskStorage } from "../../src/storage/mod.ts";
import { listStored, readManifest } from "../helpers/files.ts";
import { Random } from "../helpers/random.ts";
import { TempDir } from "../helpers/temp.ts";

const KILLS = Number(Deno.env.get("FXFER_KILLS") ?? 20);
const SEED = Number(Deno.env.get("FXFER_SEED") ?? 2026);

const PROGRAM = fileURLToPath(new URL("coming_program.ts", import.meta.url));

/** Starts a process on a folder. */
function come(folder: string, seed: number, begun: number): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", PROGRAM, folder, String(seed), String(begun)],
    ...{ stdin: "piped", stdout: "null", stderr: "inherit" },
  }).spawn();
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

Deno.test({
  name:
    `S-TRF-11 processes that come, go, stand still and die (${KILLS} kills, seed ${SEED}): one file an id`,
  ignore: Deno.build.os !== "linux",
  async fn() {
    const random = new Random(SEED);
    await using dir = await TempDir.make();
    const begun = Date.now();
    const all = Array.from({ length: 2 }, () => come(dir.path, random.bits(), begun));
    for (let kills = 0; kills < KILLS;) {
      await pause(random.int(5, 40));
      const at = random.int(0, all.length - 1);
      const child = all[at]!;
      Deno.kill(child.pid, "SIGSTOP");
      await pause(random.int(5, 80));
      if (random.int(1, 8) > 1) {
        Deno.kill(child.pid, "SIGCONT");
        continue;
      }
      Deno.kill(child.pid, "SIGKILL");
      assert.equal((await child.status).signal, "SIGKILL", "it had not failed by itself");
      await child.stdin.close().catch(() => {});
      all[at] = come(dir.path, random.bits(), begun);
      kills++;
    }
    for (const child of all) await child.stdin.close();
    for (const child of all) assert.equal((await child.status).code, 0);
    await using storage = await DiskStorage.open(dir.path);
    await storage.sweep!(() => false, -1000);
    const lines = await readManifest(dir.path);
    const ids = lines.map((line) => line.upload_id);
    assert.equal(new Set(ids).size, ids.length, "an id has two lines");
    assert.deepEqual(lines.map(({ path }) => path).sort(), await listStored(dir.path));
    assert.ok(ids.length > 2 * KILLS, `${ids.length} files`);
  },
});
