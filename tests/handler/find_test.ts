/** Storages whose `find` waits: the answers are those of one that does not (S-TRF-9). @module */
import assert from "node:assert/strict";
import type { DiskStorage, FileStorage } from "../../src/storage/mod.ts";
import { sha256 } from "../helpers/files.ts";
import { expectCode, InProcess } from "../helpers/in_process.ts";
import { utf8 } from "../helpers/raw_frame.ts";

/** A disk whose `find` answers later, as that of a database would. */
function findingLater(disk: DiskStorage): FileStorage {
  return new Proxy<FileStorage>(disk, {
    get(_, name) {
      const value = Reflect.get(disk, name);
      if (name === "find") {
        return (uploadId: string) =>
          new Promise((resolve) => setTimeout(() => resolve(disk.find(uploadId)), 1));
      }
      return typeof value === "function" ? value.bind(disk) : value;
    },
  });
}

Deno.test("S-TRF-9 a find() that waits answers a repeated upload in both modes", async () => {
  await using run = await InProcess.start({ storage: findingLater });
  const bytes = utf8("once");
  const data = { upload_id: "6f9619ff-8b86-4d01-b42d-000000000001", sha256: sha256(bytes) };
  using first = await run.open();
  const { file } = expectCode(await first.stateless(bytes, data), "ok");
  using again = await run.open();
  const repeated = expectCode(await again.stateless(bytes, data), "ok");
  assert.deepEqual([repeated.replayed, repeated.file], [true, file]);

  using session = await run.attached();
  const inSession = expectCode(await session.upload(bytes, data), "ok");
  assert.deepEqual([inSession.replayed, inSession.file], [true, file]);
  // Without a digest only the bytes tell: the file is sealed, then found.
  const { upload_id } = data;
  const parts = { upload_id, length: bytes.length };
  expectCode(await session.upload(bytes.subarray(0, 2), { ...parts, complete: false }), "partial");
  const sealed = expectCode(await session.upload(bytes.subarray(2), { ...parts, offset: 2 }), "ok");
  assert.deepEqual([sealed.replayed, sealed.file], [true, file]);
  const other = { upload_id, sha256: sha256(utf8("other")) };
  expectCode(await session.upload("other", other), "sequence_reuse");
  await run.assertStored(bytes);
});
