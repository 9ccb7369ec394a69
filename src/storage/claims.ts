/**
 * Claims: who publishes what at this moment, for everybody who shares the folder (tier RW).
 *
 * A claim is a small file in `.claims` whose lock its holder has, and in which the holder writes the line of
 * the file that it is about to publish. The system lets go of the lock when the holder dies, and keeps it
 * while the holder stands still. So a claim without a holder tells what a dead process was about to do, and
 * that nobody will go on with it (S-MAN-2).
 *
 * Each process has a claim of its own for files without an upload id, because it publishes them one at a
 * time. A file with an upload id, and each file at level `durable`, has a claim of its own. The name of the
 * claim for an upload id is made from the id, so that two tries under way meet at it (S-TRF-11).
 *
 * @module
 */
import { FxferError } from "../errors.ts";
import type { StorageFolder } from "./folder.ts";
import { isAbsent, isTaken, storageFull } from "./io_errors.ts";
import { tryLock } from "./locks.ts";
import { type ManifestEntry, readEntryAt } from "./manifest_lines.ts";
import type { RandomHex } from "./naming.ts";

/** The folder of the claims in the storage folder. */
const CLAIMS = ".claims";

/** A claim that this process holds. */
export class Claim {
  readonly #folder: StorageFolder;
  readonly #path: string;
  readonly #file: Deno.FsFile;
  /** Whether an earlier holder died and has left a line. */
  readonly left: boolean;

  constructor(folder: StorageFolder, path: string, file: Deno.FsFile, left: boolean) {
    this.#folder = folder;
    this.#path = path;
    this.#file = file;
    this.left = left;
  }

  /** Writes down the line, with its LF, of the file that is about to get its final name. */
  write(line: Uint8Array): void {
    this.#file.seekSync(0, Deno.SeekMode.Start);
    if (this.#file.writeSync(line) === line.length) return;
    throw storageFull("Cannot claim final name", "no room left");
  }

  /** The line that was written last; undefined if there is none, or only half of it. */
  read(): ManifestEntry | undefined {
    return readEntryAt(this.#file, 0);
  }

  /** Whether the claim is still where its path says: false once the storage folder is another one. */
  get stands(): boolean {
    return this.#folder.holds(this.#path, this.#file.statSync());
  }

  /** Lets go of the claim, and leaves what stands in it to the next holder. */
  leave(): void {
    this.#file.close();
  }

  /** Removes the claim: what it was taken for is done, or will never be. */
  end(): void {
    try {
      // Whoever has opened the file already gets its lock next, and finds it removed.
      this.#folder.remove(this.#path);
    } catch {
      // The next holder finds what is done already.
    }
    this.#file.close();
  }
}

/** The claims of one folder, as one process takes them. */
export class Claims {
  readonly #folder: StorageFolder;
  readonly #randomHex: RandomHex;
  /** The claim for what this process publishes without an upload id, in one synchronous step. */
  own: Claim;

  constructor(folder: StorageFolder, randomHex: RandomHex) {
    this.#folder = folder;
    this.#randomHex = randomHex;
    this.own = this.fresh();
  }

  /** A claim that nobody else asks for. */
  fresh(): Claim {
    return this.take(this.#randomHex(16))!;
  }

  /** Takes the claim with a name of 16 hex digits; undefined while another has it. */
  take(name: string): Claim | undefined {
    const path = `${CLAIMS}/${name}.claim`;
    for (;;) {
      const file = this.#open(path);
      if (tryLock(file) === false) {
        file.close();
        return undefined;
      }
      const { nlink, size } = file.statSync();
      if (nlink !== 0) return new Claim(this.#folder, path, file, size > 0);
      file.close(); // its last holder has just removed it
    }
  }

  /** Makes or opens a file; createNew follows no planted link. */
  #open(path: string): Deno.FsFile {
    const how = { read: true, write: true, mode: 0o640 };
    const at = this.#folder.at(path);
    for (;;) {
      try {
        return this.#folder.withFolders(path, () => Deno.openSync(at, { ...how, createNew: true }));
      } catch (error) {
        if (!isTaken(error)) throw error;
      }
      if (this.#folder.kind(path)?.isFile === false) {
        throw new FxferError("local_io", "Cannot use storage: a claim in it is a link or a folder");
      }
      try {
        return Deno.openSync(at, how);
      } catch (error) {
        if (!isAbsent(error)) throw error; // removed meanwhile
      }
    }
  }

  /** The line in a claim that another has, as far as it can be read. */
  peek(name: string): ManifestEntry | undefined {
    if (this.#folder.kind(`${CLAIMS}/${name}.claim`)?.isFile !== true) return undefined;
    try {
      using file = Deno.openSync(this.#folder.at(`${CLAIMS}/${name}.claim`), { read: true });
      return readEntryAt(file, 0);
    } catch {
      return undefined;
    }
  }

  /** Takes, one after the other, the claims whose holders have died. */
  async *left(): AsyncGenerator<Claim> {
    for await (const { name } of Deno.readDir(this.#folder.at(CLAIMS))) {
      const [, id] = /^([0-9a-f]{16})\.claim$/.exec(name) ?? [];
      const claim = id === undefined ? undefined : this.take(id);
      if (claim !== undefined) yield claim;
    }
  }
}
