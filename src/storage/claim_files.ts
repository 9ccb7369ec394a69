/** The files of claims: made, opened and locked, but never through a planted link (claims.ts). @module */
import { FxferError } from "../errors.ts";
import { Claim, CLAIMS, DIGITS, type HeldClaims, MARK_BYTES } from "./claim.ts";
import type { StorageFolder } from "./folder.ts";
import { isTaken, unlessAbsent } from "./io_errors.ts";
import { tryLock } from "./locks.ts";
import type { RandomHex } from "./naming.ts";

const HOW = { read: true, write: true, mode: 0o640 };

/** How many claims upload ids share. */
const SHARED = 4096;

/** The path of a claim that upload ids share, by its number: 0 to 4095. */
export const pathOf = (number: number): string =>
  `${CLAIMS}/${number.toString(16).padStart(DIGITS.shared, "0")}`;

/** The files of the claims of one folder, as one process takes them. */
export class ClaimFiles {
  readonly #folder: StorageFolder;
  readonly #randomHex: RandomHex;
  /** Which claims of upload ids this process has met, by number. Others are most probably still to be made. */
  readonly #met = new Uint8Array(SHARED);
  /** An LF and the mark of this process. */
  #mark!: Uint8Array;
  /** All claims that this process holds, as files or in memory. */
  readonly held: HeldClaims = new Set();

  constructor(folder: StorageFolder, randomHex: RandomHex) {
    this.#folder = folder;
    this.#randomHex = randomHex;
    this.forgetMarks();
  }

  /** Marks that this process has left count no more. */
  forgetMarks(): void {
    this.#mark = new TextEncoder().encode(`\n${this.#randomHex(MARK_BYTES)}`);
  }

  /** This claim of upload ids is there. */
  meet(number: number): void {
    this.#met[number] = 1;
  }

  /** Makes a claim that nobody else asks for. @returns Whether it is locked: not where the file system has no locks. */
  fresh(digits: number): [claim: Claim, isLocked: boolean] {
    for (;;) {
      const path = `${CLAIMS}/${this.#randomHex(digits)}`;
      const file = this.#make(path);
      // A sweep that met it before it was locked takes it for one that a dead process has left, and removes it.
      const locked = tryLock(file);
      let stands = false;
      try {
        stands = locked !== false && this.#folder.holds(path, file.statSync());
      } finally {
        if (!stands) file.close();
      }
      if (stands) return [this.#read(path, file), locked === true];
    }
  }

  /** Takes a claim of upload ids, by its number; undefined while another process has it. */
  take(number: number): Claim | undefined {
    const path = pathOf(number);
    let made: Deno.FsFile | undefined;
    if (this.#met[number] === 1) {
      const claim = this.#takeMet(path, number);
      if (claim !== undefined) return claim;
    } else {
      // To look for a missing file throws, which takes three times as long as to make it.
      made = this.#makeIfFree(path);
      this.#met[number] = 1;
    }
    const file = made ?? this.open(path) ?? this.#makeIfFree(path) ?? this.open(path);
    if (file !== undefined) return this.hold(path, file, number);
    throw new Deno.errors.NotFound("a claim was removed twice while it was taken");
  }

  /**
   * Takes a claim that was a file when this process met it. If the mark of this process is there, it is no other
   * file now; else what has the name is looked at before anything is written.
   *
   * @returns Undefined where {@linkcode ClaimFiles.take} has to look first.
   */
  #takeMet(path: string, number: number): Claim | undefined {
    let file: Deno.FsFile | undefined;
    try {
      file = Deno.openSync(this.#folder.at(path), HOW);
      if (tryLock(file) !== false) {
        file.seekSync(0, Deno.SeekMode.Start); // fails for a FIFO, which to read would take for ever
        const claim = new Claim(this.#folder, path, file, this.#mark, this.held, number);
        if (claim.isMine || claim.stands) return claim;
      }
    } catch {
      // The look tells what is wrong.
    }
    this.held.delete(number);
    file?.close();
    return undefined;
  }

  /** Takes the claim that is open; undefined while somebody has it. @param key As in {@linkcode HeldClaims}. */
  hold(path: string, file: Deno.FsFile, key: number | string = path): Claim | undefined {
    if (tryLock(file) !== false) return this.#read(path, file, key);
    file.close();
    return undefined;
  }

  /** The claim of a file that is locked. */
  #read(path: string, file: Deno.FsFile, key: number | string = path): Claim {
    try {
      return new Claim(this.#folder, path, file, this.#mark, this.held, key);
    } catch (error) {
      file.close(); // and with it the lock: nobody would ever let go of it
      throw error;
    }
  }

  /** Undefined if the name is in use. */
  #makeIfFree(path: string): Deno.FsFile | undefined {
    try {
      return this.#make(path);
    } catch (error) {
      if (isTaken(error)) return undefined;
      throw error;
    }
  }

  /** A planted link is not followed. */
  #make(path: string): Deno.FsFile {
    const at = this.#folder.at(path);
    return this.#folder.withFolders(path, () => Deno.openSync(at, { ...HOW, createNew: true }));
  }

  /** Undefined if there is no such file. A planted link, FIFO or folder is refused. */
  open(path: string): Deno.FsFile | undefined {
    const info = this.#folder.kind(path);
    if (info === undefined) return undefined;
    if (!info.isFile) {
      throw new FxferError("local_io", "Cannot use storage: a claim in it is a link or a folder");
    }
    try {
      return Deno.openSync(this.#folder.at(path), HOW);
    } catch (error) {
      return unlessAbsent(error);
    }
  }
}
