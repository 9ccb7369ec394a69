/**
 * A process that is alone on the folder takes no claim for each upload id: to open, lock, write and close one is a
 * fifth of what a small file of a session costs. It keeps the ids in memory, and notes all files that it is about to
 * publish in one claim, its *note*. Whoever comes later must learn of it, and what it was doing, however long it
 * stands still. Both work in an order in which one of them sees what the other has done:
 *
 * | the process that is alone | the one that comes |
 * | --- | --- |
 * | 1. has a claim of its own, and makes a note | 1. makes a claim of its own |
 * | 2. makes a *token*: an empty claim that nobody has locked | 2. goes through all claims, and removes each that nobody has locked |
 * | 3. goes through all claims; it is alone if nobody holds one, and nothing is left in any | 3. remembers each note that somebody has locked |
 * | 4. writes the lines of some files into its note | 4. takes the claim of an upload id |
 * | 5. looks whether the token is there; if not, it is alone no more and takes claims | 5. reads the notes; if one has the id, it waits |
 * | 6. publishes the files | 6. looks into the manifest for the id |
 * | 7. wipes the note out | 7. publishes the file |
 *
 * - If the newcomer has its claim (1) before the other one goes through the claims (3), it is met there. If it comes
 *   later, the token (2) is there when it goes through them, and goes.
 * - Files that are noted (4) after the newcomer has removed the token (2) are not published (5). Files noted before
 *   are published however late, but the newcomer finds them in the note (5), or, once that is wiped out, in the
 *   manifest (6).
 * - A newcomer that cannot remove the token does not begin: the other one would never learn of it.
 * - If the process dies in the middle, its note is a claim without a holder: who starts, the sweep and the next try
 *   with one of its upload ids finish it (once.ts). A start that leaves it, because a file in it is large, remembers it.
 *
 * A server of an earlier version removes the token as well, because it takes that for a claim that somebody has left.
 * It does not read notes: of a process that stands still between 5 and 7 when it starts, it may store a file twice.
 *
 * At level `durable` nobody is alone: there a commit waits for the disk, and others of its process come in between.
 *
 * Nothing here goes by a clock. A folder that was replaced has no token, or another one; a process that finds it
 * replaced comes to it as one that starts does.
 *
 * @module
 */
import { type Claim, type IdClaim, underWay } from "./claim.ts";
import type { StorageFolder } from "./folder.ts";

/**
 * A process that thinks itself alone looks whether it is when it takes the claim of an upload id, unless it has looked
 * within so many milliseconds. So an id that somebody has who came before is waited for, as ever; the look of step 5
 * alone would refuse it.
 */
const LATELY_MS = 2;

/** What a process has while it is alone, from step 2 on. */
export class Alone {
  readonly #folder: StorageFolder;
  readonly #note: Claim;
  readonly #token: string;
  readonly #tokenInfo: Deno.FileInfo;
  #isNoted = false;
  #isOver = false;
  #lookedAt = -Infinity;

  /** @param token The path of the token; it is made here. */
  constructor(folder: StorageFolder, note: Claim, token: string) {
    this.#folder = folder;
    this.#note = note;
    this.#token = token;
    using file = Deno.openSync(folder.at(token), { write: true, createNew: true, mode: 0o640 });
    this.#tokenInfo = file.statSync();
  }

  /** Whether a claim is the token. */
  isToken(path: string): boolean {
    return path === this.#token;
  }

  /** Whether nobody has come. */
  get stands(): boolean {
    try {
      if (this.#isOver || !this.#folder.holds(this.#token, this.#tokenInfo)) return false;
      this.#lookedAt = performance.now();
      return true;
    } catch {
      return false; // what cannot be looked at is not there
    }
  }

  /** The same, as of a moment ago. */
  get stoodLately(): boolean {
    return !this.#isOver && (performance.now() - this.#lookedAt < LATELY_MS || this.stands);
  }

  /**
   * Notes the lines of files that are published in the same synchronous step.
   *
   * @returns False if they must not be: somebody has come, or the note could not be written.
   */
  note(lines: readonly string[]): boolean {
    if (this.#isOver) return false;
    this.#isNoted = true;
    try {
      this.#note.writeAll(lines);
      if (this.stands) return true;
    } catch {
      // The claims, which are taken instead, tell what is wrong.
    }
    this.end();
    this.wipe();
    return false;
  }

  /** Wipes the note out: what is noted is published, or never will be. */
  wipe(): void {
    if (!this.#isNoted) return;
    this.#isNoted = false;
    try {
      this.#note.write("");
    } catch {
      this.#isOver = true;
    }
    if (this.#isOver) this.#leave(); // and with it goes what could not be wiped out
  }

  /** The process is alone no more. What is noted at this moment is still published, and wiped out by that. */
  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (!this.#isNoted) this.#leave();
  }

  #leave(): void {
    try {
      if (this.#folder.holds(this.#token, this.#tokenInfo)) this.#folder.remove(this.#token);
    } catch {
      // It is empty, and whoever comes removes it.
    }
    this.#note.end();
  }
}

/** Where claims in memory come from, and go to (claims.ts). */
export interface IdHolder {
  /** Lets go of an upload id in memory, by the number of its claim. */
  release(number: number): void;
  /** Takes the claim itself of an upload id; undefined if that takes waiting, or the id is not new any more. */
  takeInstead(uploadId: string): Claim | undefined;
}

/** The claim of an upload id that a process which is alone has in memory. */
export class AloneClaim implements IdClaim {
  readonly left = false;
  readonly isMine = true;
  isKnown = false;
  readonly #alone: Alone;
  readonly #uploadId: string;
  readonly #number: number;
  /** Undefined once the id is let go of in memory. */
  #holder: IdHolder | undefined;
  /** The claim itself, once this process is alone no more. */
  #claim: Claim | undefined;

  constructor(alone: Alone, holder: IdHolder, uploadId: string, number: number) {
    this.#alone = alone;
    this.#holder = holder;
    this.#uploadId = uploadId;
    this.#number = number;
  }

  /** Notes files that are published together, in one write. @returns As {@linkcode Alone.note}. */
  static noteAll(files: readonly (readonly [claim: AloneClaim, line: string])[]): boolean {
    if (files.length === 0) return false;
    const alone = files[0]![0].#alone;
    // Of an id that was taken before the process was alone again, others may have stored a file since.
    if (files.some(([claim]) => claim.#alone !== alone)) return false;
    return alone.note(files.map(([, line]) => line));
  }

  write(line: string): void {
    if (this.#claim !== undefined || !this.#alone.note([line])) this.writeToClaim(line);
  }

  /** Takes the claim itself, and writes the line into it. */
  writeToClaim(line: string): void {
    this.#claim ??= this.#release()?.takeInstead(this.#uploadId);
    if (this.#claim === undefined) throw underWay();
    this.#claim.write(line);
  }

  #release(): IdHolder | undefined {
    const holder = this.#holder;
    this.#holder = undefined;
    holder?.release(this.#number);
    return holder;
  }

  leave(): void {
    this.end();
  }

  end(): void {
    this.#alone.wipe();
    this.#release();
    if (this.#claim === undefined) return;
    this.#claim.isKnown = this.isKnown;
    this.#claim.end();
  }
}
