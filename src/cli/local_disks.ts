/**
 * Which disks answer at once. There, a call that blocks takes a few microseconds, and one that is waited for
 * several times as many; elsewhere a call that blocks may stop the program for as long as a network is gone.
 *
 * @module
 */

/** File systems that are no network's and no other program's, by the numbers that Linux has for them. */
const LOCAL: ReadonlySet<number> = new Set([
  0xef53, // ext2, ext3, ext4
  0x58465342, // XFS
  0x9123683e, // Btrfs
  0x2fc12fc1, // ZFS
  0xf2f52010, // F2FS
  0x01021994, // tmpfs
  0x794c7630, // overlayfs
]);

/** A disk that takes longer for one file is not blocked on for the files that follow, in milliseconds. */
const SLOW_MS = 5;

/** So many files are waited for then, many at a time, before a call blocks again. */
const PATIENT_FILES = 64;

/** Knows which folders are on a disk of this machine. */
export class LocalDisks {
  /** By the number that the system has for the disk. */
  readonly #known = new Map<number, boolean>();
  #statfs: ((path: string) => Promise<{ readonly type: number }>) | undefined;

  /** Whether calls for files in a folder may block. Never rejects; false where it cannot be known. */
  async has(folder: string): Promise<boolean> {
    try {
      const { dev } = await Deno.stat(folder);
      const known = this.#known.get(dev) ?? LOCAL.has((await this.#ask(folder)).type);
      this.#known.set(dev, known);
      return known;
    } catch {
      return false;
    }
  }

  async #ask(folder: string): Promise<{ readonly type: number }> {
    // The name of this permission is newer than the types of Deno.
    const sys = { name: "sys", kind: "statfs" as unknown as "osRelease" } as const;
    const { state } = await Deno.permissions.query(sys);
    if (Deno.build.os !== "linux" || state !== "granted") return { type: 0 };
    this.#statfs ??= (await import("node:fs/promises")).statfs;
    return await this.#statfs(folder);
  }
}

/** Blocks for one file after the other, as long as the disk is quick. */
export class Patience {
  #left = 0;

  /** What `work` returns; undefined if the disk was slow lately, and `work` was not called. */
  unlessSlow<T>(work: () => T): T | undefined {
    if (this.#left > 0) {
      this.#left--;
      return undefined;
    }
    const began = performance.now();
    try {
      return work();
    } finally {
      if (performance.now() - began > SLOW_MS) this.#left = PATIENT_FILES;
    }
  }
}
