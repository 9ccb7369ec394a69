/**
 * Claims: who publishes what at this moment, for everybody who shares the folder (tier RW).
 *
 * A claim is a small file in `.claims` whose lock its holder has, and in which the holder writes the line of
 * the file that it is about to publish. The system lets go of the lock when the holder dies, and keeps it
 * while the holder stands still. So a line in a claim without a holder tells what a dead process was about
 * to do, and that nobody else will go on with it (S-MAN-2).
 *
 * Upload ids share 4,096 claims that stay, because to make and remove a file for each upload takes more time
 * than all the rest of the claim. Two tries with one id meet at the same claim (S-TRF-11); two ids that
 * happen to share a claim wait for each other. Files without an id have claims with a random name: one for
 * all that a process publishes in synchronous steps, and one for each at level `durable`.
 *
 * A process that is alone on the folder takes no claims for upload ids until somebody comes; alone.ts tells how both
 * notice. What follows is about processes that are not.
 *
 * Whoever has published under the claim of an upload id, and knows that file by its id from then on, leaves
 * its *mark* in the claim: random text that each process makes for itself, and makes anew when it follows
 * another manifest. Every line that is written there later wipes the mark out, and nobody publishes without a
 * line. So who finds its own mark knows every file that was published under the claim, and need not look
 * into the manifest once more. In all other cases it looks: the claim is new, or was removed and made again;
 * another process has written there, is alive, stands still, or has died; the file of this process got no line,
 * or one whose place is not known. At level `durable` there are no marks: a look is nothing beside a flush.
 * A mark never speaks for removals, which take no claim: who finds a file by its mark looks all the same. A
 * claim that a backup has brought back may have a mark that holds no more; but marks hold only within the
 * millisecond of the last look at the manifest (once.ts).
 *
 * @module
 */
import { Alone, AloneClaim, type IdHolder } from "./alone.ts";
import { type Claim, CLAIMS, DIGITS, hasLine, type IdClaim } from "./claim.ts";
import { ClaimFiles, pathOf } from "./claim_files.ts";
import type { StorageFolder } from "./folder.ts";
import { hashPrefix } from "./hash_table.ts";
import { asStorageError } from "./io_errors.ts";
import { readEntryAt } from "./manifest_lines.ts";
import type { RandomHex } from "./naming.ts";
import { Notes } from "./notes.ts";

/** The claim, if something holds; else it is let go of, also where that cannot be told. */
function keptIf(claim: Claim, holds: () => boolean): Claim | undefined {
  let isKept = false;
  try {
    isKept = holds();
  } finally {
    if (!isKept) claim.leave();
  }
  return isKept ? claim : undefined;
}

/** The claims of one folder, as one process takes them. */
export class Claims implements IdHolder {
  readonly #folder: StorageFolder;
  readonly #randomHex: RandomHex;
  readonly #files: ClaimFiles;
  readonly #mayBeAlone: boolean;
  /** False if that has failed: the next one who takes a claim tries it again. */
  #hasCome = true;
  /** Present while this process is alone on the folder. */
  #alone: Alone | undefined;
  /** Present while it finds out whether it is, and learns what others have done before. */
  #nextAlone: Alone | undefined;
  /** The same, once it was found alone with it. */
  #found: Alone | undefined;
  /** What others noted who were alone when this process came. */
  readonly #notes = new Notes(() => this.#files.forgetMarks());
  /** Whether nothing was stored under an upload id; false where that takes waiting. */
  isNew: (uploadId: string) => boolean = () => false;
  /** The claim for what this process publishes without an upload id, in one synchronous step. Another one in another folder. */
  own: Claim;

  /** @param isAtOnce Whether files are published in one synchronous step: else this process is never alone. */
  constructor(folder: StorageFolder, randomHex: RandomHex, isAtOnce: boolean) {
    this.#folder = folder;
    this.#randomHex = randomHex;
    // On Windows nobody can read what somebody has locked.
    this.#mayBeAlone = isAtOnce && Deno.build.os !== "windows";
    this.#files = new ClaimFiles(folder, randomHex);
    this.own = this.fresh();
  }

  /** What this process knew without a look counts no more, as when it follows another manifest. */
  forget(): void {
    this.#files.forgetMarks();
    this.#endAlone();
  }

  /** The storage folder is another one: this process comes to it as to any other (alone.ts). */
  come(): void {
    this.#hasCome = false;
    const former = this.own;
    this.own = this.fresh();
    former.leave();
    this.#notes.close();
    for (const claim of this.left()) claim.left ? claim.leave() : claim.end();
    this.#endAlone(); // what is left there is still to be finished
    this.#hasCome = true;
  }

  #endAlone(): void {
    this.#alone?.end();
    this.#nextAlone?.end();
    this.#alone = this.#nextAlone = this.#found = undefined;
  }

  /** A claim that nobody else asks for. */
  fresh(): Claim {
    return this.#files.fresh(DIGITS.own)[0];
  }

  /** Takes the claim of an upload id: while this process is alone, in memory. Undefined while another try has it. */
  takeNow(uploadId: string): IdClaim | undefined {
    const alone = this.#alone;
    if (alone === undefined) return this.take(uploadId);
    if (!alone.stoodLately) {
      this.#endAlone();
      return this.take(uploadId);
    }
    const number = hashPrefix(uploadId);
    if (this.#files.held.has(number)) return undefined;
    this.#files.held.add(number);
    return new AloneClaim(alone, this, uploadId, number);
  }

  release(number: number): void {
    this.#files.held.delete(number);
  }

  takeInstead(uploadId: string): Claim | undefined {
    const { own } = this;
    const claim = this.take(uploadId);
    return claim && keptIf(claim, () => !claim.left && this.isNew(uploadId) && own === this.own);
  }

  /** Takes the claim of an upload id; undefined while another has it. */
  take(uploadId: string): Claim | undefined {
    if (!this.#hasCome) this.come();
    const number = hashPrefix(uploadId);
    if (this.#files.held.has(number)) return undefined;
    const claim = this.#files.take(number);
    if (claim === undefined || this.#notes.isEmpty) return claim;
    // Who was alone has not written into this claim, so that it may still have this process's mark.
    claim.isMine = false;
    return keptIf(claim, () => this.#notes.find(uploadId) === undefined);
  }

  /** Whether another process, which has the claim of an upload id, is about to publish a file under this path. */
  isFor(uploadId: string, path: string): boolean {
    using file = this.#files.open(pathOf(hashPrefix(uploadId)));
    if (file !== undefined && readEntryAt(file, 0)?.path === path) return true;
    return this.#notes.find(uploadId)?.path === path;
  }

  /** Takes, one after the other, the notes with an upload id that dead processes have left. */
  *leftNotes(uploadId: string): Generator<Claim> {
    for (const [path] of [...this.#notes.having(uploadId)]) {
      const file = this.#files.open(path);
      const claim = file === undefined ? undefined : this.#files.hold(path, file);
      if (claim !== undefined) yield claim;
      if (file === undefined || claim?.isEnded === true) this.#notes.drop(path);
    }
  }

  /**
   * Takes, one after the other, the claims in which dead processes have left something. If nobody else has one, and
   * all are ended that were taken, this process is alone.
   *
   * @throws {FxferError} An empty claim cannot be removed. It may be the token of a process that thinks itself alone
   * (alone.ts): until it is gone, this process publishes nothing under an upload id.
   */
  *left(): Generator<Claim> {
    if (this.#alone?.stands !== true) this.#endAlone();
    const alone = this.#alone ?? this.#begin();
    let isAlone = alone !== undefined;
    let fault: unknown;
    const list = () => [...Deno.readDirSync(this.#folder.at(CLAIMS))];
    for (const { name, isFile } of this.#folder.withFolders(`${CLAIMS}/`, list)) {
      const path = `${CLAIMS}/${name}`;
      if (!isFile || !/^[0-9a-f]{3,16}$/.test(name) || alone?.isToken(path)) continue;
      const number = name.length === DIGITS.shared ? parseInt(name, 16) : undefined;
      const key = number ?? path;
      if (number !== undefined) this.#files.meet(number);
      if (this.#files.held.has(key)) {
        // What stands there may be a dead process's: another try, or another sweep, is about to finish it.
        if (alone !== this.#alone && path !== this.own.path && this.#isLeft(path)) isAlone = false;
        continue;
      }
      const file = this.#files.open(path);
      const claim = file === undefined ? undefined : this.#files.hold(path, file, key);
      if (claim?.left === false && number !== undefined) {
        claim.leave();
        continue;
      }
      if (claim !== undefined) yield claim;
      if (claim?.left === false) fault ??= claim.fault;
      if (file === undefined || claim?.isEnded === true) continue;
      isAlone = false;
      if (name.length === DIGITS.note) this.#addNote(path);
    }
    for (const path of this.#notes.paths) if (this.#folder.isGone(path)) this.#notes.drop(path);
    if (fault !== undefined) {
      this.#endAlone();
      this.#hasCome = false;
      throw asStorageError("Cannot remove a claim that nobody holds", fault);
    }
    if (!(isAlone && this.#notes.isEmpty && alone?.stands)) this.#endAlone();
    else if (alone === this.#nextAlone) this.#found = alone;
  }

  #isLeft(path: string): boolean {
    using file = this.#files.open(path);
    return file !== undefined && hasLine(file);
  }

  /** Makes what a process has that is perhaps alone (alone.ts). Without it, each upload id has a claim. */
  #begin(): Alone | undefined {
    if (!this.#mayBeAlone) return undefined;
    let note: Claim | undefined;
    try {
      const [claim, isLocked] = this.#files.fresh(DIGITS.note);
      note = claim;
      const token = `${CLAIMS}/${this.#randomHex(DIGITS.own)}`;
      if (isLocked) return this.#nextAlone = new Alone(this.#folder, note, token);
    } catch {
      // The disk is full, or refuses.
    }
    note?.end();
    return undefined;
  }

  #addNote(path: string): void {
    const file = this.#files.open(path);
    if (file !== undefined) this.#notes.add(path, file);
  }

  /** What {@linkcode Claims.left} has found this process alone with, if it was not before. */
  get found(): Alone | undefined {
    return this.#found;
  }

  /** This process knows what others have done before it was found alone with this. */
  beAlone(found: Alone): void {
    if (found !== this.#found) return; // somebody has come since, or another sweep finds out
    this.#alone = found;
    this.#nextAlone = this.#found = undefined;
  }

  /** Lets go of everything. */
  close(): void {
    this.#endAlone();
    this.#notes.close();
    this.own.end();
  }
}
