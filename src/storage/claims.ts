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
import type { StorageFolder } from "./folder.ts";
import { hashName } from "./hash_table.ts";
import { isTaken, storageFull, unlessAbsent } from "./io_errors.ts";
import { tryLock } from "./locks.ts";
import {
  encodeLine,
  LF,
  type ManifestEntry,
  parseLine,
  readEntryAt,
  readLines,
  type Removal,
} from "./manifest_lines.ts";
import type { RandomHex } from "./naming.ts";

/** The folder of the claims in the storage folder. */
export const CLAIMS = ".claims";

/** So many bytes of lines are kept in a claim that is used again and again. */
const MAX_BYTES = 65536;

/** How long a mark is, in bytes; it stands behind the LF that says that the line is done. */
const MARK_BYTES = 16;

const HOW = { read: true, write: true, mode: 0o640 };

/** The claim of an upload id. */
const pathOf = (uploadId: string) => `${CLAIMS}/${hashName(uploadId).slice(0, 3)}`;

/** The number of an upload id's claim: 0 to 4095; NaN for a name that stands for none. */
const numberOf = (path: string) => parseInt(path.slice(-3), 16);

/** How the content of a claim begins that is being taken. */
const beginning = new Uint8Array(1 + MARK_BYTES);

/** What the holder of a claim was about to do. */
export interface Left {
  readonly content: ManifestEntry | Removal;
  /** The line of the manifest that says so. */
  readonly line: string;
}

/** The lines that are written as one. */
function linesOf(text: string): string[] {
  if (!text.startsWith("[")) return [text];
  try {
    return (JSON.parse(text) as unknown[]).map((content) => JSON.stringify(content));
  } catch {
    return [];
  }
}

/** A claim that this process holds. */
export class Claim {
  readonly #folder: StorageFolder;
  readonly #path: string;
  readonly #file: Deno.FsFile;
  /** Whether upload ids share it. Then each line takes the place of the one before; else lines follow each other. */
  readonly #isShared: boolean;
  #end = 0;
  readonly #mark: Uint8Array;
  /** Whether an earlier holder died and has left a line. */
  readonly left: boolean;
  /** Whether this process knows every file that was published under the claim. */
  readonly isMine: boolean;
  /** To be set by whoever publishes a file under the claim and knows it by its upload id from then on. */
  isKnown = false;

  /** @param mark An LF and the mark of the process. */
  constructor(folder: StorageFolder, path: string, file: Deno.FsFile, mark: Uint8Array) {
    this.#folder = folder;
    this.#path = path;
    this.#file = file;
    this.#mark = mark;
    this.#isShared = path.length === `${CLAIMS}/fff`.length;
    try {
      const count = file.readSync(beginning) ?? 0;
      this.left = count > 0 && beginning[0] !== LF;
      this.isMine = count === mark.length && mark.every((byte, at) => byte === beginning[at]);
    } catch (error) {
      file.close(); // and with it the lock: nobody would ever let go of it
      throw error;
    }
  }

  /** Writes down the line, without its LF, of the file that is about to get its final name. */
  write(line: string): void {
    const bytes = encodeLine(line);
    this.#end += bytes.length;
    if (this.#isShared) this.#file.seekSync(0, Deno.SeekMode.Start);
    else if (this.#end > MAX_BYTES) {
      this.#file.truncateSync(0);
      this.#end = this.#file.seekSync(0, Deno.SeekMode.Start) + bytes.length;
    }
    if (this.#file.writeSync(bytes) === bytes.length) return;
    this.#end = Infinity; // the next line begins anew
    throw storageFull("Cannot claim final name", "no room left");
  }

  /** Writes down the lines of files that are about to get their final names, as one line: a list of them. */
  writeAll(lines: readonly string[]): void {
    this.write(lines.length === 1 ? lines[0]! : `[${lines.join(",")}]`);
  }

  /** What was written last, line by line; nothing if there is none, or only half of it. */
  read(): Left[] {
    let last: Left[] = [];
    for (const { text, torn } of readLines(this.#file, 0, this.#isShared ? 1 : Infinity)) {
      if (torn || text === undefined) continue;
      const found = linesOf(text).flatMap((line) => {
        const content = parseLine(line);
        return content === undefined ? [] : [{ content, line }];
      });
      if (found.length > 0) last = found;
    }
    return last;
  }

  /** Whether the claim is still where its path says: false once the storage folder is another one. */
  get stands(): boolean {
    return this.#folder.holds(this.#path, this.#file.statSync());
  }

  /** Lets go of the claim, and leaves what stands in it to the next holder. */
  leave(): void {
    this.#file.close();
  }

  /** Lets go of the claim: what it was taken for is done, or will never be. */
  end(): void {
    try {
      if (!this.#isShared) this.#folder.remove(this.#path);
      else if (!this.isKnown) this.write(""); // an LF in place of its first byte: the line is done
      else {
        this.#file.seekSync(0, Deno.SeekMode.Start);
        this.#file.writeSync(this.#mark);
      }
    } catch {
      // The next holder finds that the line is done.
    }
    this.#file.close();
  }
}

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
        return new Claim(this.#folder, path, file, this.#mark);
      }
      file.close();
    }
  }

  /** Takes the claim of an upload id; undefined while another has it. */
  take(uploadId: string): Claim | undefined {
    const path = pathOf(uploadId);
    const number = numberOf(path);
    // To look for a missing file throws, which takes three times as long as to make it.
    const made = this.#met[number] === 0 ? this.#makeIfFree(path) : undefined;
    this.#met[number] = 1;
    const file = made ?? this.#open(path) ?? this.#makeIfFree(path) ?? this.#open(path);
    if (file !== undefined) return this.#hold(path, file);
    throw new Deno.errors.NotFound("a claim was removed twice while it was taken");
  }

  /** What another process, which has the claim of an upload id, is about to publish. */
  peek(uploadId: string): ManifestEntry | undefined {
    using file = this.#open(pathOf(uploadId));
    return file === undefined ? undefined : readEntryAt(file, 0);
  }

  /** Takes, one after the other, the claims in which dead processes have left something. */
  *left(): Generator<Claim> {
    const list = () => [...Deno.readDirSync(this.#folder.at(CLAIMS))];
    for (const { name, isFile } of this.#folder.withFolders(`${CLAIMS}/`, list)) {
      const path = `${CLAIMS}/${name}`;
      const file = isFile && /^[0-9a-f]{3,16}$/.test(name) ? this.#open(path) : undefined;
      if (name.length === 3) this.#met[numberOf(path)] = 1;
      const claim = file === undefined ? undefined : this.#hold(path, file);
      if (claim?.left === false && name.length === 3) claim.leave();
      else if (claim !== undefined) yield claim;
    }
  }

  #hold(path: string, file: Deno.FsFile): Claim | undefined {
    if (tryLock(file) !== false) return new Claim(this.#folder, path, file, this.#mark);
    file.close();
    return undefined;
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
