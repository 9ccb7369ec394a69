/** A manifest, and what this process has learned of its lines. @module */
import { HashTable } from "./hash_table.ts";
import type { IndexState } from "./index_file.ts";
import type { contentOf, RawLine } from "./manifest_lines.ts";
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
    ...{ indexed: 0, readTo: 0, forgotten: false },
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
