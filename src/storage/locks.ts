/**
 * Locks of open files, by which processes that share the folder learn of each other. A lock ends with its
 * handle, and with the process; a process that stands still keeps its locks.
 *
 * @module
 */

/** What Deno 2.6.8 does not have. */
type Tried = Deno.FsFile & { tryLockSync?(exclusive: boolean): boolean };

/**
 * Locks a file for one handle alone: false if another handle has a lock, undefined where the file system
 * has no locks, or Deno cannot try for one (2.6.8).
 */
export function tryLock(file: Deno.FsFile): boolean | undefined {
  try {
    return (file as Tried).tryLockSync?.(true);
  } catch {
    return undefined;
  }
}

/** Takes the lock that any number of handles may have at once, or gives the one of {@linkcode tryLock} up for it. */
export function share(file: Deno.FsFile): void {
  // Windows would keep everybody from writing.
  if (Deno.build.os === "windows") return;
  try {
    file.lockSync(false);
  } catch {
    // The file system has no locks. There tryLock does not say yes either.
  }
}
