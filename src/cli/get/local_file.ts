/** The folder below which fetched files are written. @module */
import { join } from "node:path";
import { FxferError } from "../../errors.ts";
import type { FileInfo } from "../../protocol/mod.ts";
import { Patience } from "../../patience.ts";
import { LocalDisks } from "../local_disks.ts";
import { absent, cannotWrite, type LocalFile, PartFile, partOf } from "./part_file.ts";
import { isSmall, WholeFile } from "./whole_file.ts";

/** What is known of a folder. */
interface Place {
  /** If it was made here, so that nothing was in it: the names of the files that were opened since. */
  readonly taken: Set<string> | undefined;
  /** Whether it is on a disk of this machine. */
  readonly local: boolean;
}

/** A folder below which files are written, and nowhere else. */
export class LocalFolder {
  readonly path: string;
  readonly #force: boolean;
  readonly #signal: AbortSignal;
  /** Folders that were found to be folders, and no links. */
  readonly #known = new Map<string, Promise<Place>>();
  /** The digests of the files that were opened, by their places. */
  readonly #given = new Map<string, string>();
  readonly #disks: Pick<LocalDisks, "has">;
  readonly #patience = new Patience();

  /** @param force Whether files that are there with other bytes are replaced. */
  constructor(
    path: string,
    force: boolean,
    signal: AbortSignal,
    disks: Pick<LocalDisks, "has"> = new LocalDisks(),
  ) {
    this.#disks = disks;
    this.path = path;
    this.#force = force;
    this.#signal = signal;
  }

  /**
   * Opens the place of a file.
   *
   * @returns Undefined if the file is there already with the same bytes.
   * @throws {FxferError} `local_io` if something else is there, or it cannot be written.
   */
  async open(at: readonly string[], file: FileInfo): Promise<LocalFile | undefined> {
    const path = join(this.path, ...at);
    // Names that differ on the server can be one here; by force the later file would replace the earlier one.
    if ((this.#given.get(path) ?? file.sha256) !== file.sha256) {
      throw cannotWrite(path, undefined, "another of the files to get goes there");
    }
    this.#given.set(path, file.sha256);
    try {
      const place = await this.#makeFolders(at.slice(0, -1));
      const quick = place.local && isSmall(file);
      const isFree = place.taken?.has(path) === false;
      place.taken?.add(path);
      const there = isFree ? undefined : quick ? look(path) : await Deno.lstat(path).catch(absent);
      if (await this.#isThere(path, file, there)) return undefined;
      const hasPart = !isFree && quick && look(partOf(path, file.sha256)) !== undefined;
      return quick && !hasPart
        ? new WholeFile(path, file, this.#force, this.#patience)
        : await PartFile.open(path, file, this.#force);
    } catch (cause) {
      if (cause instanceof FxferError) throw cause;
      throw cannotWrite(path, cause);
    }
  }

  /** Makes the folders on the way to a file; returns what is known of the last one. */
  async #makeFolders(below: readonly string[]): Promise<Place> {
    // What the user named may be a link; what is below it may not.
    let place = await this.#once(this.path, () => makeTop(this.path));
    for (let depth = 1; depth <= below.length; depth++) {
      const path = join(this.path, ...below.slice(0, depth));
      place = await this.#once(path, () => makeFolder(path));
    }
    return place;
  }

  /** Several files in one folder wait for the same look at it. */
  #once(path: string, make: () => Promise<boolean>): Promise<Place> {
    const known = this.#known.get(path);
    if (known !== undefined) return known;
    const place = make().then(async (isNew) => {
      return { taken: isNew ? new Set<string>() : undefined, local: await this.#disks.has(path) };
    });
    this.#known.set(path, place);
    place.catch(() => this.#known.delete(path));
    return place;
  }

  /** Whether the very file is there. @throws {FxferError} If another is that must stay. */
  async #isThere(
    path: string,
    { size, sha256 }: FileInfo,
    info: Deno.FileInfo | undefined,
  ): Promise<boolean> {
    if (info === undefined) return false;
    if (info.isDirectory) throw cannotWrite(path, undefined, "a folder is there");
    // A file in the place of a device such as /dev/null would harm the whole machine.
    if (!info.isFile && !info.isSymlink) {
      throw cannotWrite(path, undefined, "it is no regular file (-o - writes to standard output)");
    }
    if (info.isFile && info.size === size) {
      const { digestOfSized } = await import("../send/digest.ts");
      if (await digestOfSized(path, size, this.#signal) === sha256) return true;
    }
    if (this.#force) return false;
    const what = info.isSymlink ? "a link is there" : "it is there already with other bytes";
    throw cannotWrite(path, undefined, `${what}, --force replaces it`);
  }
}

/** What is at a path, without waiting; undefined if nothing is. */
function look(path: string): Deno.FileInfo | undefined {
  try {
    return Deno.lstatSync(path);
  } catch (error) {
    return absent(error);
  }
}

/** Whether it was not there. */
async function makeTop(path: string): Promise<boolean> {
  const isNew = await Deno.lstat(path).then(() => false, () => true);
  await Deno.mkdir(path, { recursive: true });
  return isNew;
}

/** Whether it was not there. */
async function makeFolder(path: string): Promise<boolean> {
  const info = await Deno.lstat(path).catch(absent);
  if (info?.isDirectory) return false;
  if (info !== undefined) {
    const what = info.isSymlink
      ? "it is a link, and nothing is written through it"
      : "it is no folder";
    throw new FxferError("local_io", `Cannot make folder ${path}: ${what}`);
  }
  return await Deno.mkdir(path).then(() => true, (error) => {
    // Another program may just have made it; the next look tells what it is.
    if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
    return makeFolder(path);
  });
}
