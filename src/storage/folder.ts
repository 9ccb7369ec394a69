/**
 * The storage folder and what is done by name in it: making folders, giving a file its final name,
 * removing. All paths are relative to the folder and made by naming.ts.
 *
 * Tier RW looks at each folder with lstat before it trusts it: a planted symlink is refused. Tier W
 * cannot look; there a planted link in place of a session's folder is removed, and `createNew` never
 * follows one at the end of a path.
 *
 * @module
 */
import { FxferError } from "../errors.ts";
import { isAbsent, isTaken } from "./io_errors.ts";
import { folderOf, INCOMING } from "./naming.ts";
import type { Tier } from "./types.ts";

/** Session folders remembered as made: forgetting one costs a system call, nothing else. */
const MAX_REMEMBERED = 10_000;

/** The folder of one {@linkcode DiskStorage}. */
export class StorageFolder {
  readonly root: string;
  readonly tier: Tier;
  readonly #made = new Set<string>();
  readonly #exists: (path: string) => boolean;
  /** Called after the folder was found missing and was made again. */
  remade: () => void = () => {};

  /**
   * @param folder As the permission names it; trailing slashes are dropped.
   * @param exists `existsSync` of node:fs: 5 µs for an absent name, where an lstat throws for 25.
   */
  constructor(folder: string, tier: Tier, exists: (path: string) => boolean) {
    this.#exists = exists;
    this.root = folder.replace(/(?<=.)[/\\]+$/, "");
    this.tier = tier;
  }

  /** The path for the system. */
  at(path: string): string {
    return `${this.root}/${path}`;
  }

  /** Makes the storage folder (and `.incoming` in tier RW) if they are missing. */
  make(): void {
    this.#made.clear();
    Deno.mkdirSync(this.root, { recursive: true, mode: 0o750 });
    this.#mustBeFolder(this.root);
    if (this.tier === "RW") this.#makeFolder(INCOMING);
  }

  /** Makes the folder of a final path if this process has not made it before. */
  makeFolderOf(path: string): void {
    const folder = folderOf(path);
    if (folder === undefined || this.#made.has(folder)) return;
    this.#makeFolder(folder);
    if (this.#made.size >= MAX_REMEMBERED) this.#made.clear();
    this.#made.add(folder);
  }

  #makeFolder(folder: string): void {
    try {
      Deno.mkdirSync(this.at(folder), { mode: 0o750 });
    } catch (error) {
      if (!isTaken(error)) throw error;
      if (this.tier === "W") this.#makeFolderAnew(this.at(folder));
      else this.#mustBeFolder(this.at(folder));
    }
  }

  /**
   * Tier W cannot look at what has the name, but a removal tells: it fails on a folder with files
   * in it, which is one of ours, and takes away a planted link.
   */
  #makeFolderAnew(path: string): void {
    try {
      Deno.removeSync(path);
    } catch {
      return;
    }
    try {
      Deno.mkdirSync(path, { mode: 0o750 });
    } catch (error) {
      if (!isTaken(error)) throw error; // another instance was quicker
    }
  }

  #mustBeFolder(path: string): void {
    if (this.tier === "W" || Deno.lstatSync(path).isDirectory) return;
    throw new FxferError("local_io", "Cannot use storage: a folder in it is a link or a file");
  }

  /** Runs `action`; if a folder was missing, makes all folders again and runs it once more. */
  withFolders<T>(finalPath: string, action: () => T): T {
    try {
      this.makeFolderOf(finalPath);
      return action();
    } catch (error) {
      if (!isAbsent(error)) throw error;
      this.make();
      this.remade();
      this.makeFolderOf(finalPath);
      return action();
    }
  }

  /**
   * Gives a whole file its final name and never takes one that is in use. One of 128 random bits
   * never is; one made of a session's id and sequence is looked for, which takes 14 µs of the 220 of a
   * small file. A hard link would refuse by itself, but costs twice as much (a removal follows it)
   * and leaves a second name when the process dies in between. In tier W the file has its name
   * already and now says so by its mode.
   */
  giveFinalName(temporaryPath: string, finalPath: string): void {
    if (this.tier === "W") return this.#setMode(finalPath, 0o640);
    this.withFolders(finalPath, () => {
      const path = this.at(finalPath);
      if (folderOf(finalPath) !== undefined && this.#exists(path)) {
        throw new Deno.errors.AlreadyExists("the final name is in use");
      }
      Deno.renameSync(this.at(temporaryPath), path);
    });
  }

  #setMode(path: string, mode: number): void {
    if (Deno.build.os !== "windows") Deno.chmodSync(this.at(path), mode);
  }

  /** Takes the final name back from a file whose line could not be written. */
  takeFinalNameBack(temporaryPath: string, finalPath: string): void {
    if (this.tier === "W") this.#setMode(finalPath, 0o200);
    else Deno.renameSync(this.at(finalPath), this.at(temporaryPath));
  }

  /** Removes a name; an absent one is fine. */
  remove(path: string): void {
    try {
      Deno.removeSync(this.at(path));
    } catch (error) {
      if (!isAbsent(error)) throw error;
    }
  }

  /** Removes a folder if nothing is in it. */
  removeEmptyFolder(folder: string): void {
    this.#made.delete(folder);
    try {
      // Without `recursive` the system itself refuses a folder that is not empty.
      Deno.removeSync(this.at(folder));
    } catch {
      // Files are in it, or somebody else removed it: both are fine.
    }
  }

  /** What stands under a name, itself and not what a link points to (tier RW). */
  kind(path: string): Deno.FileInfo | undefined {
    try {
      return Deno.lstatSync(this.at(path));
    } catch (error) {
      if (isAbsent(error)) return undefined;
      throw error;
    }
  }
}
