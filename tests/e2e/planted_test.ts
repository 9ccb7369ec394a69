/** What others may do to the storage folder. Not for shared servers: see helpers/serving.ts. @module */
import assert from "node:assert/strict";
import { listFiles, storedSha256 } from "../helpers/files.ts";
import { FLAGS_RW, Program } from "../helpers/program.ts";
import { mkfifo } from "../helpers/ran.ts";
import { frame } from "../helpers/raw_frame.ts";
import { RawPeer } from "../helpers/raw_peer.ts";
import { assertAlive } from "../helpers/serving.ts";
import { TempDir } from "../helpers/temp.ts";

const MIB = 1 << 20;

if (Deno.build.os !== "windows" && !Deno.env.get("FXFER_BIN")) {
  Deno.test("a storage folder that is removed is missed or made again, and serving goes on", async () => {
    await using server = await Program.serve({ flags: FLAGS_RW, set: { "limits.rate": "off" } });
    await assertAlive(server);
    await Deno.remove(server.storage, { recursive: true });
    {
      using peer = await RawPeer.open(server);
      const { data } = await peer.stateless("while it is away");
      if (data.code === "ok") {
        assert.equal(await storedSha256(server.storage, data.file.path), data.file.sha256);
      } else {
        assert.equal(data.class, "retry", data.code);
      }
    }
    await Deno.mkdir(server.storage, { recursive: true });
    await assertAlive(server);
  });

  Deno.test("symlinks planted in storage before the start are not followed", async () => {
    await using dir = await TempDir.make();
    await using outside = await TempDir.make();
    await Deno.mkdir(dir.join("storage"));
    await Deno.symlink(outside.path, dir.join("storage", ".incoming"));
    await Deno.symlink(outside.join("stolen.jsonl"), dir.join("storage", "commits.jsonl"));
    // Refusing to start and serving without them are both safe; following them is not.
    const server = await Program.serve({ flags: FLAGS_RW, cwd: dir.path }).catch((error) => {
      assert.match(error.message, /has ended/);
    });
    if (server !== undefined) {
      await using _server = server;
      using peer = await RawPeer.open(server);
      const large = frame({ payload: new Uint8Array(3 * MIB) });
      await peer.send(large.subarray(0, 2 * MIB));
      await peer.halfClose();
      await peer.rest();
      await peer.stateless("whatever is answered").catch(() => {});
    }
    assert.deepEqual(await listFiles(outside.path), []);
  });

  Deno.test("a FIFO in the place of the manifest does not block the start", async () => {
    await using dir = await TempDir.make();
    await Deno.mkdir(dir.join("storage"));
    await mkfifo(dir.join("storage", "commits.jsonl"));
    const start = performance.now();
    try {
      await using _server = await Program.serve({ flags: FLAGS_RW, cwd: dir.path });
    } catch (error) {
      assert.match((error as Error).message, /has ended/, "it refuses, it does not hang");
    }
    assert.ok(performance.now() - start < 10_000);
  });
}
