/**
 * Rewrites the manifest without what is gone, while servers go on to append to it (S-REM-1).
 *
 * 1. The lines that stand are written into `commits.jsonl.new`, then those that were appended meanwhile.
 * 2. The manifest gets a second name, under which it is kept, and a note says up to where it was read.
 * 3. The new file takes the manifest's name. Servers find the manifest by its path: from here on they
 *    append to the new one.
 * 4. Lines that came into the former one between 1 and 3 are appended to the new one. Then the note goes.
 *
 * A failure before 3 takes everything back. After a crash before 3, or a failure or crash after it, the note
 * makes whoever starts, and the sweep, do the rest (unfinished_compaction.ts).
 *
 * @module
 */
import { FxferError } from "../errors.ts";
import { systemFlush } from "./flush.ts";
import { HashTable } from "./hash_table.ts";
import { isAbsent } from "./io_errors.ts";
import { LineWriter } from "./line_writer.ts";
import { MANIFEST } from "./manifest.ts";
import { contentOf, pathOf, type RawLine, readLines } from "./manifest_lines.ts";
import { isFinalPath, timestamp } from "./naming.ts";
import { AGAIN_MS } from "./removal.ts";
import {
  bringOver,
  finishLocked,
  formatNote,
  isFile,
  NEW,
  NOTE,
  removeIfThere,
  takeLock,
  type Unfinished,
} from "./unfinished_compaction.ts";

/** So long the former manifest is looked at for lines after it was replaced, in milliseconds: many times as long as servers take to find the new one. */
const AFTER_MS = 200;

/** What {@linkcode compactManifest} has done. Bytes and lines of the manifest.
 * @category Storage */
export interface Compaction {
  /** Files that are listed. */
  readonly files: number;
  /** Lines before. */
  readonly linesBefore: number;
  /** Lines after, with those of files that were removed in the last 10 minutes. */
  readonly lines: number;
  /** Bytes before. */
  readonly bytesBefore: number;
  /** Bytes after. */
  readonly bytes: number;
  /** The name in the folder under which the former manifest is kept. */
  readonly kept: string;
}

/**
 * Rewrites the manifest of a storage folder without the lines of files that were removed, and without lines
 * that later ones of the same path have replaced. The former manifest is kept under another name. Servers
 * may use the folder meanwhile. It needs permission to read and write the folder.
 *
 * @param folder The storage folder.
 * @param state The folder of the storage's own files, if it has one.
 * @throws {FxferError} `local_io` when there is no manifest, it cannot be rewritten, or another process is
 * rewriting it at this moment.
 *
 * @example
 * ```ts
 * import { compactManifest, DiskStorage } from "../../mod.ts";
 *
 * const folder = await Deno.makeTempDir();
 * {
 *   await using storage = await DiskStorage.open(folder);
 *   const { path } = await storage.put({ mimeType: "text/plain", reserve: 0 }, new Uint8Array(3));
 *   await storage.catalogue.remove(path);
 * }
 * console.assert((await compactManifest(folder)).linesBefore === 2);
 * await Deno.remove(folder, { recursive: true });
 * ```
 * @category Storage
 */
export async function compactManifest(folder: string, state: string = folder): Promise<Compaction> {
  try {
    return await compact(state, (path) => isFile(`${folder}/${path}`));
  } catch (cause) {
    if (cause instanceof FxferError) throw cause;
    const reason = isAbsent(cause)
      ? `there is no ${MANIFEST}`
      : cause instanceof Error
      ? cause.message
      : String(cause);
    throw new FxferError("local_io", `Cannot compact ${state}: ${reason}`, { cause });
  }
}

async function compact(
  folder: string,
  isThere: (path: string) => boolean,
): Promise<Compaction> {
  const at = (name: string) => `${folder}/${name}`;
  if (!Deno.lstatSync(at(MANIFEST)).isFile) throw new Error(`${MANIFEST} is not a regular file`);
  using lock = takeLock(folder);
  if (lock === undefined) throw new Error("another process is at it");
  finishLocked(folder, isThere, true);
  using former = Deno.openSync(at(MANIFEST), { read: true });
  const kept = `${MANIFEST}.${timestamp(Date.now())}`;
  let done: Replaced;
  try {
    done = await replace(folder, former, kept);
  } catch (error) {
    takeBack(at, [NOTE, kept, NEW]);
    throw error;
  }
  using added = Deno.openSync(at(MANIFEST), { read: true, append: true });
  for (const until = performance.now() + AFTER_MS; performance.now() < until;) {
    bringOver(former, added, done, isThere);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  await systemFlush.folder(folder); // else a power cut may bring the former manifest back
  await added.sync();
  removeIfThere(at(NOTE));
  const { size: bytes } = added.statSync();
  const { files, lines, linesBefore, bytesBefore } = done;
  return { files, linesBefore, lines, bytesBefore, bytes, kept };
}

/** A network file system may say that a rename failed which it has done: then the note must do the rest. */
function takeBack(at: (name: string) => string, names: readonly string[]): void {
  try {
    if (isFile(at(NEW))) { for (const name of names) removeIfThere(at(name)); }
  } catch {
    // The next compaction finds what is left. What failed first is what the user is told.
  }
}

/** What a compaction knows when the new manifest has its name. */
type Replaced = Omit<Compaction, "bytes"> & Unfinished;

/** Steps 1 to 3. Where it throws, the manifest is what it was. */
async function replace(folder: string, former: Deno.FsFile, kept: string): Promise<Replaced> {
  const at = (name: string) => `${folder}/${name}`;
  const info = former.statSync();
  using target = Deno.openSync(at(NEW), { write: true, createNew: true, mode: 0o640 });
  const last = new HashTable();
  /** The first line of each path since it was removed: its place stays, because lists are under way that go by it. */
  const first = new HashTable();
  const removed = new HashTable();
  let linesBefore = 0;
  let end = 0;
  for (const line of readLines(former, 0, info.size)) {
    if (line.torn) break;
    end = line.end;
    const content = contentOf(line);
    if (content === undefined) continue;
    linesBefore++;
    const path = pathOf(content);
    const before = last.get(path);
    if ("removed" in content) removed.set(path, line.start);
    else if (before === undefined || before === removed.get(path)) first.set(path, line.start);
    last.set(path, line.start);
  }
  let files = 0;
  const recent = Date.now() - AGAIN_MS;
  const out = new LineWriter(target);
  for (const line of readLines(former, 0, end)) {
    if (line.start >= end) break;
    const content = contentOf(line);
    if (content === undefined) continue;
    if ("removed" in content) {
      const isLast = line.start === last.get(content.removed);
      if (isLast && content.time >= recent) out.write(line.text!);
      continue;
    }
    const { path } = content;
    const stands = last.get(path)!;
    if (line.start !== first.get(path) || stands === removed.get(path) || !isFinalPath(path)) {
      continue;
    }
    out.write((stands === line.start ? line : lineAt(former, stands)).text!);
    files++;
  }
  end = copyLines(former, end, out);
  out.end();
  await target.sync();
  linkOrCopy(at(MANIFEST), at(kept));
  end = copyLines(former, end, out); // last, because a copy has no lines that come after it was made
  out.end();
  const unfinished = { kept, from: end, to: target.statSync().size };
  Deno.writeTextFileSync(at(NOTE), formatNote(unfinished), { createNew: true });
  const stands = Deno.lstatSync(at(MANIFEST));
  if (stands.ino !== info.ino || stands.dev !== info.dev) {
    throw new Error("somebody has replaced the manifest meanwhile");
  }
  Deno.renameSync(at(NEW), at(MANIFEST));
  return { files, linesBefore, lines: out.count, bytesBefore: info.size, ...unfinished };
}

/** The line that begins at a position, where there is one. */
const lineAt = (file: Deno.FsFile, position: number): RawLine =>
  readLines(file, position, position + 1).next().value!;

/** Copies the whole lines of a file from a position on, and returns where the next ones begin. */
function copyLines(file: Deno.FsFile, from: number, out: LineWriter): number {
  for (const line of readLines(file, from)) {
    if (line.torn) break;
    from = line.end;
    if (line.text !== undefined && line.text !== "") out.write(line.text);
  }
  return from;
}

/** A second name costs nothing; a file system that has none gets a copy. */
function linkOrCopy(from: string, to: string): void {
  try {
    Deno.linkSync(from, to);
  } catch {
    Deno.copyFileSync(from, to);
  }
}
