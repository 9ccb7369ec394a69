/**
 * What `fxfer send` remembers so that it can go on after an interruption: which files it has begun, under
 * which upload ids, in which session, and what was stored.
 *
 * Each command line has a journal in the state folder, and reads those of all commands that sent to
 * the same server: a file is known by its path, name, media type, size and time of change, whatever
 * the command line was. A file is written down before its first byte goes out, some files at a time, and
 * what is known of it is in memory until it is done. A journal is only a hint: whether a file is stored, and how much of it, the
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
import type { FileToSend } from "./file_to_send.ts";
import type { Entry, JournalFile, JournalLine, Noted } from "./journal_file.ts";
import { mayKeep, openJournals } from "./journal_folder.ts";
import { entryOf, isKept, isOf, isUnchanged } from "./journal_key.ts";

/** Of a smaller file a server's part is not worth a line that it was begun. */
export const WORTH_RESUMING_BYTES: number = 64 * 1024;

/** That files are stored is written down for so many, or as many as come in this time, in milliseconds. */
const GATHER_LINES = 64;
const GATHER_MS = 100;

/** What the commands to one server have written down. */
export class Journal implements Disposable {
  /** Seconds for which the server keeps the session of this run; absent without a session. */
  expiryS: number | undefined;
  /** Whether no earlier run has begun any of the files that were asked for so far. */
  isNew = true;
  readonly #asked: SendArgs;
  readonly #server: string;
  readonly #say: (sentence: string) => void;
  /** The journals that this run has locked, the one of its own command first. */
  #files: JournalFile[] = [];
  /** The journal of this command alone. */
  #own: readonly JournalFile[] = [];
  /** Journals of other commands, of which {@linkcode #files} has those that know files of this run. */
  #others: JournalFile[] = [];
  readonly #claimed = new Set<JournalFile>();
  /** The upload ids of files of this run that an earlier run has begun in its session. */
  readonly #begunBefore = new Set<string>();
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
   * Reads what earlier runs have written down. Where the program may not use the state folder, it keeps no
   * journal; where it cannot, it says so.
   *
   * @throws {FxferError} `local_io` if the same command is running, or if the user named the folder
   * and the program may not use it.
   */
  static async open(asked: SendArgs, say: (sentence: string) => void): Promise<Journal> {
    const journal = new Journal(asked, say);
    if (!await mayKeep(asked)) return journal;
    try {
      await journal.#open();
    } catch (error) {
      if (error instanceof FxferError) {
        journal[Symbol.dispose]();
        throw error;
      }
      journal.#fail(error);
    }
    return journal;
  }

  /** A journal that remembers nothing: for files that cannot be known again. */
  static none(asked: SendArgs): Journal {
    return new Journal(asked, () => {});
  }

  async #open(): Promise<void> {
    const { state: folder } = this.#asked;
    const own = await openJournals(this.#asked, this.#server, this.#others);
    this.#files = [own];
    this.#own = [own];
    if (own.locked === true) {
      throw localError("send", undefined, "the same command is running already");
    }
    if (own.locked) this.#say(`Cannot lock state in ${folder}: ${reasonOf(own.locked)}`);
    if (own.isEmpty) own.append([{ fxfer: "send", server: this.#server }]);
  }

  /** All journals, that of this command first. */
  get #all(): readonly JournalFile[] {
    return [...this.#own, ...this.#others];
  }

  /** The files of which the server may have a part in the session of an earlier run. */
  get begunBefore(): readonly Entry[] {
    return this.#all.flatMap(({ begun }) => begun);
  }

  /** Finds out what is known of files, and writes down those that are new: before any of them is sent. */
  async prepare(targets: readonly FileToSend[]): Promise<void> {
    const [own] = this.#files;
    if (own === undefined) return;
    const lines: JournalLine[] = [];
    const isNothingKnown = this.#all.every(({ left }) => left === 0);
    for (const target of targets) {
      if (!isKept(target)) continue;
      const known = isNothingKnown ? undefined : await this.#find(target);
      if (known?.files.includes(own)) {
        target.noted = known;
        continue;
      }
      const upload = known?.upload ?? crypto.randomUUID();
      const files = known?.files.length ? [own, ...known.files] : this.#own;
      target.noted = { upload, sha256: known?.sha256, files };
      lines.push(entryOf(target, upload));
    }
    if (lines.length > 0) this.#append(own, ...lines);
  }

  /** What earlier runs have written down of a file; undefined if nothing, or if the file was changed since. */
  async #find(target: FileToSend): Promise<Noted | undefined> {
    const path = absolutePath(target.path);
    let found: Entry | undefined;
    const entries = new Map<JournalFile, readonly Entry[]>();
    for (const journal of this.#all) {
      const ofFile = journal.take(path, isOf(target));
      if (ofFile.length === 0) continue;
      await this.#claim(journal);
      entries.set(journal, ofFile);
      for (const entry of ofFile.filter((entry) => isUnchanged(target, entry))) {
        if (found === undefined || found.sha256 === undefined && entry.sha256) found = entry;
      }
    }
    if (entries.size === 0) return undefined;
    this.isNew = false;
    if (found === undefined) {
      this.#say(`${target.path} has changed since the run before: it starts over`);
      return undefined;
    }
    const { upload, sha256 } = found;
    if (this.#all.some(({ open }) => open.has(upload))) this.#begunBefore.add(upload);
    const knows = (file: JournalFile) =>
      entries.get(file)?.some((entry) => entry.upload === upload);
    return { upload, sha256, files: this.#files.filter(knows) };
  }

  /** Another journal that knows a file is kept by this run as well, unless its own command is running. */
  async #claim(journal: JournalFile): Promise<void> {
    if (this.#claimed.has(journal) || this.#files.includes(journal)) return;
    this.#claimed.add(journal);
    await journal.claim();
    if (journal.locked === false) this.#files.push(journal);
  }

  /** Whether a later run can go on from here. */
  get kept(): boolean {
    return !this.#broken && this.#files[0]?.isThere === true;
  }

  /** Whether there is nothing to go on with: no session was opened, and nothing was stored. */
  get isEmpty(): boolean {
    this.#write();
    return this.#files.every(({ session, hasStored }) =>
      session.sessionId === undefined && !hasStored
    );
  }

  /** The session of an earlier run to go on in; empty where there is none. */
  get session(): Pick<ConnectOptions, "sessionId" | "token"> {
    if (this.#asked.mode === "stateless") return {};
    const known = this.#files.filter(({ session }) => session.sessionId !== undefined);
    if (known.length === 0) return {};
    // A session that has a part of a file which is not sent now is left to the command that sends it.
    const begun = known.find(({ open }) => !open.isDisjointFrom(this.#begunBefore));
    return (begun ?? known.find(({ open }) => open.size === 0))?.session ?? {};
  }

  /** The SHA-256 with which an earlier run has stored a file that has not changed since. */
  storedAs(target: FileToSend): string | undefined {
    return target.noted?.sha256;
  }

  /** The id under which a file is sent, in this run and in later ones (S-TRF-9). */
  uploadId(target: FileToSend): string {
    return (target.noted ??= { upload: crypto.randomUUID(), sha256: undefined, files: [] }).upload;
  }

  /**
   * Takes another id for a file whose bytes are not those that the server has under the first.
   *
   * @returns False if the file is not written down here, and so had a new id.
   */
  renew(target: FileToSend): boolean {
    const [own] = this.#files;
    const isNoted = target.noted !== undefined && target.noted.files.length > 0;
    const upload = crypto.randomUUID();
    target.noted = { upload, sha256: undefined, files: isNoted ? this.#own : [] };
    if (!isNoted || own === undefined) return false;
    this.#append(own, entryOf(target, upload));
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
    const { upload, files } = target.noted ?? {};
    if (!files?.length || (target.size ?? 0) < WORTH_RESUMING_BYTES) return;
    this.#append(this.#files[0], { begun: upload! });
  }

  /** Writes down that a file is stored. */
  stored(target: FileToSend, { confirmed, sha256 }: SendResult): void {
    const { upload, files = [] } = target.noted ?? {};
    if (upload === undefined || files.length === 0 || !confirmed) return;
    for (const file of files) this.#gathered.push([file, { done: upload, sha256 }]);
    if (this.#gathered.length >= GATHER_LINES) this.#write();
    else this.#timer ??= setTimeout(() => this.#write(), GATHER_MS);
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
      // A journal of another command has nothing more to say if all its files were in this run.
      if (this.#finished && (index === 0 || file.left === 0)) file.remove();
    }
    for (const file of new Set([...this.#files, ...this.#others])) file[Symbol.dispose]();
    this.#files = [];
    this.#others = [];
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
