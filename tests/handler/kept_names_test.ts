/** Names that are kept, as a client of a session meets them (S-NAM-3). */
import assert from "node:assert/strict";
import { sha256 } from "../helpers/files.ts";
import { expectCode, InProcess } from "../helpers/in_process.ts";
import { Random } from "../helpers/random.ts";

const random = new Random(13);
const DISK = { naming: "original" } as const;

Deno.test("S-NAM-3 S-SEQ-5 sessions that send files of one name at once all store theirs", async () => {
  await using run = await InProcess.start({ disk: DISK });
  const contents = Array.from({ length: 10 }, (_, at) => random.bytes(at % 2 ? 200_000 : 500));
  const paths = await Promise.all(contents.map(async (bytes) => {
    using peer = await run.attached();
    const { file } = expectCode(await peer.upload(bytes, { name: "a/x.bin" }), "ok");
    const { intent, upload, lastSequence } = await run.record(peer.id);
    assert.deepEqual([intent, upload, lastSequence], [null, null, 1]);
    assert.equal(sha256(await Deno.readFile(`${run.folder}/${file.path}`)), sha256(bytes));
    return file.path as string;
  }));
  assert.equal(new Set(paths).size, contents.length);
  assert.ok(paths.includes("files/public/a/x.bin") && paths.includes("files/public/a/x (10).bin"));
});

Deno.test("S-NAM-3 S-SEQ-7 a taken name that the client insists on uses no number", async () => {
  await using run = await InProcess.start({ disk: DISK });
  using peer = await run.attached();
  const first = expectCode(await peer.upload("one", { name: "x" }), "ok");
  const refused = await peer.upload("two", { name: "x", on_clash: "refuse" });
  expectCode(refused, "name_taken");
  assert.equal((await run.record(peer.id)).lastSequence, 1);
  peer.sequence = 1;
  const again = expectCode(await peer.upload("one", { name: "x", on_clash: "refuse" }), "ok");
  assert.deepEqual([again.existing, again.file], [true, first.file]);
  const { filesTransferred, totalBytes, lastSequence } = await run.record(peer.id);
  assert.deepEqual([filesTransferred, totalBytes, lastSequence], [1, 3, 2]);
});

Deno.test("S-NAM-2 S-TRF-4 a file in parts keeps its name and time, although another connection ends it", async () => {
  await using run = await InProcess.start({ disk: DISK });
  const mtime_ms = 1_650_000_000_500;
  const peer = await run.attached();
  expectCode(await peer.upload("01234", { name: "p", mtime_ms, complete: false }), "partial");
  peer.close();
  await run.restart();
  using back = await run.attached({}, peer.id);
  const { file } = expectCode(await back.upload("56789", { name: "p", offset: 5 }), "ok");
  assert.equal(file.path, "files/public/p");
  const path = `${run.folder}/${file.path}`;
  assert.equal(await Deno.readTextFile(path), "0123456789");
  assert.equal((await Deno.stat(path)).mtime?.getTime(), mtime_ms);
});

for (const when of ["before", "after"] as const) {
  Deno.test(`S-SEQ-5 S-NAM-3 a store lost ${when} the save of a kept name's number leaves one file`, async () => {
    await using run = await InProcess.start({ disk: DISK });
    using peer = await run.attached();
    run.flaky.failSave(when, ({ lastSequence }) => lastSequence === 1);
    expectCode(await peer.upload("mine", { name: "x" }), "store_unavailable");
    peer.close();
    using other = await run.attached();
    expectCode(await other.upload("theirs", { name: "x" }), "ok");
    using back = await run.attached({}, peer.id);
    back.sequence = 0;
    const { file } = expectCode(await back.upload("mine", { name: "x" }), "ok");
    assert.equal(file.path, "files/public/x");
    assert.equal(await Deno.readTextFile(`${run.folder}/${file.path}`), "mine");
    assert.equal(await Deno.readTextFile(`${run.folder}/files/public/x (2)`), "theirs");
  });
}
