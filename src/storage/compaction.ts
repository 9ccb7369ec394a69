/**
 * Rewrites the manifest without what is gone, while servers go on to append to it (S-REM-1).
 *
 * 1. The lines that stand are written into `commits.jsonl.new`, then those that were appended meanwhile.
 * 2. The manifest gets a second name, under which it is kept, and a note says up to where it was read.
 * 3. The new file takes the manifest's name. Servers find the manifest by its path: from here on they
 *    append to the new one.
 * 4. Lines that came into the former one between 1 and 3 are appended to the new one. Then the note goes.
 *
 * After a crash between 2 and 4 the note makes whoever starts do step 4. A line that is appended twice does
 * no harm.
 *
 * @module
 */
import { FxferError } from "../errors.ts";
import { HashTable } from "./hash_table.ts";
import { isAbsent, unlessAbsent } from "./io_errors.ts";
import { tryLock } from "./locks.ts";
import { MANIFEST } from "./manifest.ts";
import { contentOf, type RawLine, readLines } from "./manifest_lines.ts";
import { isFinalPath, timestamp } from "./naming.ts";
import { AGAIN_MS } from "./removal.ts";

/** Being written. */
const NEW = `${MANIFEST}.new`;

/** Locked by whoever is writing. */
const LOCK = ".claims/compaction";

/** The note of step 2. */
const NOTE = ".compacting";

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
  finishCompaction(folder, isThere);
  using former = Deno.openSync(at(MANIFEST), { read: true });
  const info = former.statSync();
  using _lock = takeLock(at(LOCK));
  removeIfThere(at(NEW)); // of one that was killed
  using target = Deno.openSync(at(NEW), { write: true, createNew: true, mode: 0o640 });
  const last = new HashTable();
  let linesBefore = 0;
  let end = 0;
  for (const line of readLines(former, 0, info.size)) {
    if (line.torn) break;
    end = line.end;
    const path = pathOf(line);
    if (path === undefined) continue;
    linesBefore++;
    last.set(path, line.start);
  }
  let files = 0;
  const recent = Date.now() - AGAIN_MS;
  const out = new LineWriter(target);
  for (const line of readLines(former, 0, end)) {
    if (line.start >= end) break;
    const content = contentOf(line);
    if (content === undefined) continue;
    const isRemoval = "removed" in content;
    if (line.start !== last.get(isRemoval ? content.removed : content.path)) continue;
    if (isRemoval ? content.time < recent : !isFinalPath(content.path)) continue;
    out.write(line.text!);
    if (!isRemoval) files++;
  }
  end = copyLines(former, end, out);
  out.end();
  await target.sync();
  end = copyLines(former, end, out);
  out.end();

  const kept = `${MANIFEST}.${timestamp(Date.now())}`;
  linkOrCopy(at(MANIFEST), at(kept));
  Deno.writeTextFileSync(at(NOTE), JSON.stringify({ kept, from: end }), { createNew: true });
  const stands = Deno.lstatSync(at(MANIFEST));
  if (stands.ino !== info.ino || stands.dev !== info.dev) {
    Deno.removeSync(at(NOTE));
    throw new Error("somebody has replaced the manifest meanwhile");
  }
  Deno.renameSync(at(NEW), at(MANIFEST));
  using added = Deno.openSync(at(MANIFEST), { append: true });
  const rest = new LineWriter(added, true);
  for (const until = performance.now() + AFTER_MS; performance.now() < until;) {
    end = copyLines(former, end, rest);
    rest.end();
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  await added.sync();
  removeIfThere(at(NOTE));
  const { size: bytes } = added.statSync();
  return { files, linesBefore, lines: out.lines, bytesBefore: info.size, bytes, kept };
}

/**
 * Does what a compaction that was killed has left to be done.
 *
 * @param folder Where the manifest is.
 * @param isThere Whether there is a stored file under a path.
 */
export function finishCompaction(folder: string, isThere: (path: string) => boolean): void {
  const at = (name: string) => `${folder}/${name}`;
  let text: string;
  try {
    if (!Deno.lstatSync(at(NOTE)).isFile) return;
    text = Deno.readTextFileSync(at(NOTE));
  } catch (error) {
    return unlessAbsent(error);
  }
  using manifest = Deno.openSync(at(MANIFEST), { read: true, append: true });
  const note = /^\{"kept":"(commits\.jsonl\.[0-9T]+)","from":([0-9]+)\}$/.exec(text);
  if (note !== null && Deno.lstatSync(at(note[1]!)).isFile) {
    using kept = Deno.openSync(at(note[1]!), { read: true });
    if (kept.statSync().ino !== manifest.statSync().ino) {
      const out = new LineWriter(manifest, true);
      copyLines(kept, Number(note[2]), out, (line) => {
        const content = contentOf(line);
        return content !== undefined && ("removed" in content || isThere(content.path));
      });
      out.end();
    }
  }
  removeIfThere(at(NOTE));
}

/** Somebody else may have removed it meanwhile. */
function removeIfThere(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (error) {
    unlessAbsent(error);
  }
}

function isFile(path: string): boolean {
  try {
    return Deno.lstatSync(path).isFile;
  } catch {
    return false;
  }
}

function pathOf(line: RawLine): string | undefined {
  const content = contentOf(line);
  return content === undefined || "removed" in content ? content?.removed : content.path;
}

/** Copies the whole lines of a file from a position on, and returns where the next ones begin. */
function copyLines(
  file: Deno.FsFile,
  from: number,
  out: LineWriter,
  isWanted: (line: RawLine) => boolean = () => true,
): number {
  for (const line of readLines(file, from)) {
    if (line.torn) break;
    from = line.end;
    if (line.text !== undefined && line.text !== "" && isWanted(line)) out.write(line.text);
  }
  return from;
}

/** Lets one process at a time compact a manifest. */
function takeLock(path: string): Deno.FsFile {
  Deno.mkdirSync(path.slice(0, path.lastIndexOf("/")), { recursive: true, mode: 0o750 });
  const file = Deno.openSync(path, { write: true, create: true, mode: 0o640 });
  if (tryLock(file) !== false) return file;
  file.close();
  throw new Error("another process is at it");
}

/** A second name costs nothing; a file system that has none gets a copy. */
function linkOrCopy(from: string, to: string): void {
  try {
    Deno.linkSync(from, to);
  } catch {
    Deno.copyFileSync(from, to);
  }
}

/** Writes many lines with few calls. */
class LineWriter {
  readonly #file: Deno.FsFile;
  readonly #afterOthers: boolean;
  #lines: string[] = [];
  #size = 0;
  /** How many were written. */
  lines = 0;

  /** @param afterOthers Others append to the file too, so one may have torn its line: each write begins with LF. */
  constructor(file: Deno.FsFile, afterOthers = false) {
    this.#file = file;
    this.#afterOthers = afterOthers;
  }

  write(line: string): void {
    this.#lines.push(line);
    this.lines++;
    this.#size += line.length;
    if (this.#size > 65536) this.end();
  }

  /** Writes what has been gathered. */
  end(): void {
    if (this.#lines.length === 0) return;
    const text = `${this.#afterOthers ? "\n" : ""}${this.#lines.join("\n")}\n`;
    const bytes = new TextEncoder().encode(text);
    for (let done = 0; done < bytes.length;) done += this.#file.writeSync(bytes.subarray(done));
    this.#lines = [];
    this.#size = 0;
  }
}
