import assert from "node:assert/strict";
import { FetchCall } from "../../src/client/fetch_call.ts";
import { canHash } from "../../src/client/file_digest.ts";
import { bytesSource } from "../../src/client/source.ts";
import { pure } from "../helpers/pure.ts";

// Alone in its file: whatever else is fetched loads what hashes.
pure("a fetch of no bytes that begins behind others hashes these", async () => {
  assert.equal(canHash(), false);
  const before = bytesSource(new Uint8Array(10));
  const call = new FetchCall({ path: "a" }, () => {}, { length: 0, before });
  call.result.catch(() => {});
  await call.prepare();
  assert.deepEqual([call.decided, call.data.offset], [false, 10]);
});
