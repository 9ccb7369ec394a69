/**
 * The journals of sessions on a disk (tier RW). A journal is a file in `.claims` under the session's id, with the
 * temporary name and the line of each file that its holder is about to publish.
 *
 * A holder may stand still between any two steps, and go on after another one has the session. So both work in
 * an order in which one of them sees what the other has done:
 *
 * | the holder, for each file | the next holder, once |
 * | --- | --- |
 * | 1. writes the file under its temporary name | 1. saves its attach |
 * | 2. notes both in the journal | 2. renames the journal |
 * | 3. looks whether the journal has its name; if not, it stops | 3. reads the journal |
 * | 4. renames the file | 4. removes each temporary file that is noted, then looks for the final name |
 *
 * If the holder notes a file after the other one has read, it finds the journal renamed. If it noted it before,
 * the temporary file is either renamed already, and found under its final name, or removed, and cannot be renamed
 * any more.
 *
 * What was taken over is kept under a second name, until the session ends or is detached with nothing unsaved,
 * because the next holder may die as well. The sweep removes the journals of sessions that are gone.
 *
 * @module
 */
import { FxferError } from "../errors.ts";
import { omitUndefined } from "../omit_undefined.ts";
import { CLAIMS } from "./claim.ts";
import { append, remember, type WholeFile } from "./commit.ts";
import type { DiskParts } from "./disk_parts.ts";
import type { StorageFolder } from "./folder.ts";
import { asStorageError, isTaken, storageFull, unlessAbsent } from "./io_errors.ts";
import { LF, parseEntry, readLines } from "./manifest_lines.ts";
import { isFinalPath, isTemporaryPath } from "./naming.ts";
import { isWhole } from "./once.ts";
import type { Journal, Journals, NotedFile, UnannouncedFile } from "./unannounced.ts";

/** A journal with nothing unsaved begins anew after so many bytes. */
const MAX_BYTES = 65536;

/** The names of a session's journals. */
interface Names {
  /** That of its holder. */
  readonly here: string;
  /** One that is being taken over. */
  readonly taken: string;
  /** What was taken over. */
  readonly kept: string;
}

function namesOf(session: string): Names {
  // The caller passes a UUID that a server made. It is checked because it becomes part of a path.
  if (!/^[0-9A-Za-z-]{17,64}$/.test(session)) throw new TypeError("Cannot begin journal: no UUID");
  const here = `${CLAIMS}/${session}`;
  return { here, taken: `${here}.taken`, kept: `${here}.kept` };
}

/** The session of a journal, by its name in `.claims`; undefined for a claim. */
export function sessionOfJournal(name: string): string | undefined {
  return /^([0-9A-Za-z-]{17,64})(?:\.taken|\.kept)?$/.exec(name)?.[1];
}

const encoder = new TextEncoder();

class DiskJournal implements Journal {
  readonly #folder: StorageFolder;
  readonly #names: Names;
  readonly #file: Deno.FsFile;
  readonly #info: Deno.FileInfo;
  #end = 0;
  #unsaved = false;
  /** Whether the last note was cut short, perhaps. */
  #torn = false;

  constructor(folder: StorageFolder, names: Names, file: Deno.FsFile) {
    this.#folder = folder;
    this.#names = names;
    this.#file = file;
    try {
      this.#info = file.statSync();
    } catch (error) {
      file.close();
      throw error;
    }
  }

  get stands(): boolean {
    return this.#folder.holds(this.#names.here, this.#info);
  }

  note(files: readonly NotedFile[]): void {
    if (this.#end > MAX_BYTES && !this.#unsaved) {
      this.#file.truncateSync(0);
      this.#end = 0;
    }
    const notes = files.map(({ temporaryPath, line }) => `${temporaryPath} ${line}\n`).join("");
    const bytes = encoder.encode(this.#torn ? `\n${notes}` : notes);
    this.#end += bytes.length;
    this.#unsaved = this.#torn = true;
    if (this.#file.writeSync(bytes) !== bytes.length) {
      throw storageFull("Cannot note final name", "no room left");
    }
    this.#torn = false;
    if (!this.stands) {
      throw new FxferError("busy", "Cannot publish file: its session was taken over");
    }
  }

  saved(): void {
    this.#unsaved = false;
  }

  close(isOver: boolean): void {
    this.#file.close();
    const { here, kept } = this.#names;
    try {
      if (!isOver || !this.stands) return;
      for (const path of [here, kept]) this.#folder.remove(path);
    } catch {
      // The sweep removes it when the session is gone.
    }
  }
}

/** {@linkcode Journals} of a folder. */
export function diskJournals(parts: DiskParts): Journals {
  const { folder } = parts;
  const begin = (session: string): Journal => {
    const names = namesOf(session);
    const { here } = names;
    const how = { write: true, append: true, createNew: true, mode: 0o640 };
    const make = () => folder.withFolders(here, () => Deno.openSync(folder.at(here), how));
    try {
      return new DiskJournal(folder, names, make());
    } catch (error) {
      if (!isTaken(error)) throw asStorageError("Cannot begin journal", error);
      setAside(folder, names);
      return new DiskJournal(folder, names, make());
    }
  };
  return {
    begin,
    async takeOver(session, after) {
      const names = namesOf(session);
      const { kept, here, taken } = names;
      if ([here, taken, kept].every((path) => folder.kind(path) === undefined)) return [];
      try {
        setAside(folder, names);
        const found: UnannouncedFile[] = [];
        for (const noted of notesOf(folder, kept)) {
          const file = await published(parts, noted, after);
          if (file !== undefined && !found.some(({ path }) => path === file.path)) found.push(file);
        }
        return found;
      } catch (error) {
        throw asStorageError("Cannot take session over", error);
      }
    },
  };
}

/** Takes the journal away from its holder, if there is one, and adds it to what was taken over before. */
function setAside(folder: StorageFolder, names: Names): void {
  addTaken(folder, names); // a process that died in between has left one that has its other name already
  orAbsent(() => Deno.renameSync(folder.at(names.here), folder.at(names.taken)));
  addTaken(folder, names);
}

/** Adds a journal that has its other name to what is kept. */
function addTaken(folder: StorageFolder, { taken, kept }: Names): void {
  const info = folder.kind(taken);
  if (info === undefined) return;
  // A planted link or FIFO is not read.
  if (!info.isFile) return folder.remove(taken);
  const bytes = orAbsent(() => Deno.readFileSync(folder.at(taken)));
  if (bytes === undefined) return; // a holder that stood still has woken up and done the same
  const how = { append: true, create: true, mode: 0o640 };
  // What was kept before may end inside a line.
  const after = new Uint8Array(bytes.length + 1);
  after[0] = LF;
  after.set(bytes, 1);
  Deno.writeFileSync(folder.at(kept), after, how);
  orAbsent(() => Deno.removeSync(folder.at(taken)));
}

function orAbsent<T>(action: () => T): T | undefined {
  try {
    return action();
  } catch (error) {
    return unlessAbsent(error);
  }
}

/** The temporary names and lines in a journal; a line that is not whole was never followed by a rename. */
function* notesOf(folder: StorageFolder, path: string): Generator<[string, string]> {
  if (folder.kind(path)?.isFile !== true) return;
  const file = orAbsent(() => Deno.openSync(folder.at(path), { read: true }));
  if (file === undefined) return;
  using opened = file;
  for (const { text, torn } of readLines(opened, 0)) {
    const [, temporaryPath, line] = /^(\S+) (.+)$/s.exec(text ?? "") ?? [];
    if (!torn && temporaryPath !== undefined) yield [temporaryPath, line!];
  }
}

/** Makes sure that a noted file is not published any more, or is, with its line; then returns it. */
async function published(
  parts: DiskParts,
  [temporaryPath, line]: [string, string],
  after: number,
): Promise<UnannouncedFile | undefined> {
  const entry = parseEntry(line);
  if (entry?.session === undefined || entry.session.sequence <= after) return undefined;
  if (!isTemporaryPath(temporaryPath) || !isFinalPath(entry.path)) return undefined;
  parts.folder.remove(temporaryPath);
  const { path, size, sha256, mimeType, name, uploadId, session: { sequence } } = entry;
  if (!await isWhole(parts, path, entry)) return undefined;
  if (await parts.listedAt(path) === undefined) {
    const spec = { ...entry, reserve: 0 };
    const file: WholeFile = { spec, temporaryPath, finalPath: path, size, sha256 };
    append(parts, file, line);
    remember(parts, file);
    parts.log.info("storage.recovered", { path, size });
  }
  return { path, size, sha256, mimeType, sequence, ...omitUndefined({ name, uploadId }) };
}
