import assert from "node:assert/strict";
import { Ahead, MOST_AHEAD } from "../../src/cli/send/ahead.ts";
import type { FileToSend, LeftOut } from "../../src/cli/send/file_to_send.ts";

const pure = { permissions: "none" } as const;

const file = (n: number): FileToSend => ({
  ...{ label: `f${n}`, path: `f${n}`, name: `f${n}`, mimeType: "text/plain", size: 3, mtime: 0 },
});

/** Puts files in as a walk does. */
async function walk(ahead: Ahead, files: number): Promise<void> {
  for (let n = 0; n < files; n++) {
    if (ahead.isFull) await ahead.room();
    ahead.put(file(n));
  }
  ahead.end();
}

Deno.test("a walk is never more than a bounded number of files ahead", pure, async () => {
  const ahead = new Ahead(new AbortController().signal);
  const walking = walk(ahead, 10 * MOST_AHEAD);
  await ahead.filled();
  assert.deepEqual([ahead.files, ahead.isAll], [MOST_AHEAD, false]);
  let taken = 0;
  for (let some; (some = await ahead.take(64)).length > 0;) {
    for (const { path } of some) assert.equal(path, `f${taken++}`);
    assert.ok(ahead.files - taken <= MOST_AHEAD, `${ahead.files} found, ${taken} taken`);
  }
  await walking;
  assert.equal(taken, 10 * MOST_AHEAD);
  assert.deepEqual([ahead.files, ahead.bytes, ahead.isAll], [taken, 3 * taken, true]);
});

Deno.test(
  "what is left out is told in its turn, and a file without a size leaves no sum",
  pure,
  async () => {
    const ahead = new Ahead(new AbortController().signal);
    const told: LeftOut[] = [];
    ahead.onLeftOut = (what) => told.push(what);
    ahead.put({ label: "pipe", reason: "it is a pipe" });
    ahead.put(file(0));
    const { size: _, ...endless } = file(1);
    ahead.put(endless);
    ahead.end();
    await ahead.filled();
    assert.deepEqual([told, ahead.files, ahead.bytes], [[], 2, undefined]);
    assert.deepEqual((await ahead.take(Infinity)).map(({ path }) => path), ["f0", "f1"]);
    assert.deepEqual(told.map(({ label }) => label), ["pipe"]);
    assert.deepEqual(await ahead.take(1), []);
  },
);

Deno.test(
  "an abort ends the walk and whoever waits for it, behind what was found",
  pure,
  async () => {
    const stop = new AbortController();
    const ahead = new Ahead(stop.signal);
    const walking = walk(ahead, 2 * MOST_AHEAD);
    await ahead.filled();
    stop.abort(new Error("stop"));
    await walking;
    assert.equal((await ahead.take(Infinity)).length, MOST_AHEAD);
    await assert.rejects(ahead.take(1), /stop/);
    assert.equal(ahead.isAll, false);
    const waiting = new Ahead(new AbortController().signal);
    const taking = waiting.take(1);
    waiting.fail(new Error("no disk"));
    await assert.rejects(taking, /no disk/);
  },
);
