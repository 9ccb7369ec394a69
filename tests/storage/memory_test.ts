/** What a stored file leaves in the memory of its server. @module */
import assert from "node:assert/strict";
import { cleaner } from "../../src/clean_up.ts";
import { DiskStorage } from "../../src/storage/mod.ts";
import { ranToEnd } from "../helpers/ran.ts";
import { TempDir } from "../helpers/temp.ts";

/** Files that are stored before the first look, and after it. */
const FEW = 2000;
const MORE = 8000;

/** The table of upload ids takes 16 to 48 bytes for each, until the index has them. */
const MOST_BYTES = 64;

for (const isInSession of [false, true]) {
  const what = isInSession ? "of a session" : "without a session";
  Deno.test(`a stored file ${what} leaves at most ${MOST_BYTES} bytes in memory`, async () => {
    const clean = await cleaner();
    if (clean === undefined) return; // Deno 2.6.8 collects for nobody
    await using dir = await TempDir.make();
    await using storage = await DiskStorage.open(dir.path, { tier: "RW" });
    const id = crypto.randomUUID();
    let stored = 0;
    const store = async (count: number): Promise<number> => {
      for (const end = stored + count; stored < end; stored++) {
        await storage.put({
          mimeType: "text/plain",
          reserve: 0,
          name: `file ${stored}`,
          uploadId: `upload-${stored}`,
          ...(isInSession ? { session: { id, sequence: stored + 1 } } : {}),
        }, new Uint8Array(1));
      }
      clean();
      const { heapUsed, external } = Deno.memoryUsage();
      return heapUsed + external;
    };
    const few = await store(FEW);
    const perFile = (await store(MORE) - few) / MORE;
    assert.ok(perFile <= MOST_BYTES, `${perFile} bytes a file`);
  });
}

Deno.test("digests that nobody needs any more are collected before they take much memory", async () => {
  const program = new URL("digests_program.ts", import.meta.url).href;
  const { code, out, err } = await ranToEnd(Deno.execPath(), { args: ["run", "-A", program] });
  assert.equal(code, 0, err);
  const { grown } = JSON.parse(out) as { grown: number };
  // Without being told, V8 lets them grow to 27 MiB and more.
  assert.ok(grown < 18 * 2 ** 20, `${grown} bytes`);
});
