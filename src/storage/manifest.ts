/**
 * commits.jsonl, the manifest: the list of whole files, one line of JSON each. Lines are only appended.
 *
 * A line is one `write` on a handle in append mode, so the lines of several processes on one folder
 * never mix. Each line goes to the file that the manifest's path names at that moment (S-MAN-3): a manifest
 * that somebody has moved or removed is followed by a new one. Where the file ends inside a line, whichever
 * process tore it, the next line starts with a line feed: readers then see one malformed line and lose no
 * other (S-MAN-1).
 *
 * @module
 */
import { FxferError } from "../errors.ts";
import type { StorageFolder } from "./folder.ts";
import { storageFull } from "./io_errors.ts";
import { share } from "./locks.ts";
import {
  contentOf,
  type ManifestEntry,
  parseLine,
  pathOf,
  readLines,
  type Removal,
} from "./manifest_lines.ts";

/** The manifest's name in the storage folder. */
export const MANIFEST = "commits.jsonl";

/** Appends to the manifest. */
export interface Manifest {
  /**
   * Appends a line, given without its LF. When it returns, the line survives the end of the process.
   *
   * @param path Of the file that the line lists; absent for the line of a removal.
   * @param exactly False where the place of the line need not be certain.
   * @returns Where the line begins and ends; undefined where that could not be looked at.
   */
  append(line: string, path?: string, exactly?: boolean): Position | undefined;
  /**
   * Appends the lines of several files, by one write. Throws if not all of them could be written; those before
   * stand there.
   *
   * @param listed Called for each line that stands there as a whole, in their order, with what `append` returns.
   */
  appendAll(lines: readonly Line[], exactly: boolean, listed: OnListed): void;
  /** Looks where the path of the manifest leads now, and throws if no line can be appended there. */
  check(): void;
  /** Flushes all lines written so far to the disk. */
  sync(): Promise<void>;
  /** Closes the handle. */
  close(): void;
}

/** A line without its LF, and the path of the file that it lists; undefined for the line of a removal. */
export interface Line {
  readonly line: string;
  readonly path: string | undefined;
}

/** Is told which line, counted from 0, stands in the manifest, and where. */
export type OnListed = (at: number, position: Position | undefined) => void;

/** Where a line stands: the position of its first byte, and the one after its LF. */
export type Position = readonly [start: number, end: number];

/** On a regular file a write is cut short only when the disk is full. */
export function manifestFull(): FxferError {
  return storageFull("Cannot write manifest", "no room left");
}

/** Something else than a regular file has the manifest's name. */
export function notRegular(cause?: unknown): FxferError {
  return new FxferError("local_io", `Cannot open manifest: ${MANIFEST} is not a regular file`, {
    cause,
  });
}

/** In so many bytes at the end of a manifest all lines stand that came in the last moments. */
export const LATELY_BYTES: number = 1024 * 1024;

/**
 * Whether another line speaks for a line that is to be written again: it stands there already, as after a
 * compaction, or another process has removed the file since, or stored another one under its path.
 *
 * @param size Of the manifest, in bytes.
 */
export function isOutdated(file: Deno.FsFile, size: number, line: string): boolean {
  const content = parseLine(line);
  if (content === undefined) return false;
  const path = pathOf(content);
  let last: ManifestEntry | Removal | undefined;
  for (const found of readLines(file, Math.max(0, size - LATELY_BYTES))) {
    if (found.text === line) return true;
    const other = found.text?.includes(path) ? contentOf(found) : undefined;
    if (other !== undefined && pathOf(other) === path) last = other;
  }
  if (last === undefined) return false;
  if ("removed" in content) return "removed" in last || last.time !== content.file?.time;
  return "removed" in last ? last.file?.time === content.time : last.time > content.time;
}

/** Opens the manifest for reading and appending. A planted link, FIFO or folder is refused. */
export function openToRead(folder: StorageFolder): Deno.FsFile {
  if (folder.kind(MANIFEST)?.isFile === false) throw notRegular();
  const how = { read: true, append: true, create: true, mode: 0o640 };
  // Of a FIFO that was planted since, a handle that also reads is had at once, without a partner.
  const file = folder.withFolders(MANIFEST, () => Deno.openSync(folder.at(MANIFEST), how));
  if (file.statSync().isFile) {
    share(file);
    return file;
  }
  file.close();
  throw notRegular();
}
