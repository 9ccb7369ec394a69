/** The digest of an outgoing file, before and after what hashes without waiting is loaded. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { canHash, FileDigest, loadHashing } from "../../src/client/file_digest.ts";

const pure = { permissions: "none" } as const;

const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

/** Bytes of which no two prefixes are alike. */
const some = (length: number) => Uint8Array.from({ length }, (_, at) => at % 251);

// The first test: the others load it.
Deno.test(
  "a few whole files are hashed without loading node:crypto, many load it",
  pure,
  async () => {
    assert.equal(canHash(), false);
    for (let length = 0; length < 16; length++) {
      const digest = new FileDigest();
      await digest.addWhole(some(length));
      assert.deepEqual([digest.hex(), digest.length], [sha256(some(length)), length]);
    }
    assert.equal(canHash(), false);
    const digest = new FileDigest();
    await digest.addWhole(some(1000));
    assert.deepEqual([digest.hex(), digest.length], [sha256(some(1000)), 1000]);
    assert.equal(canHash(), true);
  },
);

Deno.test("no bytes have a digest, bytes in shared memory too", pure, async () => {
  assert.equal(new FileDigest().hex(), sha256(some(0)));
  const shared = new Uint8Array(new SharedArrayBuffer(5));
  shared.set(some(5));
  const digest = new FileDigest();
  await digest.addWhole(shared);
  assert.equal(digest.hex(), sha256(some(5)));
});

Deno.test("what is hashed already is not hashed again", pure, async () => {
  await loadHashing();
  const digest = new FileDigest();
  digest.update(some(10), 0);
  digest.update(some(30).subarray(5, 20), 5);
  await digest.addWhole(some(30));
  digest.update(some(10), 0);
  assert.deepEqual([digest.hex(), digest.length], [sha256(some(30)), 30]);
});
