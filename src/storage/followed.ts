/** A manifest, the one before it, and what this process has learned of their lines. @module */
import { HashTable } from "./hash_table.ts";
import type { IndexState } from "./held_reads.ts";
import type { IdFilter } from "./id_filter.ts";
import { LATELY_BYTES } from "./manifest.ts";
import {
  contentOf,
  type ManifestEntry,
  pathOf,
  type RawLine,
  readLines,
} from "./manifest_lines.ts";
import { isFinalPath } from "./naming.ts";
import type { ReadableManifest } from "./readable_manifest.ts";

/** Is told each line, empty ones too. */
export type EachLine = (line: RawLine, content: ReturnType<typeof contentOf>) => void;

/** What is known of one manifest, which is open for reading. */
export interface Followed {
  readonly file: Deno.FsFile;
  /** What the index calls it. */
  readonly name: string;
  /** Where the lines of upload ids are, from `indexed` on. More than one while lines are being written. */
  tables: HashTable[];
  /** Where the lines of removals are, from `indexed` on. */
  readonly removed: Map<string, number>;
  /** Up to here the lines are in the index. */
  indexed: number;
  /** Tells which ids are not in the index; absent where that is not known. */
  ids: IdFilter | undefined;
  /** Up to here the lines are known. */
  readTo: number;
  /** Whether lines that were known are not known any more, and have not been read again. */
  forgotten: boolean;
}

/** Begins to follow the manifest that is open. */
export function follow(
  { file, identity: name }: Pick<ReadableManifest, "file" | "identity">,
): Followed {
  return {
    ...{ file, name, tables: [new HashTable()], removed: new Map() },
    ...{ indexed: 0, ids: undefined, readTo: 0, forgotten: false },
  };
}

/** Forgets what was learned, because the index has nothing of it any more. */
export function forget(followed: Followed): void {
  followed.forgotten = true;
  followed.indexed = followed.readTo = 0;
  followed.tables = [new HashTable()];
  followed.removed.clear();
}

/** Whether the index is of this manifest, and of what stands in it. */
export function fits({ manifest, readTo, tail }: IndexState, { name, file }: Followed): boolean {
  return manifest === name && tailOf(file, readTo) === tail;
}

/** The last bytes before a position, as text to be compared. */
export function tailOf(file: Deno.FsFile, position: number): string {
  const bytes = new Uint8Array(Math.min(64, position));
  file.seekSync(position - bytes.length, Deno.SeekMode.Start);
  const count = file.readSync(bytes) ?? 0;
  return bytes.subarray(0, count).toHex();
}

/** So long after the switch lines are brought into the new manifest, in milliseconds: many times as long as it takes. */
const LATE_MS = 500;

/**
 * The manifest before the one that is there: its upload ids still hold, and others may add a line to it before
 * they learn that it was moved.
 */
export class FormerManifest {
  readonly followed: Followed;
  /** Up to here it was looked at. */
  #size = 0;
  readonly #switchedAt = performance.now();
  /** The files of its last lines, and the position of the first line that is not among these. */
  readonly #late = new Map<string, ManifestEntry>();
  #lateTo: number;

  constructor(followed: Followed) {
    this.followed = followed;
    this.#lateTo = Math.max(0, this.#end() - LATELY_BYTES);
  }

  #end(): number {
    return this.followed.file.seekSync(0, Deno.SeekMode.End);
  }

  /** Up to where it was looked at last. */
  get size(): number {
    return this.#size;
  }

  /** How many bytes have not been read since it was looked at last. */
  look(): number {
    const size = this.#end();
    if (size === this.#size) return 0; // what is left at its end is half a line
    this.#size = size;
    return size - this.followed.readTo;
  }

  /** Whether everything that is there was read. */
  get isRead(): boolean {
    return this.followed.readTo >= this.#end();
  }

  /**
   * The newest file that fits, of those whose lines came at the end: for a moment these may not stand in the new
   * manifest, because a compaction, or the server that wrote them, has still to write them there.
   */
  lateFile(fits: (entry: ManifestEntry) => boolean): ManifestEntry | undefined {
    if (performance.now() - this.#switchedAt > LATE_MS) return void this.#late.clear();
    const { file, readTo } = this.followed;
    for (const line of readLines(file, this.#lateTo, readTo)) {
      const content = contentOf(line);
      if (content === undefined) continue;
      this.#late.delete(pathOf(content)); // the last line of a path counts, and has the last place
      if (!("removed" in content) && isFinalPath(content.path)) {
        this.#late.set(content.path, content);
      }
    }
    this.#lateTo = Math.max(this.#lateTo, readTo);
    return [...this.#late.values()].findLast(fits);
  }

  close(): void {
    this.followed.file.close();
  }
}
