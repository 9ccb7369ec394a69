/** What one process believes of a folder, when another process has changed it meanwhile. @module */
import assert from "node:assert/strict";
import type { DiskParts } from "../../src/storage/disk_parts.ts";
import { closeParts, type DiskStorageOptions, openParts } from "../../src/storage/open.ts";
import { putNow } from "../../src/storage/put.ts";
import type { StoredFile } from "../../src/storage/types.ts";
import { TempDir } from "../helpers/temp.ts";

const idOf = (n: number) => `6f9619ff-8b86-4d01-b42d-${String(n).padStart(12, "0")}`;

/** Opens a folder as one more process. */
async function open(
  { path }: TempDir,
  options: DiskStorageOptions = {},
): Promise<DiskParts & AsyncDisposable> {
  const parts = await openParts(path, options);
  return { ...parts, [Symbol.asyncDispose]: () => closeParts(parts) };
}

/** Stores a small file under the id of a number; without one, a file that has no id. */
async function put(parts: DiskParts, n?: number): Promise<StoredFile> {
  const spec = {
    mimeType: "text/plain",
    reserve: 0,
    ...(n !== undefined && { uploadId: idOf(n) }),
  };
  return await putNow(parts, spec, new Uint8Array([n ?? 0]));
}

/** Moves the manifest away, as a rotation does. */
async function rotate(dir: TempDir, to = "commits.1.jsonl"): Promise<void> {
  await Deno.rename(dir.join("commits.jsonl"), dir.join(to));
}

Deno.test("S-TRF-11 a process that has not seen a rotation leaves the index of the new manifest alone", async () => {
  await using dir = await TempDir.make();
  await using slow = await open(dir);
  await using quick = await open(dir);
  await put(slow, 1);
  slow.manifest.check();
  await rotate(dir);
  const stored = await put(quick, 2);
  await quick.reading!.known.listed(); // from now on the id stands in the index only
  await slow.reading!.known.write();
  assert.deepEqual(await put(quick, 2), { ...stored, replayed: true });
});
