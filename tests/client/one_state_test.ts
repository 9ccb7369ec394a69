import assert from "node:assert/strict";
import { fileSource, type Source } from "../../src/client/mod.ts";
import { listStored, sha256, storedSha256 } from "../helpers/files.ts";
import { TempDir } from "../helpers/temp.ts";
import { hookedSource, watched } from "./helpers.ts";
import { Live } from "./live.ts";
import { code, pattern, ScriptedPeer } from "./scripted_peer.ts";

/** A file on disk that something happens to before the read with this number, or after the read. */
async function touchedFile(
  path: string,
  touchAt: number,
  touch: () => void,
  after = false,
): Promise<Source> {
  const file = await fileSource(path);
  let reads = 0;
  return {
    size: file.size,
    async read(into, offset) {
      const isTime = ++reads === touchAt;
      if (isTime && !after) touch();
      const count = await file.read(into, offset);
      if (isTime && after) touch();
      return count;
    },
    changed: () => file.changed!(),
    close: () => file.close!(),
  };
}

for (const mode of ["stateful", "stateless"] as const) {
  for (const size of [10, 60_000, 300_000, 3_000_000]) {
    Deno.test(`${mode}: a file of ${size} bytes that changes while it is read is not published`, async () => {
      await using live = await Live.start();
      await using folder = await TempDir.make();
      const path = folder.join("a");
      await Deno.writeFile(path, pattern(size, 1));
      await using it = await watched(live.port, { mode, retries: 0 });
      const change = () => Deno.writeFileSync(path, pattern(size, 2));
      const source = await touchedFile(path, size > 1_000_000 ? 3 : 1, change, true);
      await assert.rejects(it.client.send(source), code("source_changed"));
      assert.deepEqual(await listStored(live.dir), []);
      // It costs the others nothing, not even a try.
      assert.equal((await it.client.send(pattern(5))).attempts, 1);
      assert.equal(it.events.all.some((event) => event.type === "retrying"), false);
      await it.client.disconnect();
    });
  }

  Deno.test(`${mode}: of a log that grows what it was at first is stored, and it is told`, async () => {
    for (const size of [10, 300_000, 3_000_000]) {
      await using live = await Live.start();
      await using folder = await TempDir.make();
      const path = folder.join("log");
      await Deno.writeFile(path, pattern(size));
      await using it = await watched(live.port, { mode, retries: 0 });
      const grow = () => Deno.writeFileSync(path, pattern(7), { append: true });
      const result = await it.client.send(await touchedFile(path, size > 10 ? 2 : 1, grow));
      assert.equal(await storedSha256(live.dir, result.file!.path), sha256(pattern(size)));
      assert.equal((await listStored(live.dir)).length, 1);
      const grown = it.events.all.filter((event) => event.type === "grown");
      assert.ok(grown.length > 0 && grown.every((event) => event.size === size));
      await it.client.disconnect();
    }
  });
}

Deno.test("a file that is only touched is stored, and nothing is told", async () => {
  await using live = await Live.start();
  await using folder = await TempDir.make();
  const path = folder.join("a");
  await Deno.writeFile(path, pattern(20_000_000));
  await using it = await watched(live.port, { retries: 0 });
  const touch = () => Deno.utimeSync(path, 1, 1);
  assert.equal((await it.client.send(await touchedFile(path, 3, touch))).confirmed, true);
  assert.equal(it.events.all.some((event) => event.type === "grown"), false);
  await it.client.disconnect();
});

Deno.test("a large file that changes is given up at the next frame, not at its end", async () => {
  await using live = await Live.start();
  await using folder = await TempDir.make();
  const path = folder.join("a");
  await Deno.writeFile(path, pattern(30_000_000, 1));
  await using it = await watched(live.port);
  const change = () => Deno.writeFileSync(path, pattern(30_000_000, 2));
  let sent = 0;
  const sending = it.client.send(await touchedFile(path, 3, change), {
    onProgress: (progress) => sent = Math.max(sent, progress.sent),
  });
  await assert.rejects(sending, code("source_changed"));
  assert.ok(sent < 10_000_000, `${sent} bytes were sent`);
});

Deno.test("after a resume other bytes than before start over: a mixture is never stored", async () => {
  await using live = await Live.start();
  await using proxy = await live.proxy({ up: { faults: [{ kind: "stall", after: 1_500_000 }] } });
  const [uploadId, abort] = [crypto.randomUUID(), new AbortController()];
  await using first = await watched(proxy.port, { signal: abort.signal });
  const left = first.client.send(pattern(3_000_000, 1), {
    uploadId,
    onProgress: ({ sent }) => sent >= 2_000_000 && abort.abort(),
  });
  await assert.rejects(left, code("interrupted"));
  proxy.release();
  const { sessionId, token } = first.client;
  await using it = await watched(live.port, { sessionId: sessionId!, token: token! });
  const result = await it.client.send(new Blob([pattern(3_000_000, 2)]), { uploadId });
  assert.ok(result.resumedFrom[0]! > 0);
  assert.ok(
    it.events.all.some((event) => event.type === "refused" && event.code === "checksum_mismatch"),
  );
  assert.deepEqual(await listStored(live.dir), [result.file!.path]);
  assert.equal(await storedSha256(live.dir, result.file!.path), sha256(pattern(3_000_000, 2)));
});

Deno.test("a source whose bytes change between two tries, unsaid, is stored in one state", async () => {
  await using live = await Live.start();
  await using proxy = await live.proxy({ up: { faults: [{ kind: "reset", after: 1_500_000 }] } });
  let bytes = pattern(3_000_000, 1);
  await using it = await watched(proxy.port, {
    onEvent: (event) => {
      if (event.type === "connection_lost") bytes = pattern(3_000_000, 2);
    },
  });
  const source = hookedSource(bytes, () => {});
  const result = await it.client.send({
    ...source,
    read: (into, offset) => hookedSource(bytes, () => {}).read(into, offset),
  });
  assert.deepEqual(await listStored(live.dir), [result.file!.path]);
  assert.equal(await storedSha256(live.dir, result.file!.path), sha256(bytes));
});

Deno.test("what does not fit a second time either is checksum_mismatch", async () => {
  const bytes = pattern(1000);
  let id: string | undefined;
  await using peer = new ScriptedPeer(async (peer) => {
    await peer.session();
    id = (await peer.transfer()).frame.data.uploadId;
  }, async (peer) => {
    await peer.resumed(1, { offset: 500, upload_id: id });
    for (const offset of [500, 0]) {
      const request = await peer.transfer();
      assert.equal(request.frame.data.offset, offset);
      assert.equal(request.frame.data.sha256, sha256(bytes));
      await peer.reply(request, { code: "checksum_mismatch" });
    }
    await peer.idle();
  });
  await using it = await watched(peer.port);
  await assert.rejects(it.client.send(bytes), code("checksum_mismatch"));
});

Deno.test("fileSource() leaves the size open where the system makes the bytes up", {
  ignore: Deno.build.os !== "linux",
}, async () => {
  for (const path of ["/proc/version", "/sys/kernel/mm/transparent_hugepage/enabled"]) {
    const source = await fileSource(path).catch(() => undefined);
    assert.equal(source?.size, undefined);
    source?.close?.();
  }
  await using live = await Live.start();
  await using it = await watched(live.port);
  const { file } = await it.client.send(await fileSource("/proc/version"));
  assert.equal(file?.sha256, sha256(await Deno.readFile("/proc/version")));
});

Deno.test("a file replaced by another under its name is sent as it was opened", async () => {
  await using live = await Live.start();
  await using folder = await TempDir.make();
  const [path, other] = [folder.join("a"), folder.join("b")];
  await Deno.writeFile(path, pattern(3_000_000, 1));
  await Deno.writeFile(other, pattern(3_000_000, 2));
  await using it = await watched(live.port);
  const result = await it.client.send(
    await touchedFile(path, 3, () => Deno.renameSync(other, path)),
  );
  assert.equal(result.file?.sha256, sha256(pattern(3_000_000, 1)));
});

Deno.test("an ok that says another size or digest, or of no file, confirms nothing (S-TRF-5)", async () => {
  const bytes = pattern(600);
  const right = { path: "received_1.bin", size: 600, sha256: sha256(bytes), mime_type: "a/b" };
  const said = [
    { file: { ...right, size: 1 } },
    { file: { ...right, sha256: "0".repeat(64) } },
    {},
  ];
  for (const file of said) {
    await using peer = new ScriptedPeer(async (peer) => {
      await peer.session();
      await peer.reply(await peer.transfer(), { code: "ok", ...file });
      await peer.idle();
    });
    await using it = await watched(peer.port);
    await assert.rejects(it.client.send(bytes), code("checksum_mismatch"));
  }
});
