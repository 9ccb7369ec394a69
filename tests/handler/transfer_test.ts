import assert from "node:assert/strict";
import { FxferError } from "../../src/errors.ts";
import type { DiskStorage, FileSpec, FileStorage, Upload } from "../../src/storage/mod.ts";
import { sha256 } from "../helpers/files.ts";
import { expectCode, InProcess } from "../helpers/in_process.ts";
import { Random } from "../helpers/random.ts";
import { concat, utf8 } from "../helpers/raw_frame.ts";

Deno.test("S-TRF-2 a file in parts, its length told first, last or never", async () => {
  await using run = await InProcess.start({ maxRequestSize: 100_000 });
  const random = new Random(7);
  const files: Uint8Array[] = [];
  for (const told of ["first", "last", "never"]) {
    const parts = [70_000, 0, 100_000, 1].map((size) => random.bytes(size));
    const whole = concat(...parts);
    files.push(whole);
    using peer = await run.attached();
    let offset = 0;
    for (const [i, part] of parts.entries()) {
      const last = i === parts.length - 1;
      const tell = (told === "first" && i === 0) || (told === "last" && last);
      const reply = await peer.upload(part, {
        offset,
        complete: last,
        name: "parts",
        ...(tell && { length: whole.length }),
        ...(last && { sha256: sha256(whole) }),
      });
      offset += part.length;
      const data = expectCode(reply, last ? "ok" : "partial");
      if (last) assert.equal(data.file.sha256, sha256(whole));
      else assert.equal(data.offset, offset);
    }
    const { messageCount, filesTransferred } = await run.record(peer.id);
    assert.deepEqual([messageCount, filesTransferred], [4, 1]);
  }
  await run.assertStored(...files);
});

Deno.test("S-TRF-1 another offset than the durable one writes nothing", async () => {
  await using run = await InProcess.start();
  using peer = await run.attached();
  const upload_id = crypto.randomUUID();
  expectCode(await peer.upload("abc", { complete: false, upload_id }), "partial");
  for (const data of [{ offset: 2 }, { offset: 4 }, { offset: 0 }]) {
    const reply = await peer.upload("def", { ...data, upload_id }, { sequence: 2 });
    assert.equal(expectCode(reply, "offset_mismatch").offset, 3);
  }
  const other = await peer.upload("def", { offset: 3, upload_id: crypto.randomUUID() }, {
    sequence: 2,
  });
  assert.equal(expectCode(other, "offset_mismatch").upload_id, upload_id);
  expectCode(await peer.upload("def", { offset: 3, upload_id }, { sequence: 2 }), "ok");
  await run.assertStored(utf8("abcdef"));
});

Deno.test("S-TRF-2 a length that changes, or does not fit, is refused before the payload", async () => {
  await using run = await InProcess.start();
  using peer = await run.attached();
  expectCode(await peer.upload("abc", { complete: false, length: 6 }), "partial");
  const wrong = [
    ["def", { length: 7 }],
    ["defg", {}],
    ["de", {}],
    ["defg", { complete: false }],
  ] as const;
  for (const [payload, data] of wrong) {
    const reply = await peer.upload(payload, { offset: 3, ...data }, { sequence: 2 });
    assert.equal(expectCode(reply, "length_mismatch").length, 6);
  }
  expectCode(await peer.upload("def", { offset: 3 }, { sequence: 2 }), "ok");
});

Deno.test("cancel drops the partial file and uses up a sequence", async () => {
  await using run = await InProcess.start();
  using peer = await run.attached();
  expectCode(await peer.upload("abc", { complete: false }), "partial");
  assert.equal(expectCode(await peer.upload("", { cancel: true }), "partial").cancelled, true);
  expectCode(await peer.upload("", { cancel: true }, { sequence: 2 }), "partial");
  expectCode(await peer.upload("new file"), "ok");
  await run.assertStored(utf8("new file"));
  assert.deepEqual(Array.from(Deno.readDirSync(`${run.folder}/.incoming`)), []);
});

Deno.test("max_upload_size and the session's quota hold for the sum of the parts", async () => {
  await using run = await InProcess.start({
    stateful: { maxUploadSize: 10, sessionQuota: 15 },
  });
  using peer = await run.attached();
  expectCode(await peer.upload("12345678", { complete: false }), "partial");
  const over = await peer.upload("901", { offset: 8 }, { sequence: 2 });
  assert.equal(expectCode(over, "too_large").limit, 10);
  expectCode(await peer.upload("90", { offset: 8 }, { sequence: 2 }), "ok");
  expectCode(await peer.upload("123456", {}, { sequence: 3 }), "quota_exceeded");
  expectCode(await peer.upload("12345", {}, { sequence: 3 }), "ok");
});

Deno.test("S-TRF-3 of three uploads that declare 60 % of the budget one is admitted", async () => {
  await using run = await InProcess.start({ disk: { budget: 1_000_000 } });
  const payload = new Random(60).bytes(600_000);
  const codes: string[] = [];
  using a = await run.attached();
  using b = await run.attached();
  using c = await run.attached();
  for (const peer of [a, b, c]) {
    const bytes = peer.transfer(payload);
    await peer.send(bytes.subarray(0, bytes.length - 1));
  }
  // Two are refused while they still send; the one admitted waits for its last byte.
  for (const peer of [a, b, c]) {
    await peer.send(payload.subarray(-1));
    codes.push((await peer.reply()).data.code);
  }
  assert.deepEqual(codes.sort(), ["ok", "storage_full", "storage_full"]);
  await run.assertStored(payload);
});

/** A storage one of whose calls fails when told to. */
class FaultyStorage implements FileStorage {
  /** How many bytes the next files take before a write fails. */
  room = Infinity;
  /** The next call of this kind fails. */
  failing: "checkpoint" | "seal" | "publish" | undefined;

  constructor(readonly inner: DiskStorage) {}
  get label() {
    return this.inner.label;
  }
  get partials() {
    return this.inner.partials;
  }
  get recover() {
    return this.inner.recover;
  }
  get durability() {
    return this.inner.durability;
  }
  put = (...args: Parameters<FileStorage["put"]>) => this.inner.put(...args);
  find = (uploadId: string) => this.inner.find(uploadId);
  check = () => this.inner.check();
  [Symbol.asyncDispose] = () => this.inner[Symbol.asyncDispose]();

  async begin(spec: FileSpec): Promise<Upload> {
    const upload = await this.inner.begin(spec);
    let failure: FxferError | undefined;
    const fail = (code: "storage_full" | "internal_error", final: boolean) => {
      const error = new FxferError(code, "Cannot use storage: the test has broken it");
      if (final) failure = error;
      throw error;
    };
    return new Proxy(upload, {
      get: (target, key) => {
        const value = Reflect.get(target, key);
        if (typeof value !== "function") return value;
        return async (...args: unknown[]) => {
          if (failure !== undefined && key !== "discard" && key !== "release") throw failure;
          if (key === this.failing) {
            this.failing = undefined;
            fail("internal_error", key !== "publish");
          }
          if (key === "write" && target.offset + (args[0] as Uint8Array).length > this.room) {
            fail("storage_full", true);
          }
          return await value.apply(target, args);
        };
      },
    });
  }
}

for (const failing of ["write", "checkpoint", "seal", "publish"] as const) {
  Deno.test(`S-TRF-7 no ok and no second file when storage fails at ${failing}`, async () => {
    let faulty!: FaultyStorage;
    await using run = await InProcess.start({
      storage: (disk) => faulty = new FaultyStorage(disk),
    });
    run.errorsExpected = true;
    using peer = await run.attached();
    const payload = new Random(11).bytes(400_000);
    if (failing === "write") faulty.room = 200_000;
    else faulty.failing = failing;
    const data = { complete: failing !== "checkpoint" };
    const code = failing === "write" ? "storage_full" : "internal_error";
    expectCode(await peer.upload(payload, data), code);
    await run.assertStored();
    using other = await run.attached();
    expectCode(await other.upload("others go on"), "ok");

    faulty.room = Infinity;
    const again = await peer.upload(payload, data, { sequence: 1 });
    expectCode(again, data.complete ? "ok" : "partial");
    if (!data.complete) expectCode(await peer.upload("", { offset: payload.length }), "ok");
    await run.assertStored(payload, utf8("others go on"));
    assert.equal((await run.record(peer.id)).filesTransferred, 1);
  });
}

for (const failing of ["write", "checkpoint", "seal"] as const) {
  for (const where of ["the same connection", "the next one"]) {
    const title = `S-TRF-10 after a failing ${failing} a file goes on from its offset, in ${where}`;
    Deno.test(title, async () => {
      let faulty!: FaultyStorage;
      await using run = await InProcess.start({
        storage: (disk) => faulty = new FaultyStorage(disk),
      });
      run.errorsExpected = true;
      using peer = await run.attached();
      const payload = new Random(12).bytes(700_000);
      const data = { length: payload.length, name: "n" };
      const first = await peer.upload(payload.subarray(0, 300_000), { ...data, complete: false });
      expectCode(first, "partial");
      if (failing === "write") faulty.room = 500_000;
      else faulty.failing = failing;
      const rest = { ...data, offset: 300_000, complete: failing !== "checkpoint" };
      const failed = await peer.upload(payload.subarray(300_000), rest);
      expectCode(failed, failing === "write" ? "storage_full" : "internal_error");
      assert.equal(failed.data.offset, 300_000);
      const { upload, lastSequence } = await run.record(peer.id);
      assert.deepEqual([upload?.offset, lastSequence], [300_000, 1], "the number is free");

      using next = where === "the same connection" ? peer : await run.open();
      if (next !== peer) {
        const resumed = await next.connect({}, peer.id);
        assert.deepEqual([resumed.data.next_sequence, resumed.data.upload.offset], [2, 300_000]);
      }
      // The offset neither goes down nor up by what was written before the failure.
      const wrong = await next.upload("x", { ...data, offset: 300_001 }, { sequence: 2 });
      assert.deepEqual([wrong.data.code, wrong.data.offset], ["offset_mismatch", 300_000]);
      const again = { ...data, offset: 300_000 };
      expectCode(await next.upload(payload.subarray(300_000), again, { sequence: 2 }), "ok");
      await run.assertStored(payload);
    });
  }
}
