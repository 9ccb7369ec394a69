/** A commit that stands still, or fails, while another connection takes its session over. @module */
import assert from "node:assert/strict";
import type { DiskStorage, FileStorage, Flush, PartialFile } from "../../src/storage/mod.ts";
import { MemorySessionStore } from "../../src/store/mod.ts";
import { readManifest } from "../helpers/files.ts";
import { hasten } from "../helpers/hastened.ts";
import { expectCode, InProcess } from "../helpers/in_process.ts";
import { Random } from "../helpers/random.ts";
import { until } from "../helpers/serving.ts";

/** How long a newcomer waits for the one who holds its session, by src/handler/takeover.ts. */
const RELEASE_MS = 2000;

/** The disk, with a `put` that stands still before it publishes, the first time. */
function standingStill(disk: DiskStorage, go: Promise<void>): FileStorage {
  let once = true;
  return new Proxy(disk, {
    get(target, key) {
      const value = Reflect.get(target, key);
      if (key !== "put" || !once) return typeof value === "function" ? value.bind(target) : value;
      return async (...args: Parameters<FileStorage["put"]>) => {
        once = false;
        await go;
        return await disk.put(...args);
      };
    },
  });
}

Deno.test("S-TAKE-2 a holder that was displaced while storage stood still publishes nothing", async () => {
  using _sooner = hasten(RELEASE_MS, 200);
  const { promise, resolve } = Promise.withResolvers<void>();
  const storage = (disk: DiskStorage) => standingStill(disk, promise);
  await using run = await InProcess.start({ store: new MemorySessionStore(), storage });
  using old = await run.attached();
  await old.send(old.transfer("one file"));
  using fresh = await run.attached({}, old.id);
  expectCode(await fresh.upload("one file"), "ok");
  resolve();
  const notice = expectCode(await old.reply(), "session_taken_over");
  assert.equal(notice.notice, true);
  await run.assertStored(new TextEncoder().encode("one file"));
});

Deno.test("S-CON-2 a file that takes long to open again keeps the next frame waiting, and no connect", async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const storage = (disk: DiskStorage): FileStorage =>
    new Proxy(disk, {
      get(target, key) {
        const value = Reflect.get(target, key);
        if (key !== "partials") return typeof value === "function" ? value.bind(target) : value;
        const reopen = async (partial: PartialFile) => {
          await promise;
          return await disk.partials!.reopen({ ...partial, contended: true });
        };
        return { ...disk.partials, reopen };
      },
    });
  await using run = await InProcess.start({ storage });
  using old = await run.attached();
  expectCode(await old.upload("one ", { complete: false }), "partial");
  old.close();
  await run.restart();
  using fresh = await run.open();
  const start = performance.now();
  const { upload } = expectCode(await fresh.connect({}, old.id), "session_resumed");
  assert.ok(performance.now() - start < 2000);
  assert.equal(upload.offset, 4);
  await fresh.send(fresh.transfer("file", { offset: 4, length: 8 }));
  resolve();
  expectCode(await fresh.reply(), "ok");
  await run.assertStored(new TextEncoder().encode("one file"));
});

for (const outcome of ["fails", "ends"] as const) {
  Deno.test(`S-SEQ-5 a flush that hangs and then ${outcome} changes nothing of what a newcomer was told`, async () => {
    using _sooner = hasten(RELEASE_MS, 200);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    promise.catch(() => {});
    const flush: Flush = {
      contents: () => Promise.resolve(),
      folder: (path) => path.includes("session_") ? promise : Promise.resolve(),
      manifest: () => Promise.resolve(),
    };
    await using run = await InProcess.start({
      store: new MemorySessionStore(),
      disk: { durability: "durable", flush },
    });
    using old = await run.attached();
    await old.send(old.transfer("one file"));
    using fresh = await run.attached({}, old.id);
    const { file } = expectCode(
      await fresh.upload("one file", {}, { sequence: 1 }),
      "ok",
    );
    if (outcome === "fails") reject(new Error("EIO"));
    else resolve();
    expectCode(await old.reply(), "session_taken_over");
    assert.deepEqual((await readManifest(run.folder)).map(({ path }) => path), [file.path]);
    await run.assertStored(new TextEncoder().encode("one file"));
  });
}

Deno.test("S-SEQ-5 a flush that fails leaves the file and its intent, and the same frame ends them", async () => {
  let failing = true;
  const flush: Flush = {
    contents: () => Promise.resolve(),
    folder: (path) =>
      failing && path.includes("session_") ? Promise.reject(new Error("EIO")) : Promise.resolve(),
    manifest: () => Promise.resolve(),
  };
  await using run = await InProcess.start({ disk: { durability: "durable", flush } });
  run.errorsExpected = true;
  using peer = await run.attached();
  expectCode(await peer.upload("one file", {}, { sequence: 1 }), "internal_error");
  const { intent, lastSequence } = await run.record(peer.id);
  assert.equal(lastSequence, 0, "S-SEQ-7: a failure leaves the number free");
  assert.ok(intent !== null);
  failing = false;
  const { file } = expectCode(await peer.upload("one file", {}, { sequence: 1 }), "ok");
  assert.equal(file.path, intent.finalPath);
  await run.assertStored(new TextEncoder().encode("one file"));
});

for (const size of [4_000_000, 120_000, 3000]) {
  Deno.test(`S-TRF-4 of ${size} bytes whose sender pauses, all that came is saved within 1.5 s`, async () => {
    await using run = await InProcess.start();
    using peer = await run.attached();
    const frame = peer.transfer(new Random(size).bytes(size), { length: size });
    await peer.send(frame.subarray(0, frame.length - 1000));
    const saved = async () => (await run.record(peer.id)).upload?.offset === size - 1000;
    await until(saved, "all that came is saved", 1500);
    await peer.send(frame.subarray(frame.length - 1000));
    expectCode(await peer.reply(), "ok");
    await run.assertStored(new Random(size).bytes(size));
  });
}

Deno.test("S-CLK-4 a payload that stands still keeps its session's lease", async () => {
  await using run = await InProcess.start();
  using peer = await run.attached({ keepalive_s: 2 });
  const frame = peer.transfer(new Uint8Array(500_000));
  await peer.send(frame.subarray(0, 300_000));
  const { leaseUntil } = await run.record(peer.id);
  const renewed = async () => (await run.record(peer.id)).leaseUntil > leaseUntil + 1000;
  await until(renewed, "a lease that was renewed", 4300);
});

Deno.test("S-TRF-4 an open file that somebody removes is told once; then its frame runs", async () => {
  await using run = await InProcess.start();
  run.errorsExpected = true;
  using peer = await run.attached();
  const payload = new Random(9).bytes(3_000_000);
  const frame = peer.transfer(payload, { length: payload.length });
  await peer.send(frame.subarray(0, 2_000_000));
  await run.receiving();
  const incoming = `${run.folder}/.incoming`;
  for await (const { name } of Deno.readDir(incoming)) await Deno.remove(`${incoming}/${name}`);
  await peer.send(frame.subarray(2_000_000));
  expectCode(await peer.reply(), "internal_error");
  expectCode(await peer.upload(payload, { length: payload.length }, { sequence: 1 }), "ok");
  await run.assertStored(payload);
});

Deno.test("S-NOT-1 a displaced connection is told so while a refused payload is read away", async () => {
  await using run = await InProcess.start();
  using old = await run.attached();
  const frame = old.transfer(new Uint8Array(500_000), { offset: 7, length: 500_007 });
  await old.send(frame.subarray(0, 200_000));
  expectCode(await old.reply(), "offset_mismatch");
  using _fresh = await run.attached({}, old.id);
  const notice = expectCode(await old.reply(), "session_taken_over");
  assert.equal(notice.notice, true);
});

Deno.test("S-SEQ-8 an empty frame at the file's end repeats it", async () => {
  await using run = await InProcess.start();
  using peer = await run.attached();
  const data = { length: 8, upload_id: crypto.randomUUID() };
  const { file } = expectCode(await peer.upload("one file", data, { sequence: 1 }), "ok");
  const again = await peer.upload("", { ...data, offset: 8 }, { sequence: 1 });
  assert.deepEqual(expectCode(again, "ok").file, file);
});
