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

/** What is known of a file under way. */
export interface Noted {
  /** The id under which the file is sent. */
  readonly upload: string;
  /** What an earlier run has stored; undefined if nothing. */
  readonly sha256: string | undefined;
  /** The journals that have the id; none for what cannot be known again. */
  readonly files: readonly JournalFile[];
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

/** A journal is read in pieces of so many bytes. */
const READ_BYTES = 64 * 1024;

/** One journal. */
export class JournalFile implements Disposable {
  /** What earlier runs have written down of files that were not asked for yet, by their paths. */
  readonly #known = new Map<string, Entry[]>();
  /** The upload ids of large files that were begun in the session and are not stored. */
  readonly open: Set<string> = new Set();
  /** The session of the last run; empty where there is none to go on in. */
  session: Pick<ConnectOptions, "sessionId" | "token"> = {};
  /** Whether a file is stored that the journal knows. */
  hasStored = false;
  /** Whether it has no line yet. */
  isEmpty = true;
  /** Whether another program uses the journal; an error where that cannot be known. */
  locked: boolean | Error = false;
  readonly path: string;
  readonly #file: Deno.FsFile;

  private constructor(path: string, file: Deno.FsFile) {
    this.path = path;
    this.#file = file;
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
      const journal = new JournalFile(path, file);
      await journal.claim();
      // Where Deno has no tryLock, it still waits for the lock, and a read would wait with it.
      if (journal.locked !== true || "tryLock" in file) await journal.#read();
      return journal;
    } catch (error) {
      file.close();
      throw error;
    }
  }

  async #read(): Promise<void> {
    const byUpload = new Map<string, Entry>();
    let rest = "";
    for await (const text of textOf(this.#file)) {
      const lines = (rest + text).split("\n");
      rest = lines.pop()!;
      for (const line of lines) this.#take(parseLine(line), byUpload);
      this.isEmpty &&= text === "";
    }
    this.#take(parseLine(rest), byUpload);
    for (const entry of byUpload.values()) {
      const others = this.#known.get(entry.file);
      if (others === undefined) this.#known.set(entry.file, [entry]);
      else others.push(entry);
    }
    // A line that was cut short must not become one with the next.
    if (this.locked !== true && rest !== "") this.#write("\n");
  }

  /** Locks the journal, if it is not in use: see {@linkcode locked}. */
  async claim(): Promise<void> {
    const taken = await lock(this.#file).catch((error: Error) => error);
    this.locked = typeof taken === "boolean" ? !taken : taken;
  }

  /** Unlocks the journal: its own command may run meanwhile. */
  async release(): Promise<void> {
    if (this.locked === false) await this.#file.unlock().catch(() => {});
  }

  /** What earlier runs have written down of a file, once: it is then forgotten here. */
  take(path: string, isMeant: (entry: Entry) => boolean): readonly Entry[] {
    const known = this.#known.get(path);
    if (known === undefined) return [];
    const others = known.filter((entry) => !isMeant(entry));
    if (others.length === 0) this.#known.delete(path);
    else this.#known.set(path, others);
    return known.filter((entry) => isMeant(entry));
  }

  /** How many files are known that were not asked for. */
  get left(): number {
    return this.#known.size;
  }

  /** What is known of the large files that were begun in the session. */
  get begun(): readonly Entry[] {
    if (this.open.size === 0) return [];
    return [...this.#known.values()].flat().filter(({ upload }) => this.open.has(upload));
  }

  /** Adds lines. @throws What the file system throws, for example that the disk is full. */
  append(lines: readonly JournalLine[]): void {
    for (let at = 0; at < lines.length; at += TOGETHER) {
      const some = lines.slice(at, at + TOGETHER);
      this.#write(some.map((line) => `${JSON.stringify(line)}\n`).join(""));
    }
    for (const line of lines) this.#take(line);
    this.isEmpty &&= lines.length === 0;
  }

  #write(text: string): void {
    const bytes = new TextEncoder().encode(text);
    for (let at = 0; at < bytes.length;) at += this.#file.writeSync(bytes.subarray(at));
  }

  /** @param entries What is known of files; absent for lines of this run. */
  #take(line: JournalLine | Record<string, unknown>, entries?: Map<string, Entry>): void {
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
      if (this.open.size > 0) this.open.delete(done);
      const entry = entries?.get(done);
      if (entry !== undefined && typeof sha256 === "string") entry.sha256 = sha256;
      this.hasStored ||= entries === undefined || entry?.sha256 !== undefined;
    }
    if (entries !== undefined && isEntry(line)) entries.set(line.upload, line);
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

/** The text of a file in pieces, through its own handle: on some systems a lock keeps others out. */
async function* textOf(file: Deno.FsFile): AsyncGenerator<string> {
  const bytes = new Uint8Array(READ_BYTES);
  const decoder = new TextDecoder();
  for (let count; (count = await file.read(bytes));) {
    yield decoder.decode(bytes.subarray(0, count), { stream: true });
  }
  yield decoder.decode();
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
