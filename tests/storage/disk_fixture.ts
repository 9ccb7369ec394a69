/** A DiskStorage in a temporary folder, for the suite and for the tests of the disk itself. @module */
import assert from "node:assert/strict";
import { DiskStorage, type DiskStorageOptions } from "../../src/storage/mod.ts";
import { verifyFolder } from "../../src/storage/verify.ts";
import { listFiles, listStored, readManifest } from "../helpers/files.ts";
import { TempDir } from "../helpers/temp.ts";
import type { StorageFixture } from "../storage_suite.ts";

/** A fixture whose storage is a {@linkcode DiskStorage}. */
export interface DiskFixture extends StorageFixture {
  readonly storage: DiskStorage;
  readonly folder: string;
  lines(): Promise<Record<string, unknown>[]>;
  restart(): Promise<DiskStorage>;
}

/** Opens a storage in a fresh folder. */
export async function diskFixture(options: DiskStorageOptions): Promise<DiskFixture> {
  const parent = await TempDir.make();
  const folder = parent.join("storage");
  const opened = [await DiskStorage.open(folder, options)];
  return {
    folder,
    storage: opened[0]!,
    read: (path) => Deno.readFile(`${folder}/${path}`),
    files: async () =>
      (await listFiles(folder)).filter((path) =>
        !/^(commits\.jsonl$|\.claims\/|\.index\.)/.test(path)
      ),
    lines: () => readManifest(folder),
    async another() {
      const other = await DiskStorage.open(folder, options);
      opened.push(other);
      return other;
    },
    async restart() {
      for (const storage of opened) await storage[Symbol.asyncDispose]();
      const fresh = await DiskStorage.open(folder, options);
      opened.push(fresh);
      return fresh;
    },
    async [Symbol.asyncDispose]() {
      for (const storage of opened) await storage[Symbol.asyncDispose]();
      await parent[Symbol.asyncDispose]();
    },
  };
}

/** Every stored file has one line, every line a file, and nothing is left in the middle. */
export async function assertConsistent(folder: string, count: number): Promise<void> {
  const lines = await readManifest(folder);
  const paths = lines.map(({ path }) => path).sort();
  assert.deepEqual(paths, await listStored(folder));
  assert.equal(paths.length, count);
  for await (const { verdict, path } of verifyFolder(folder)) {
    assert.ok(verdict === "ok" || path?.startsWith(".incoming/"), `${verdict} ${path}`);
  }
}
