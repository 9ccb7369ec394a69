/** A claim as its holder has it: what is read from it and written into it (claims.ts). @module */
import type { StorageFolder } from "./folder.ts";
import { storageFull } from "./io_errors.ts";
import {
  encodeLine,
  LF,
  type ManifestEntry,
  parseLine,
  readLines,
  type Removal,
} from "./manifest_lines.ts";

/** The folder of the claims in the storage folder. */
export const CLAIMS = ".claims";

/** So many bytes of lines are kept in a claim that is used again and again. */
const MAX_BYTES = 65536;

/** How long a mark is, in bytes; it stands behind the LF that says that the line is done. */
export const MARK_BYTES = 16;

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

function isSame(one: Uint8Array, other: Uint8Array): boolean {
  for (let at = 0; at < one.length; at++) if (one[at] !== other[at]) return false;
  return true;
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
    const count = file.readSync(beginning) ?? 0;
    this.left = count > 0 && beginning[0] !== LF;
    this.isMine = count === mark.length && isSame(mark, beginning);
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
