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
import { FxferError } from "../errors.ts";
import { Claim, CLAIMS, MARK_BYTES } from "./claim.ts";
import type { StorageFolder } from "./folder.ts";
import { hashPrefix } from "./hash_table.ts";
import { isTaken, unlessAbsent } from "./io_errors.ts";
import { tryLock } from "./locks.ts";
import { type ManifestEntry, readEntryAt } from "./manifest_lines.ts";
import type { RandomHex } from "./naming.ts";

const HOW = { read: true, write: true, mode: 0o640 };

/** One of the claims that upload ids share, by its number: 0 to 4095. */
const pathOf = (number: number) => `${CLAIMS}/${number.toString(16).padStart(3, "0")}`;

/** The claims of one folder, as one process takes them. */
export class Claims {
  readonly #folder: StorageFolder;
  readonly #randomHex: RandomHex;
  /** Which claims of upload ids this process has met, by number. Others are most probably still to be made. */
  readonly #met = new Uint8Array(4096);
  /** An LF and the mark of this process. */
  #mark: Uint8Array;
  /** The claim for what this process publishes without an upload id, in one synchronous step. */
  own: Claim;

  constructor(folder: StorageFolder, randomHex: RandomHex) {
    this.#folder = folder;
    this.#randomHex = randomHex;
    this.#mark = this.#newMark();
    this.own = this.fresh();
  }

  #newMark(): Uint8Array {
    return new TextEncoder().encode(`\n${this.#randomHex(MARK_BYTES)}`);
  }

  /** Marks that this process has left count no more: it follows another manifest. */
  forgetMarks(): void {
    this.#mark = this.#newMark();
  }

  /** A claim that nobody else asks for. */
  fresh(): Claim {
    for (;;) {
      const path = `${CLAIMS}/${this.#randomHex(16)}`;
      const file = this.#make(path);
      // A sweep that met it before it was locked takes it for one that a dead process has left, and removes it.
      if (tryLock(file) !== false && this.#folder.holds(path, file.statSync())) {
        return this.#read(path, file);
      }
      file.close();
    }
  }

  /** Takes the claim of an upload id; undefined while another has it. */
  take(uploadId: string): Claim | undefined {
    const number = hashPrefix(uploadId);
    const path = pathOf(number);
    let made: Deno.FsFile | undefined;
    if (this.#met[number] === 1) {
      const claim = this.#takeMet(path);
      if (claim !== undefined) return claim;
    } else {
      // To look for a missing file throws, which takes three times as long as to make it.
      made = this.#makeIfFree(path);
      this.#met[number] = 1;
    }
    const file = made ?? this.#open(path) ?? this.#makeIfFree(path) ?? this.#open(path);
    if (file !== undefined) return this.#hold(path, file);
    throw new Deno.errors.NotFound("a claim was removed twice while it was taken");
  }

  /** What another process, which has the claim of an upload id, is about to publish. */
  peek(uploadId: string): ManifestEntry | undefined {
    using file = this.#open(pathOf(hashPrefix(uploadId)));
    return file === undefined ? undefined : readEntryAt(file, 0);
  }

  /** Takes, one after the other, the claims in which dead processes have left something. */
  *left(): Generator<Claim> {
    const list = () => [...Deno.readDirSync(this.#folder.at(CLAIMS))];
    for (const { name, isFile } of this.#folder.withFolders(`${CLAIMS}/`, list)) {
      const path = `${CLAIMS}/${name}`;
      const file = isFile && /^[0-9a-f]{3,16}$/.test(name) ? this.#open(path) : undefined;
      if (name.length === 3) this.#met[parseInt(name, 16)] = 1;
      const claim = file === undefined ? undefined : this.#hold(path, file);
      if (claim?.left === false && name.length === 3) claim.leave();
      else if (claim !== undefined) yield claim;
    }
  }

  /**
   * Takes a claim that was a file when this process met it. If the mark of this process is there, it is no other
   * file now; else what has the name is looked at before anything is written.
   *
   * @returns Undefined where {@linkcode Claims.take} has to look first.
   */
  #takeMet(path: string): Claim | undefined {
    let file: Deno.FsFile | undefined;
    try {
      file = Deno.openSync(this.#folder.at(path), HOW);
      if (tryLock(file) !== false) {
        file.seekSync(0, Deno.SeekMode.Start); // fails for a FIFO, which to read would take for ever
        const claim = new Claim(this.#folder, path, file, this.#mark);
        if (claim.isMine || claim.stands) return claim;
      }
    } catch {
      // The look tells what is wrong.
    }
    file?.close();
    return undefined;
  }

  #hold(path: string, file: Deno.FsFile): Claim | undefined {
    if (tryLock(file) !== false) return this.#read(path, file);
    file.close();
    return undefined;
  }

  /** The claim of a file that is locked. */
  #read(path: string, file: Deno.FsFile): Claim {
    try {
      return new Claim(this.#folder, path, file, this.#mark);
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
  #open(path: string): Deno.FsFile | undefined {
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
