/** Flushing to the disk, and how uploads that want to flush at the same time share one flush. @module */
import type { Durability } from "./types.ts";

/** How files, folders and the manifest are flushed; a test can put one that fails in the place of the disk's.
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

/**
 * Group commit: runs `flush` for a set of keys. A flush that serves a call always begins after the call,
 * so it covers everything that the caller wrote before. Calls that come while a flush runs share the next.
 */
export class GroupSync {
  readonly #flush: (keys: ReadonlySet<string>) => Promise<void>;
  /** Settles when the flush under way has ended; never rejects. */
  #running: Promise<void> | undefined;
  #next: { readonly keys: Set<string>; readonly done: Promise<void> } | undefined;

  /** @param flush Makes what the keys name durable. If it fails, every call that shares it fails. */
  constructor(flush: (keys: ReadonlySet<string>) => Promise<void>) {
    this.#flush = flush;
  }

  /** Settles when a flush that began after this call has ended. */
  sync(key: string): Promise<void> {
    if (this.#next !== undefined) {
      this.#next.keys.add(key);
      return this.#next.done;
    }
    const keys = new Set([key]);
    if (this.#running === undefined) return this.#run(keys);
    const done = this.#running.then(() => {
      this.#next = undefined;
      return this.#run(keys);
    });
    this.#next = { keys, done };
    return done;
  }

  #run(keys: ReadonlySet<string>): Promise<void> {
    const run = this.#flush(keys);
    const end = () => this.#running = undefined;
    // `sync` waits for this promise, so `#running` is undefined when it begins the next flush.
    this.#running = run.then(end, end);
    return run;
  }
}
