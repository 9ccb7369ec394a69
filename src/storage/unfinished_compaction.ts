/**
 * What a compaction has still to do when the new manifest has its name: lines that came into the former one
 * meanwhile belong into the new one. A note in the folder tells whoever starts, and the sweep, what a
 * compaction that died has left to be done. The lock tells whether it has died.
 *
 * @module
 */
import { unlessAbsent } from "./io_errors.ts";
import { LineWriter } from "./line_writer.ts";
import { tryLock } from "./locks.ts";
import { MANIFEST } from "./manifest.ts";
import { contentOf, parseLine, pathOf, readLines } from "./manifest_lines.ts";

/** The new manifest while it is being written. */
export const NEW: string = `${MANIFEST}.new`;

/** The note. */
export const NOTE = ".compacting";

/** Locked by whoever compacts the manifest, or finishes that. */
const LOCK = ".claims/compaction";

/** What the note says. */
export interface Unfinished {
  /** The name under which the former manifest is kept. */
  readonly kept: string;
  /** The position in the former manifest up to which the new one has its lines. */
  readonly from: number;
  /** Where the new manifest ended when it got its name. */
  readonly to: number;
}

/** The text of the note. */
export const formatNote = ({ kept, from, to }: Unfinished): string =>
  JSON.stringify({ kept, from, to });

function parseNote(text: string): Unfinished | undefined {
  const note = /^\{"kept":"(commits\.jsonl\.[0-9T]+)","from":([0-9]+),"to":([0-9]+)\}$/.exec(text);
  return note === null ? undefined : { kept: note[1]!, from: Number(note[2]), to: Number(note[3]) };
}

/** A lock that is held; `isSure` unless the file system has no locks, or Deno cannot try for one. */
export interface HeldLock extends Disposable {
  readonly isSure: boolean;
}

/** Lets one process at a time compact a manifest: undefined while another does. */
export function takeLock(folder: string): HeldLock | undefined {
  const path = `${folder}/${LOCK}`;
  Deno.mkdirSync(path.slice(0, path.lastIndexOf("/")), { recursive: true, mode: 0o750 });
  const file = Deno.openSync(path, { write: true, create: true, mode: 0o640 });
  const locked = tryLock(file);
  if (locked !== false) {
    return { isSure: locked === true, [Symbol.dispose]: () => file.close() };
  }
  file.close();
  return undefined;
}

/**
 * Does what a compaction that was killed has left to be done; nothing while one is under way.
 *
 * @param folder Where the manifest is.
 * @param isThere Whether there is a stored file under a path.
 */
export function finishCompaction(folder: string, isThere: (path: string) => boolean): void {
  if ([NOTE, NEW].every((name) => look(`${folder}/${name}`) === undefined)) return;
  using lock = takeLock(folder);
  if (lock !== undefined) finishLocked(folder, isThere, lock.isSure);
}

/**
 * The same for whoever has the lock.
 *
 * @param isAlone Whether nobody can be writing a new manifest: then half of one is removed.
 */
export function finishLocked(
  folder: string,
  isThere: (path: string) => boolean,
  isAlone: boolean,
): void {
  const at = (name: string) => `${folder}/${name}`;
  if (isAlone) removeIfThere(at(NEW));
  const info = look(at(NOTE));
  if (info === undefined) return;
  const note = info.isFile ? parseNote(Deno.readTextFileSync(at(NOTE))) : undefined;
  if (note !== undefined && isFile(at(note.kept))) {
    using target = Deno.openSync(at(MANIFEST), { read: true, append: true });
    using kept = Deno.openSync(at(note.kept), { read: true });
    // While both names stand for one file, the new manifest has not got its name.
    if (kept.statSync().ino === target.statSync().ino) removeIfThere(at(note.kept));
    else bringOver(kept, target, note, isThere);
  }
  removeIfThere(at(NOTE));
}

/**
 * Appends to the new manifest the lines that came into the former one after it was read. A line that is there
 * already is left out, and so is one whose path has later lines in the new manifest (S-MAN-1: the last line of
 * a path says what its file is). So this may be done again and again.
 */
export function bringOver(
  former: Deno.FsFile,
  manifest: Deno.FsFile,
  { from, to }: Pick<Unfinished, "from" | "to">,
  isThere: (path: string) => boolean,
): void {
  const came = new Map<string, string[]>();
  for (const line of readLines(former, from)) {
    const content = contentOf(line);
    if (content === undefined) continue;
    const lines = came.get(pathOf(content));
    if (lines === undefined) came.set(pathOf(content), [line.text!]);
    else lines.push(line.text!);
  }
  if (came.size === 0) return;
  /** How many of the lines of each path need nothing. */
  const done = new Map<string, number>();
  for (const line of readLines(manifest, to)) {
    const content = contentOf(line);
    if (content === undefined) continue;
    const path = pathOf(content);
    const lines = came.get(path);
    if (lines === undefined) continue;
    const at = lines.lastIndexOf(line.text!);
    // One that has not come is of a server that has found the new manifest: it is later than all of these.
    done.set(path, at < 0 ? lines.length : Math.max(done.get(path) ?? 0, at + 1));
  }
  const out = new LineWriter(manifest, true);
  for (const [path, lines] of came) {
    for (const line of lines.slice(done.get(path) ?? 0)) {
      if (isThere(path) || "removed" in parseLine(line)!) out.write(line);
    }
  }
  out.end();
}

/** Removes a file. Somebody else may have done so meanwhile. */
export function removeIfThere(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (error) {
    unlessAbsent(error);
  }
}

/** What has this name; undefined if nothing has. */
function look(path: string): Deno.FileInfo | undefined {
  try {
    return Deno.lstatSync(path);
  } catch (error) {
    return unlessAbsent(error);
  }
}

/** Whether a regular file has this name. */
export function isFile(path: string): boolean {
  return look(path)?.isFile === true;
}
