/**
 * The storage folder and what is done in it by name: making folders, giving a file its final name,
 * removing. All paths are relative to the folder, and naming.ts has made them. Somebody may have planted
 * symbolic links in the folder; mod.ts tells how each tier meets them.
 *
 * @module
 */
import { FxferError } from "../errors.ts";
import { isAbsent, isTaken } from "./io_errors.ts";
import { folderOf, INCOMING } from "./naming.ts";
import { FILES } from "./original_names.ts";
import type { Tier } from "./types.ts";

/** How many session folders are remembered as made. Making a forgotten one again is harmless. */
const MAX_REMEMBERED = 10_000;

/** How often folders are made that are gone before they are used. */
const MAX_TRIES = 5;

/** The refusal of a file one of whose folders has the name of a stored file. */
export function folderIsFile(cause?: unknown): FxferError {
  const text = "Cannot store file: a folder of its name is a file";
  return new FxferError("name_taken", text, { cause });
}

const INCOMING_SLASH = `${INCOMING}/`;

/** The names of what the storage keeps for itself, besides partial files. */
const OWN = /^(?:\.claims|\.index|commits\.jsonl)/;

const withoutSlashes = (folder: string): string => folder.replace(/(?<=.)[/\\]+$/, "");

/** The folder of one {@linkcode DiskStorage}. */
export class StorageFolder {
  readonly root: string;
  /** Where the storage keeps what is its own; the same as `root` unless it has a folder for that. */
  readonly state: string;
  readonly tier: Tier;
  /** Whether partial files are in `state`: only where a rename from there to `root` is possible. */
  #incomingInState = true;
  readonly #made = new Set<string>();
  /** The one of them that was asked for last, with its slash: files of one session follow each other. */
  #lastMade = "";
  /** `.incoming/` once it is among them: each file begins there. */
  #incomingMade = "";
  readonly #exists: (path: string) => boolean;
  /** Called after somebody removed a folder and it was made again. */
  remade: () => void = () => {};

  /**
   * @param folder As the permission names it; trailing slashes are dropped.
   * @param exists `existsSync` of node:fs. It takes 5 µs for an absent name; lstat, which throws, 25.
   * @param state Where the storage keeps its own files, if not in `folder`.
   */
  constructor(
    folder: string,
    tier: Tier,
    exists: (path: string) => boolean,
    state: string = folder,
  ) {
    this.#exists = exists;
    this.root = withoutSlashes(folder);
    this.state = withoutSlashes(state);
    this.tier = tier;
  }

  /** A path of the storage as a path for the operating system. */
  at(path: string): string {
    return `${this.state !== this.root && this.#isOwn(path) ? this.state : this.root}/${path}`;
  }

  #isOwn(path: string): boolean {
    return path.startsWith(INCOMING) ? this.#incomingInState : OWN.test(path);
  }

  /**
   * Makes the storage folder (and `.incoming` in tier RW) if they are missing. The folder itself may be
   * a link to one, because the operator has named it; what is in it may not.
   */
  make(): void {
    this.#forgetMade();
    Deno.mkdirSync(this.root, { recursive: true, mode: 0o750 });
    if (this.state !== this.root) {
      Deno.mkdirSync(this.state, { recursive: true, mode: 0o750 });
      this.#incomingInState = this.tier === "RW" &&
        Deno.statSync(this.state).dev === Deno.statSync(this.root).dev;
    }
    if (this.tier === "RW") this.#makeFolder(INCOMING);
  }

  /** Makes the folder that a file goes into, unless this process has made it before. */
  makeFolderOf(path: string): void {
    const slash = path.indexOf("/");
    if (slash < 0) return;
    const last = path.startsWith(INCOMING_SLASH) ? this.#incomingMade : this.#lastMade;
    if (last !== "" && path.startsWith(last) && path.indexOf("/", last.length) < 0) return;
    const folder = folderOf(path)!;
    if (this.#made.has(folder)) {
      if (folder === INCOMING) this.#incomingMade = INCOMING_SLASH;
      else this.#lastMade = `${folder}/`;
      return;
    }
    if (folder.includes("/")) this.makeFolderOf(folder); // one by one, and never through a link (S-NAM-3)
    this.#makeFolder(folder);
    if (this.#made.size >= MAX_REMEMBERED) this.#forgetMade();
    this.#made.add(folder);
  }

  /** Forgets that a folder is there; without one, that any is. */
  #forgetMade(folder?: string): void {
    this.#lastMade = this.#incomingMade = "";
    if (folder === undefined) this.#made.clear();
    else this.#made.delete(folder);
  }

  /** Whether partial files are kept beside the whole ones although the storage has a folder for its own files. */
  get isSplit(): boolean {
    return this.state !== this.root && !this.#incomingInState;
  }

  #makeFolder(folder: string): void {
    try {
      Deno.mkdirSync(this.at(folder), { mode: 0o750 });
    } catch (error) {
      if (!isTaken(error)) throw error;
      if (this.tier === "RW") this.#mustBeFolder(folder);
      // Below the folder of an owner the name may be that of a stored file, which must not be removed.
      else if (folder.split("/").length <= 2) this.#makeFolderAnew(this.at(folder));
    }
  }

  /**
   * The name of the folder is in use, and tier W may not look by what. So this tries to remove whatever
   * has the name: a planted link goes, and a folder with files in it, which is the storage's own, stays.
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
      if (!isTaken(error)) throw error; // another process made the folder meanwhile
    }
  }

  /** Tier W: removes a link that somebody has planted in place of a folder on the way to a file. */
  removeLinksTo(path: string): void {
    const folder = folderOf(path);
    if (folder === undefined) return;
    this.removeLinksTo(folder);
    try {
      Deno.removeSync(this.at(folder)); // a folder with a file in it stays
    } catch {
      // It is a folder, or it is gone.
    }
    this.#forgetMade(folder);
  }

  #mustBeFolder(folder: string): void {
    const info = Deno.lstatSync(this.at(folder));
    if (info.isDirectory) return;
    if (info.isFile && folder.startsWith(`${FILES}/`)) throw folderIsFile();
    throw new FxferError("local_io", "Cannot use storage: a folder in it is a link or a file");
  }

  /**
   * Runs `action`, which needs the folder of `path`. If a folder was missing, makes all folders again and runs
   * `action` once more. Other processes may remove folders that are empty, between two steps of this, too.
   */
  withFolders<T>(path: string, action: () => T): T {
    for (let tries = 1;; tries++) {
      try {
        this.makeFolderOf(path);
        return action();
      } catch (error) {
        if (!isAbsent(error) || tries === MAX_TRIES) throw error;
        this.make();
        this.remade();
      }
    }
  }

  /**
   * Gives a whole file its final name, and never replaces another file. In tier W the file has that name
   * from the start, and gets the mode of a whole file now.
   *
   * A name of 128 random bits is never in use. A name made of a session's id and sequence may be in use, so
   * this looks, which takes 4 µs of the 45 that a small file takes.
   *
   * @param isFree Whether the caller knows that the name is free.
   */
  giveFinalName(temporaryPath: string, finalPath: string, isFree = false): void {
    if (this.tier === "W") return this.#setMode(finalPath, 0o640);
    this.withFolders(finalPath, () => {
      const path = this.at(finalPath);
      if (finalPath.startsWith(`${FILES}/`)) return this.#linkName(this.at(temporaryPath), path);
      if (!isFree && finalPath.includes("/") && this.#exists(path)) {
        throw new Deno.errors.AlreadyExists("the final name is in use");
      }
      Deno.renameSync(this.at(temporaryPath), path);
    });
  }

  /**
   * Others choose such a name as well, so it is given by a hard link, which refuses a name that is in use
   * (S-NAM-3). Where the file system has no links, a look and a rename must do.
   */
  #linkName(temporaryPath: string, path: string): void {
    try {
      Deno.linkSync(temporaryPath, path);
    } catch (error) {
      if (isTaken(error) || isAbsent(error)) throw error;
      if (this.#exists(path)) throw new Deno.errors.AlreadyExists("the final name is in use");
      return Deno.renameSync(temporaryPath, path);
    }
    Deno.removeSync(temporaryPath);
  }

  /** Sets when a file was last changed, in milliseconds since the epoch. */
  setTime(path: string, mtimeMs: number): void {
    const time = new Date(mtimeMs);
    Deno.utimeSync(this.at(path), time, time);
  }

  #setMode(path: string, mode: number): void {
    if (Deno.build.os !== "windows") Deno.chmodSync(this.at(path), mode);
  }

  /** Undoes {@linkcode giveFinalName} for a file whose line could not be written. */
  takeFinalNameBack(temporaryPath: string, finalPath: string): void {
    try {
      if (this.tier === "W") this.#setMode(finalPath, 0o200);
      else Deno.renameSync(this.at(finalPath), this.at(temporaryPath));
    } catch (error) {
      if (!isAbsent(error)) throw error; // somebody has replaced the storage folder
    }
  }

  /** Removes a file; does nothing if it is absent. */
  remove(path: string): void {
    try {
      Deno.removeSync(this.at(path));
    } catch (error) {
      if (!isAbsent(error)) throw error;
    }
  }

  /**
   * Removes a folder if nothing is in it: without `recursive` the system refuses to remove any other.
   *
   * @returns Whether it is removed.
   */
  removeEmptyFolder(folder: string): boolean {
    this.#forgetMade(folder);
    try {
      Deno.removeSync(this.at(folder));
      return true;
    } catch {
      return false; // There are files in it, or somebody else has removed it.
    }
  }

  /** What has this name: a link shows as a link. Undefined if the name is free. Takes tier RW. */
  kind(path: string): Deno.FileInfo | undefined {
    try {
      return Deno.lstatSync(this.at(path));
    } catch (error) {
      if (isAbsent(error)) return undefined;
      throw error;
    }
  }

  /** Whether nothing has this name: what cannot be looked at is not gone. Takes tier RW. */
  isGone(path: string): boolean {
    try {
      return this.kind(path) === undefined;
    } catch {
      return false;
    }
  }

  /** Whether a path leads to this open file: false for one that was renamed, removed or replaced. Takes tier RW. */
  holds(path: string, { ino, dev }: Deno.FileInfo): boolean {
    const info = this.kind(path);
    return info !== undefined && info.ino === ino && info.dev === dev;
  }
}
