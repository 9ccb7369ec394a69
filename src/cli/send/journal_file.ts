/**
 * One journal on disk: lines of JSON, each written whole. A line says for which server the journal is,
 * which file is sent under which upload id, which session was opened, that a large file was begun in
 * it, or that a file is stored. The journal holds the secret of its session: only its owner may read it.
 *
 * @module
 */
import type { ConnectOptions } from "../../client/mod.ts";
import { omitUndefined } from "../../omit_undefined.ts";
import { within } from "../../within.ts";
import { localError, readable, writable } from "../local.ts";
import type { SendArgs } from "./args.ts";

/** The names of journals: what stands for the server, and what stands for the command line. */
export const JOURNAL_NAME: RegExp = /^send_[0-9a-f]{16}(_[0-9a-f]{16})?\.jsonl$/;

/** What a journal says about one file. */
export interface Entry {
  /** The absolute path. */
  readonly file: string;
  /** The name and the media type that the server gets. */
  readonly name: string;
  readonly type: string;
  readonly size: number;
  readonly mtime: number;
  /** The id under which the file is sent (S-TRF-9). */
  readonly upload: string;
  /** What was stored; absent until then. */
  sha256?: string;
}

/** A line of a journal, as this program writes it. */
export type JournalLine =
  | Entry
  | { readonly fxfer: "send"; readonly server: string }
  | { readonly session: string | null; readonly token?: string | undefined }
  | { readonly begun: string }
  | { readonly done: string; readonly sha256: string };

/** So many lines are written at a time: the text of a large folder would take memory for itself. */
const TOGETHER = 200;

/** One journal. */
export class JournalFile implements Disposable {
  /** By upload id. */
  readonly entries: Map<string, Entry> = new Map();
  /** The upload ids of large files that were begun in the session and are not stored. */
  readonly open: Set<string> = new Set();
  /** The session of the last run; empty where there is none to go on in. */
  session: Pick<ConnectOptions, "sessionId" | "token"> = {};
  /** Whether another program uses the journal; an error where that cannot be known. */
  readonly locked: boolean | Error;
  readonly path: string;
  readonly #file: Deno.FsFile;

  private constructor(path: string, file: Deno.FsFile, locked: boolean | Error) {
    this.path = path;
    this.#file = file;
    this.locked = locked;
  }

  /**
   * Opens, locks and reads a journal.
   *
   * @param create Whether to make it if it is not there.
   * @throws What the file system throws.
   */
  static async open(path: string, create: boolean): Promise<JournalFile> {
    const old = await Deno.lstat(path).catch(() => undefined);
    if (old?.isSymlink) await Deno.remove(path);
    const file = await Deno.open(path, { read: true, append: true, create, mode: 0o600 });
    try {
      // A journal that was copied may have come with another mode.
      if (old !== undefined && Deno.build.os !== "windows") await Deno.chmod(path, 0o600);
      const taken = await lock(file).catch((error: Error) => error);
      const journal = new JournalFile(path, file, typeof taken === "boolean" ? !taken : taken);
      const text = await readText(file);
      for (const line of text.split("\n")) journal.#take(parseLine(line));
      // A line that was cut short must not become one with the next.
      if (journal.locked !== true && !/(^|\n)$/.test(text)) journal.#write("\n");
      return journal;
    } catch (error) {
      file.close();
      throw error;
    }
  }

  /** Adds lines. @throws What the file system throws, for example that the disk is full. */
  append(lines: readonly JournalLine[]): void {
    for (let at = 0; at < lines.length; at += TOGETHER) {
      const some = lines.slice(at, at + TOGETHER);
      this.#write(some.map((line) => `${JSON.stringify(line)}\n`).join(""));
    }
    for (const line of lines) this.#take(line);
  }

  #write(text: string): void {
    const bytes = new TextEncoder().encode(text);
    for (let at = 0; at < bytes.length;) at += this.#file.writeSync(bytes.subarray(at));
  }

  #take(line: JournalLine | Record<string, unknown>): void {
    const { session, token, begun, done, sha256 } = line as Record<string, unknown>;
    if (session !== undefined) {
      this.open.clear();
      const secret = typeof token === "string" ? token : undefined;
      this.session = typeof session === "string"
        ? omitUndefined({ sessionId: session, token: secret })
        : {};
    }
    if (typeof begun === "string") this.open.add(begun);
    if (typeof done === "string") {
      this.open.delete(done);
      const entry = this.entries.get(done);
      if (entry !== undefined && typeof sha256 === "string") entry.sha256 = sha256;
    }
    if (isEntry(line)) this.entries.set(line.upload, line);
  }

  /** Whether a later run finds the journal: its folder may have been removed meanwhile. */
  get isThere(): boolean {
    try {
      return Deno.statSync(this.path).ino === this.#file.statSync().ino;
    } catch {
      return false;
    }
  }

  /** Removes the journal; one that is gone already is no fault. */
  remove(): void {
    try {
      if (this.isThere) Deno.removeSync(this.path);
    } catch {
      // It is removed after its time.
    }
  }

  [Symbol.dispose](): void {
    this.#file.close();
  }
}

/** The form of an upload id. */
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

function isEntry(line: JournalLine | Record<string, unknown>): line is Entry {
  const { file, name, type, upload } = line as Record<string, unknown>;
  return [file, name, type, upload].every((text) => typeof text === "string") &&
    UUID.test(upload as string);
}

/** How long to wait for a lock where Deno has no tryLock, in milliseconds. */
const LOCK_MS = 500;

/** Takes the lock of a journal; false when another program has it. */
export async function lock(file: Deno.FsFile): Promise<boolean> {
  const { tryLock } = file as unknown as { tryLock?: (exclusive: boolean) => Promise<boolean> };
  if (tryLock !== undefined) return await tryLock.call(file, true);
  // Deno 2.6 has no tryLock.
  return await within(LOCK_MS, file.lock(true).then(() => true)) === true;
}

/** Reads a whole file through its own handle: on some systems a lock keeps others out. */
async function readText(file: Deno.FsFile): Promise<string> {
  const { size } = await file.stat();
  const bytes = new Uint8Array(size);
  let length = 0;
  for (let count; (count = await file.read(bytes.subarray(length)));) length += count;
  return new TextDecoder().decode(bytes.subarray(0, length));
}

/** One line of a journal; empty if it is no JSON object, as when a run was killed while it wrote. */
function parseLine(line: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null ? value as Record<string, unknown> : {};
  } catch {
    return {};
  }
}

/**
 * Whether the program may keep journals.
 *
 * @throws {FxferError} `local_io` if the user named the folder and the program may not use it.
 */
export async function mayKeep({ state, stateAsked }: SendArgs): Promise<boolean> {
  if (await readable(state) && await writable(state)) return true;
  if (!stateAsked) return false;
  const flags = `--allow-read=${state} --allow-write=${state}`;
  const reason = `reading and writing there is not permitted (${flags})`;
  throw localError(`keep state in ${state}`, undefined, reason);
}

/** The journals of a folder with their age in milliseconds, the youngest first. */
export async function listJournals(folder: string): Promise<{ path: string; age: number }[]> {
  const found: { path: string; age: number }[] = [];
  for await (const { name } of Deno.readDir(folder)) {
    if (!JOURNAL_NAME.test(name)) continue;
    const path = `${folder}/${name}`;
    const { mtime } = await Deno.lstat(path).catch(() => ({ mtime: null }));
    found.push({ path, age: mtime === null ? 0 : Date.now() - mtime.getTime() });
  }
  return found.sort((a, b) => a.age - b.age);
}

/** Opens or makes the journal of a command. */
export async function openOwn(folder: string, path: string): Promise<JournalFile> {
  for (let tries = 3;; tries--) {
    try {
      return await JournalFile.open(path, true);
    } catch (error) {
      // Another command that finished may just have removed the empty folder.
      if (tries === 0 || !(error instanceof Deno.errors.NotFound)) throw error;
      await Deno.mkdir(folder, { recursive: true, mode: 0o700 });
    }
  }
}
