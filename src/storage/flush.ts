/** Flushing to the disk. It is one object, so that a test can put one that fails in its place. @module */
import type { Durability } from "./types.ts";

/** How files, folders and the manifest are flushed to the disk.
 * @category Storage */
export interface Flush {
  /** Flushes a file's contents as the level asks; level `process` asks for nothing. */
  contents(file: Deno.FsFile, level: Durability): Promise<void>;
  /** Flushes a folder's entries. The folder is opened for reading, which takes tier RW. */
  folder(path: string): Promise<void>;
  /** Flushes the manifest. */
  manifest(manifest: { sync(): Promise<void> }): Promise<void>;
}

/** Flushes by the calls of the operating system. */
export const systemFlush: Flush = {
  async contents(file, level) {
    if (level === "data") await file.syncData();
    else if (level === "durable") await file.sync();
  },
  async folder(path) {
    // Windows writes a folder's entry together with the file, and cannot open folders.
    if (Deno.build.os === "windows") return;
    using handle = await Deno.open(path, { read: true });
    await handle.sync();
  },
  manifest: (manifest) => manifest.sync(),
};
