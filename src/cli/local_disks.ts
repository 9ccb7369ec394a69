/**
 * Which disks answer at once. There, a call that blocks takes a few microseconds, and one that is waited for
 * several times as many; elsewhere a call that blocks may stop the program for as long as a network is gone.
 *
 * @module
 */

/** File systems of no single disk that are no network's and no other program's, by Linux's names for them. */
const LOCAL: ReadonlySet<string> = new Set(["tmpfs", "overlay", "btrfs", "zfs"]);

/** Where Linux says what is mounted. */
const MOUNTS = "/proc/self/mountinfo";

/** Knows which folders are on a disk of this machine. */
export class LocalDisks {
  /** By the number that the system has for the disk. */
  readonly #known = new Map<number, boolean>();

  /** Whether calls for files in a folder may block. Never rejects; false where it cannot be known. */
  async has(folder: string): Promise<boolean> {
    try {
      const { dev } = await Deno.stat(folder);
      const known = this.#known.get(dev) ?? await isLocal(dev);
      this.#known.set(dev, known);
      return known;
    } catch {
      return false;
    }
  }
}

/** What a disk is, without `statfs`: to load node:fs for that would take more than a small folder gains. */
async function isLocal(dev: number): Promise<boolean> {
  if (Deno.build.os !== "linux") return false;
  const [major, minor] = [Math.floor(dev / 256) % 4096, dev % 256];
  // What is on a disk has the number of its driver.
  if (major !== 0) return true;
  // The number of a mount, and behind a hyphen its kind.
  const mount = new RegExp(`^\\S+ \\S+ 0:${minor} .* - (\\S+) `, "m");
  const { state } = await Deno.permissions.query({ name: "read", path: MOUNTS });
  const found = state === "granted" ? mount.exec(await Deno.readTextFile(MOUNTS)) : undefined;
  return LOCAL.has(found?.[1] ?? "");
}
