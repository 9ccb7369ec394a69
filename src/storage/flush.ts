/**
 * Flushing to the disk, in one place, so that a test can make it fail.
 *
 * @module
 */
import type { Durability } from "./types.ts";

/** How contents and folders reach the disk. */
export interface Flush {
  /** Flushes a file's contents as the level asks; nothing for `process`. */
  contents(file: Deno.FsFile, level: Durability): Promise<void>;
  /** Flushes a folder's entries (tier RW: it takes a handle for reading). */
  folder(path: string): Promise<void>;
  /** Flushes the manifest. */
  manifest(manifest: { sync(): Promise<void> }): Promise<void>;
}

/** The system's own flushing. */
export const systemFlush: Flush = {
  async contents(file, level) {
    if (level === "data") await file.syncData();
    else if (level === "durable") await file.sync();
  },
  async folder(path) {
    // Windows keeps entries with the file and opens no folders.
    if (Deno.build.os === "windows") return;
    using handle = await Deno.open(path, { read: true });
    await handle.sync();
  },
  manifest: (manifest) => manifest.sync(),
};
