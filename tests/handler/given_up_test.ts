/**
 * S-SEQ-10: a file that was announced cannot be stored, because the disk is full, and its client goes on with
 * another request under the same number.
 *
 * @module
 */
import assert from "node:assert/strict";
import { type Flush, systemFlush } from "../../src/storage/flush.ts";
import type { Naming } from "../../src/storage/mod.ts";
import { listFiles, readManifest, sha256, storedSha256 } from "../helpers/files.ts";
import { expectCode, InProcess } from "../helpers/in_process.ts";
import { Random } from "../helpers/random.ts";
import { utf8 } from "../helpers/raw_frame.ts";

/** A disk that has no room for final names while it is full. */
class FullDisk implements Flush {
  isFull = false;
  contents = systemFlush.contents;
  manifest = systemFlush.manifest;
  folder = async (path: string): Promise<void> => {
    if (this.isFull && /session_|files/.test(path)) {
      throw Object.assign(new Error("no space left"), { code: "ENOSPC" });
    }
    await systemFlush.folder(path);
  };
}

/** The files that stand under a final name, listed or not. */
const storedIn = async (folder: string) =>
  (await listFiles(folder)).filter((path) => /^(session_|files\/)/.test(path));

const GIVEN_UP = new Random(31).bytes(30_000);

/** Fails unless exactly these contents stand there, and have a line. */
async function assertOnly(run: InProcess, ...contents: readonly Uint8Array[]): Promise<void> {
  const paths = await storedIn(run.folder);
  const digests = await Promise.all(paths.map((path) => storedSha256(run.folder, path)));
  assert.deepEqual(digests.sort(), contents.map(sha256).sort());
  const lines = (await readManifest(run.folder)).map(({ path }) => path);
  assert.deepEqual(lines.sort(), paths);
}

async function started(disk: FullDisk, naming: Naming): Promise<InProcess> {
  return await InProcess.start({
    disk: { durability: "durable", flush: disk, naming },
    anonymous: ["put", "remove"],
  });
}

for (const naming of ["session_aware", "original"] as const) {
  for (const next of ["file", "cancel", "remove", "disconnect"] as const) {
    Deno.test(`S-SEQ-10 ${naming}: on a full disk the number of a file that failed is free for another request: ${next}`, async () => {
      const disk = new FullDisk();
      await using run = await started(disk, naming);
      using peer = await run.attached();
      const kept = expectCode(await peer.upload("kept", { name: "a" }), "ok").file.path;
      disk.isFull = true;
      const upload_id = crypto.randomUUID();
      for (let tries = 0; tries < 2; tries++) {
        const failed = await peer.upload(GIVEN_UP, { name: "b", upload_id }, { sequence: 2 });
        expectCode(failed, "storage_full");
      }
      if (next === "file") {
        expectCode(await peer.upload("other", { name: "b" }, { sequence: 2 }), "storage_full");
        disk.isFull = false;
        expectCode(await peer.upload("other", { name: "b" }, { sequence: 2 }), "ok");
        await assertOnly(run, utf8("kept"), utf8("other"));
        expectCode(await peer.upload(GIVEN_UP, { upload_id }, { sequence: 3 }), "ok");
        return await assertOnly(run, utf8("kept"), utf8("other"), GIVEN_UP);
      }
      const frame = { mode: "stateful", id: peer.id, sequence: 2 } as const;
      if (next === "cancel") {
        const reply = await peer.upload("", { cancel: true, upload_id }, { sequence: 2 });
        assert.equal(expectCode(reply, "partial").cancelled, true);
      } else if (next === "remove") {
        const removing = { ...frame, action: "remove", data: { path: kept } } as const;
        let reply = await peer.request(removing);
        if (naming === "original") {
          expectCode(reply, "storage_full"); // the folder of the removed file is flushed too
          disk.isFull = false;
          reply = await peer.request(removing);
        }
        expectCode(reply, "ok");
      } else {
        const reply = await peer.request({ ...frame, action: "disconnect" });
        assert.equal(expectCode(reply, "session_closed").files, 1);
      }
      assert.deepEqual(await storedIn(run.folder), next === "remove" ? [] : [kept]);
      const { intent, upload, lastSequence } = await run.record(peer.id);
      assert.deepEqual([intent, upload, lastSequence], [null, null, 2]);
    });
  }

  Deno.test(`S-SEQ-10 ${naming}: what has room again runs first, and another request learns the next number`, async () => {
    const disk = new FullDisk();
    await using run = await started(disk, naming);
    using peer = await run.attached();
    disk.isFull = true;
    expectCode(await peer.upload(GIVEN_UP, { name: "b" }, { sequence: 1 }), "storage_full");
    disk.isFull = false;
    const refused = await peer.upload("other", { name: "c" }, { sequence: 1 });
    assert.equal(expectCode(refused, "sequence_gap").expected, 2);
    expectCode(await peer.upload("other", { name: "c" }, { sequence: 2 }), "ok");
    const repeated = await peer.upload(GIVEN_UP, { name: "b" }, { sequence: 1 });
    assert.equal(expectCode(repeated, "ok").replayed, true);
    await assertOnly(run, GIVEN_UP, utf8("other"));
  });

  Deno.test(`S-SEQ-10 ${naming}: a connect is answered while the disk is full, and the file goes on after it`, async () => {
    const disk = new FullDisk();
    await using run = await started(disk, naming);
    using peer = await run.attached();
    disk.isFull = true;
    expectCode(await peer.upload(GIVEN_UP, { name: "b" }, { sequence: 1 }), "storage_full");
    using next = await run.attached({}, peer.id);
    expectCode(await next.upload(GIVEN_UP, { name: "b" }, { sequence: 1 }), "storage_full");
    disk.isFull = false;
    expectCode(await next.upload(GIVEN_UP, { name: "b" }, { sequence: 1 }), "ok");
    await assertOnly(run, GIVEN_UP);
  });
}
