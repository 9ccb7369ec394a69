/** A digest that was computed before the storage got the bytes. @module */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { FxferError } from "../../src/errors.ts";
import { ComputedDigest, DiskStorage } from "../../src/storage/mod.ts";
import { TempDir } from "../helpers/temp.ts";

const spec = { mimeType: "text/plain", reserve: 0 };
const bytes = new TextEncoder().encode("hello");
const other = new TextEncoder().encode("jello");
const sha256 = (of: Uint8Array) => createHash("sha256").update(of).digest("hex");

Deno.test("ComputedDigest is of the bytes it was computed from, and of no others", () => {
  const digest = new ComputedDigest(bytes);
  assert.equal(digest.of(bytes), sha256(bytes));
  assert.equal(digest.of(other), undefined);
  assert.equal(digest.of(bytes.subarray()), undefined);
});

for (const naming of ["simple", "original"] as const) {
  for (const size of [5, 65_536, 2_000_000]) {
    Deno.test(`put with a digest stores what one without stores: ${size} bytes, names ${naming}`, async () => {
      await using dir = await TempDir.make();
      await using storage = await DiskStorage.open(dir.path, { naming });
      const file = crypto.getRandomValues(new Uint8Array(Math.min(size, 65_536)));
      const all = new Uint8Array(size);
      for (let at = 0; at < size; at += file.length) all.set(file.subarray(0, size - at), at);
      for (const crowded of [false, true]) {
        const named = { ...spec, name: `file ${crowded}.bin` };
        const put = (digest: ComputedDigest) => storage.put(named, all, crowded, undefined, digest);
        const stored = await put(new ComputedDigest(all));
        assert.equal(stored.sha256, sha256(all));
        const content = await Deno.readFile(dir.join(stored.path));
        assert.equal(sha256(content), stored.sha256);
        // A digest of other bytes counts for nothing.
        assert.equal((await put(new ComputedDigest(other))).sha256, sha256(all));
        await assert.rejects(
          async () =>
            await storage.put(
              { ...named, sha256: sha256(other) },
              all,
              crowded,
              undefined,
              new ComputedDigest(all),
            ),
          (error: unknown) => error instanceof FxferError && error.code === "checksum_mismatch",
        );
      }
    });
  }
}

Deno.test("Upload.write() with a digest takes the whole file, and nothing after it", async () => {
  await using dir = await TempDir.make();
  await using storage = await DiskStorage.open(dir.path);
  const upload = await storage.begin(spec);
  await upload.write(bytes, new ComputedDigest(bytes));
  await assert.rejects(async () => await upload.write(other), TypeError);
  assert.equal((await upload.seal()).sha256, sha256(bytes));
  await upload.discard();
  const parts = await storage.begin(spec);
  await parts.write(bytes);
  await parts.write(other, new ComputedDigest(other)); // not the first: the digest of all is computed
  const both = new Uint8Array([...bytes, ...other]);
  assert.equal((await parts.seal()).sha256, sha256(both));
  await parts.discard();
});
