/** The name of the index's file, and what stands under it. @module */
import { FxferError } from "../errors.ts";
import { unlessAbsent } from "./io_errors.ts";

/** The name of the index's file in the state folder. */
export const INDEX = ".index.db";

/** Makes the file with the mode of the storage's other files, which SQLite gives to those beside it, too. */
export function makeFile(path: string): void {
  try {
    // A link must not be followed, and a FIFO would be waited for.
    if (!Deno.lstatSync(path).isFile) {
      throw new FxferError("local_io", `Cannot use index: ${INDEX} is no regular file`);
    }
  } catch (error) {
    unlessAbsent(error);
    try {
      Deno.openSync(path, { write: true, createNew: true, mode: 0o640 }).close();
    } catch (error) {
      if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
    }
  }
}

/**
 * Gives what is under the path another name, and removes what SQLite keeps beside it. False if that fails.
 *
 * The file goes last: as soon as its name is free, another process makes a new one, with its own files beside it.
 */
export function setAside(path: string): boolean {
  try {
    for (const beside of ["-wal", "-shm", "-journal"]) {
      try {
        Deno.removeSync(path + beside);
      } catch (error) {
        unlessAbsent(error);
      }
    }
    Deno.renameSync(path, `${path}.bad`);
    return true;
  } catch {
    return false;
  }
}

/** Which file a name stands for at this moment; empty for none. */
export function identityOf(path: string): string {
  try {
    const { dev, ino } = Deno.lstatSync(path);
    return `${dev}:${ino}`;
  } catch {
    return "";
  }
}
