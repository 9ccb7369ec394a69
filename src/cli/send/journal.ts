/**
 * What `fxfer send` remembers so that it can go on after an interruption: which files it was to send,
 * under which upload ids, in which session, and what was stored.
 *
 * Each command line has a journal in the state folder, and reads those of all commands that sent to
 * the same server: a file is known by its path, name, media type, size and time of change, whatever
 * the command line was. A journal is only a hint: whether a file is stored, and how much of it, the
 * server is asked in each run; and where no journal can be kept, files are sent all the same. A journal
 * is removed when a command has sent every file that is in it, or after 30 days.
 *
 * @module
 */
import { formatEndpoint } from "../../address.ts";
import type { Client, ConnectOptions, SendResult } from "../../client/mod.ts";
import { FxferError, reasonOf } from "../../errors.ts";
import { absolutePath } from "../absolute.ts";
import { localError } from "../local.ts";
import type { SendArgs } from "./args.ts";
import {
  type Entry,
  JournalFile,
  type JournalLine,
  listJournals,
  mayKeep,
  openOwn,
} from "./journal_file.ts";
import { areAllOf, commandOf, digest, entryKey, isKept, keyOf } from "./journal_key.ts";
import type { FileToSend } from "./plan.ts";

/** An older journal is removed: by then servers have forgotten the session long ago. */
const MAX_AGE_MS = 30 * 24 * 3600 * 1000;

/** Of a smaller file a server's part is not worth a line that it was begun. */
export const WORTH_RESUMING_BYTES: number = 64 * 1024;

/** That files are stored is written down for as many as come in this time, in milliseconds. */
const GATHER_MS = 100;

/** What the commands to one server have written down. */
export class Journal implements Disposable {
  /** Seconds for which the server keeps the session of this run; absent without a session. */
  expiryS: number | undefined;
  /** Whether no earlier run was to send any of the files. */
  isNew = true;
  /** The paths of files that were changed since an earlier run was to send them. */
  readonly changed: string[] = [];
  readonly #asked: SendArgs;
  readonly #server: string;
  readonly #say: (sentence: string) => void;
  /** The journals that this run has locked, the one of its own command first. */
  #files: JournalFile[] = [];
  /** What is known of the files of this run. */
  readonly #entries = new Map<FileToSend, Entry>();
  /** What is not written down yet: files that are stored. A killed run loses it, and the next one asks. */
  #gathered: [JournalFile, JournalLine][] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #broken = false; // something could not be written down: then nothing more is
  #finished = false;

  private constructor(asked: SendArgs, say: (sentence: string) => void) {
    this.#asked = asked;
    this.#server = formatEndpoint({ hostname: asked.host, port: asked.port });
    this.#say = say;
  }

  /**
   * Reads what earlier runs have written down, and writes down what is to be sent. Where the program
   * may not use the state folder, it keeps no journal; where it cannot, it says so.
   *
   * @throws {FxferError} `local_io` if the same command is running, or if the user named the folder
   * and the program may not use it.
   */
  static async open(
    asked: SendArgs,
    targets: readonly FileToSend[],
    say: (sentence: string) => void,
  ): Promise<Journal> {
    const journal = new Journal(asked, say);
    const files = targets.filter(isKept);
    if (files.length === 0 || !await mayKeep(asked)) return journal;
    try {
      await journal.#open(files);
    } catch (error) {
      if (error instanceof FxferError) {
        journal[Symbol.dispose]();
        throw error;
      }
      journal.#fail(error);
    }
    return journal;
  }

  async #open(files: readonly FileToSend[]): Promise<void> {
    const { state: folder } = this.#asked;
    const ofServer = `${folder}/send_${digest(this.#server)}_`;
    const ownPath = `${ofServer}${digest(commandOf(this.#asked))}.jsonl`;
    await Deno.mkdir(folder, { recursive: true, mode: 0o700 });
    const others: JournalFile[] = [];
    for (const { path, age } of await listJournals(folder)) {
      if (age > MAX_AGE_MS) await Deno.remove(path).catch(() => {});
      else if (path !== ownPath && path.startsWith(ofServer)) {
        // A journal that cannot be read is not needed: its command may just have ended.
        const other = await JournalFile.open(path, false).catch(() => undefined);
        if (other !== undefined) others.push(other);
      }
    }
    try {
      const own = await openOwn(folder, ownPath);
      this.#files = [own];
      if (own.locked === true) {
        throw localError("send", undefined, "the same command is running already");
      }
      if (own.locked) this.#say(`Cannot lock state in ${folder}: ${reasonOf(own.locked)}`);
      this.#read(files, [own, ...others]);
      this.#writeDown(files, own);
    } finally {
      for (const other of others) if (!this.#files.includes(other)) other[Symbol.dispose]();
    }
  }

  /** Finds out what is known of the files, and keeps the journals that know some of them. */
  #read(files: readonly FileToSend[], journals: readonly JournalFile[]): void {
    if (journals.every(({ entries }) => entries.size === 0)) return;
    const wanted = new Map(files.map((target) => [keyOf(target), target]));
    const changed = new Set<FileToSend>();
    for (const journal of journals) {
      let used = false;
      for (const entry of journal.entries.values()) {
        const target = wanted.get(entryKey(entry));
        if (target === undefined) continue;
        used = true;
        this.isNew = false;
        const known = this.#entries.get(target);
        if (entry.size !== target.size || entry.mtime !== target.mtime) {
          changed.add(target);
        } else if (known === undefined || known.sha256 === undefined && entry.sha256) {
          this.#entries.set(target, entry);
        }
      }
      if (used && journal.locked === false && !this.#files.includes(journal)) {
        this.#files.push(journal);
      }
    }
    for (const target of changed) if (!this.#entries.has(target)) this.changed.push(target.path);
  }

  /** Every file of the run is written down before the first is sent, under its upload id. */
  #writeDown(files: readonly FileToSend[], own: JournalFile): void {
    const lines: JournalLine[] = own.entries.size > 0
      ? []
      : [{ fxfer: "send", server: this.#server }];
    for (const target of files) {
      let entry = this.#entries.get(target);
      if (entry === undefined) {
        const { path, name = "", mimeType: type, size = 0, mtime = 0 } = target;
        entry = { file: absolutePath(path), name, type, size, mtime, upload: crypto.randomUUID() };
        this.#entries.set(target, entry);
      }
      if (!own.entries.has(entry.upload)) lines.push(entry);
    }
    own.append(lines);
  }

  /** Whether a later run can go on from here. */
  get kept(): boolean {
    return !this.#broken && this.#files[0]?.isThere === true;
  }

  /** Whether there is nothing to go on with: no session was opened, and nothing was stored. */
  get isEmpty(): boolean {
    this.#write();
    return this.#files.every(({ session, entries }) =>
      session.sessionId === undefined && entries.values().every(({ sha256 }) => !sha256)
    );
  }

  /** The session of an earlier run to go on in; empty where there is none. */
  get session(): Pick<ConnectOptions, "sessionId" | "token"> {
    if (this.#asked.mode === "stateless") return {};
    const known = this.#files.filter(({ session }) => session.sessionId !== undefined);
    if (known.length === 0) return {};
    const uploads = new Set([...this.#entries.values()].map(({ upload }) => upload));
    // A session that has a part of a file which is not sent now is left to the command that sends it.
    const begun = known.find(({ open }) => [...open].some((upload) => uploads.has(upload)));
    return (begun ?? known.find(({ open }) => open.size === 0))?.session ?? {};
  }

  /** The SHA-256 with which an earlier run has stored a file that has not changed since. */
  storedAs(target: FileToSend): string | undefined {
    return this.#entries.get(target)?.sha256;
  }

  /** The id under which a file is sent, in this run and in later ones (S-TRF-9). */
  uploadId(target: FileToSend): string {
    return this.#entries.get(target)?.upload ?? crypto.randomUUID();
  }

  /**
   * Takes another id for a file whose bytes are not those that the server has under the first.
   *
   * @returns False if the file has no entry here, and so a new id each time.
   */
  renew(target: FileToSend): boolean {
    const known = this.#entries.get(target);
    if (known === undefined) return false;
    const { sha256: _, ...entry } = { ...known, upload: crypto.randomUUID() };
    this.#entries.set(target, entry);
    this.#append(this.#files[0], entry);
    return true;
  }

  /**
   * Writes down the session of a client, unless the client has followed the session to another
   * server: a later run asks the first server, which knows where the session is, and shows the
   * session's secret to no other server.
   */
  sessionOpened({ sessionId, token, terms, address }: Client): void {
    this.expiryS = sessionId === null ? undefined : terms?.partialExpiryS;
    if (sessionId === null || formatEndpoint(address) !== this.#server) return;
    const { session } = this.#files[0] ?? {};
    if (sessionId === session?.sessionId && token === session.token) return;
    this.#append(this.#files[0], { session: sessionId, token });
  }

  /** Writes down that the session has ended in order: no later run can go on in it. */
  sessionClosed(): void {
    const ended = this.#files[0]?.session.sessionId;
    if (ended === undefined) return;
    for (const file of this.#files) {
      if (file.session.sessionId === ended) this.#append(file, { session: null });
    }
  }

  /** Writes down that the server may have a part of a file from now on. */
  begun(target: FileToSend): void {
    const entry = this.#entries.get(target);
    if (entry === undefined || (target.size ?? 0) < WORTH_RESUMING_BYTES) return;
    this.#append(this.#files[0], { begun: entry.upload });
  }

  /** Writes down that a file is stored. */
  stored(target: FileToSend, { confirmed, sha256 }: SendResult): void {
    const entry = this.#entries.get(target);
    if (entry === undefined || !confirmed) return;
    for (const file of this.#files) {
      if (file.entries.has(entry.upload)) {
        this.#gathered.push([file, { done: entry.upload, sha256 }]);
      }
    }
    this.#timer ??= setTimeout(() => this.#write(), GATHER_MS);
  }

  /** Writes down what was gathered. */
  #write(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const gathered = Map.groupBy(this.#gathered, ([file]) => file);
    this.#gathered = [];
    for (const [file, lines] of gathered) this.#append(file, ...lines.map(([, line]) => line));
  }

  /** Says that nothing is left to do: disposing of the journal then removes what it has finished. */
  finish(): void {
    this.#finished = true;
  }

  [Symbol.dispose](): void {
    this.#write();
    for (const [index, file] of this.#files.entries()) {
      if (
        this.#finished && (index === 0 || areAllOf(file.entries.values(), this.#entries.keys()))
      ) file.remove();
      file[Symbol.dispose]();
    }
    this.#files = [];
    if (!this.#finished) return;
    try {
      Deno.removeSync(this.#asked.state);
    } catch {
      // It has journals of other commands, or there is none.
    }
  }

  #append(file: JournalFile | undefined, ...lines: JournalLine[]): void {
    if (this.#gathered.length > 0) this.#write();
    try {
      if (!this.#broken) file?.append(lines);
    } catch (error) {
      this.#fail(error);
    }
  }

  /** The files are sent all the same. */
  #fail(error: unknown): void {
    this.#broken = true;
    const what = `Cannot keep state in ${this.#asked.state}: ${reasonOf(error)}`;
    this.#say(`${what}; after an interruption nothing would go on`);
  }
}
