/** A claim as its holder has it: what is read from it and written into it (claims.ts). @module */
import { FxferError } from "../errors.ts";
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

/** How many digits the names of claims have. */
export const DIGITS = {
  /** One that upload ids share: it stays. */
  shared: 3,
  /** The note of a process that is alone (alone.ts). A server of an earlier version takes it for any other. */
  note: 15,
  /** Any other. */
  own: 16,
} as const;

/** How long a try waits for another one with its upload id, in milliseconds. */
export const WAIT_MS = 2000;

/** The refusal of a try whose upload id is in use. */
export function underWay(): FxferError {
  const text = "Cannot store file: another try with its upload id is under way";
  return new FxferError("busy", text, { fields: { retry_after_ms: WAIT_MS } });
}

/** How the content of a claim begins that is being taken. */
const beginning = new Uint8Array(1 + MARK_BYTES);
const first = beginning.subarray(0, 1);

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

/**
 * The last line of a claim, line by line.
 *
 * @param until The position before which it begins.
 */
export function leftIn(file: Deno.FsFile, until: number): Left[] {
  let last: Left[] = [];
  for (const { text, torn } of readLines(file, 0, until)) {
    if (torn || text === undefined) continue;
    const found = linesOf(text).flatMap((line) => {
      const content = parseLine(line);
      return content === undefined ? [] : [{ content, line }];
    });
    if (found.length > 0) last = found;
  }
  return last;
}

/** Whether something is left in a claim: its first byte is that of a line, not an LF in its place. */
export function hasLine(file: Deno.FsFile): boolean {
  file.seekSync(0, Deno.SeekMode.Start);
  return file.readSync(first) === 1 && first[0] !== LF;
}

function isSame(one: Uint8Array, other: Uint8Array): boolean {
  for (let at = 0; at < one.length; at++) if (one[at] !== other[at]) return false;
  return true;
}

/** What a try with an upload id holds until it is published, or will never be. */
export interface IdClaim {
  /** Whether an earlier holder died and has left a line. */
  readonly left: boolean;
  /** Whether this process knows every file that was published under the claim. */
  readonly isMine: boolean;
  /** To be set by whoever publishes a file under the claim and knows it by its upload id from then on. */
  isKnown: boolean;
  /** Writes down the line, without its LF, of the file that is about to get its final name. */
  write(line: string): void;
  /** Lets go of the claim, and leaves what stands in it to the next holder. */
  leave(): void;
  /** Lets go of the claim: what it was taken for is done, or will never be. */
  end(): void;
}

/** The claims that a process holds: those that upload ids share by their numbers, others by their paths. */
export type HeldClaims = Set<number | string>;

/** A claim that this process holds. */
export class Claim implements IdClaim {
  readonly #folder: StorageFolder;
  readonly path: string;
  readonly #file: Deno.FsFile;
  /** How many digits its name has. */
  readonly #digits: number;
  #end = 0;
  readonly #mark: Uint8Array;
  readonly #held: HeldClaims;
  readonly #key: number | string;
  readonly left: boolean;
  isMine: boolean;
  isKnown = false;
  /** Whether what it was taken for is done. */
  isEnded = false;
  /** Why its file is still there, or not marked, although it is ended. */
  fault: unknown;

  /**
   * @param mark An LF and the mark of the process.
   * @param held All claims that this process holds: this one is among them, by its key, until it is let go of.
   */
  constructor(
    folder: StorageFolder,
    path: string,
    file: Deno.FsFile,
    mark: Uint8Array,
    held: HeldClaims,
    key: number | string,
  ) {
    this.#folder = folder;
    this.path = path;
    this.#file = file;
    this.#mark = mark;
    this.#held = held;
    this.#key = key;
    this.#digits = path.length - `${CLAIMS}/`.length;
    const count = file.readSync(beginning) ?? 0;
    this.left = count > 0 && beginning[0] !== LF;
    this.isMine = count === mark.length && isSame(mark, beginning);
    held.add(key);
  }

  /** Its line takes the place of the one before; in a claim of 16 digits lines follow each other. */
  get #isRewritten(): boolean {
    return this.#digits < DIGITS.own;
  }

  write(line: string): void {
    const bytes = encodeLine(line);
    this.#end += bytes.length;
    if (this.#isRewritten) this.#file.seekSync(0, Deno.SeekMode.Start);
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
    return leftIn(this.#file, this.#isRewritten ? 1 : Infinity);
  }

  /** Whether the claim is still where its path says: false once the storage folder is another one. */
  get stands(): boolean {
    return this.#folder.holds(this.path, this.#file.statSync());
  }

  leave(): void {
    this.#held.delete(this.#key);
    this.#file.close();
  }

  end(): void {
    this.isEnded = true;
    try {
      if (this.#digits !== DIGITS.shared) this.#folder.remove(this.path);
      else if (!this.isKnown) this.write(""); // an LF in place of its first byte: the line is done
      else {
        this.#file.seekSync(0, Deno.SeekMode.Start);
        this.#file.writeSync(this.#mark);
      }
    } catch (cause) {
      this.fault = cause; // the next holder finds that the line is done
    }
    this.leave();
  }
}
