/** The files of a client that have no result yet. @module */
import type { FxferError } from "../errors.ts";
import { FIRST_BYTES } from "./frame_source.ts";
import type { OutgoingFile } from "./outgoing_file.ts";

/** So many small files are read at a time. */
const READ_AHEAD = 16;

/** While so many files wait for their turn, another is of no use: it would only take memory. */
const MOST_WAITING = 64;

/**
 * The send queue's files, in the order of their send calls.
 *
 * They are in arrays, because V8 keeps what was ever in a Set that changes all the time until its next full
 * collection: each table of the Set that was replaced refers to the table behind it.
 */
export class OutgoingFiles implements Iterable<OutgoingFile> {
  readonly #files: OutgoingFile[] = [];
  /** Those of them of which something is to be sent; undefined after one went back, which is rare. */
  #unsent: OutgoingFile[] | undefined;
  readonly #wentBack = () => this.#unsent = undefined;
  #ready: PromiseWithResolvers<void> | undefined;
  /** Files that the server has stored, and whose digest is still compared. */
  readonly #stored = new Set<OutgoingFile>();

  /** The files that are not stored. */
  [Symbol.iterator](): Iterator<OutgoingFile> {
    return this.#files.values();
  }

  /** Adds a file behind the others. */
  add(file: OutgoingFile): void {
    this.#files.push(file);
    this.#unsent?.push(file);
    file.onRewind = this.#wentBack;
  }

  /** Whether so many files wait for their turn that another is of no use. */
  get areMany(): boolean {
    const waiting = this.#unsent ?? this.#files;
    if (waiting.length < MOST_WAITING) return false;
    // Those that wait for a session may wait for long, and others go before them.
    let count = 0;
    for (let at = 0; at < waiting.length; at++) if (!waiting[at]!.needsSession) count++;
    return count >= MOST_WAITING;
  }

  /** Waits until few files wait for their turn. Never rejects. */
  async ready(): Promise<void> {
    if (this.areMany) await (this.#ready ??= Promise.withResolvers()).promise;
  }

  /** Files have gone: there may be few now. */
  #gone(): void {
    if (this.#ready === undefined || (this.#unsent ?? this.#files).length > MOST_WAITING / 2) {
      return;
    }
    this.#ready.resolve();
    this.#ready = undefined;
  }

  /** Forgets a file that has its result. */
  delete(file: OutgoingFile): void {
    const at = this.#files.indexOf(file);
    if (at === 0) this.#files.shift();
    else if (at > 0) this.#files.splice(at, 1);
  }

  /** The first file that is not stored, has no result and matches. */
  first(matches?: (file: OutgoingFile) => boolean): OutgoingFile | undefined {
    while (this.#files[0]?.decided) this.#files.shift();
    if (matches === undefined) return this.#files[0];
    return this.#files.find((file) => !file.decided && matches(file));
  }

  /**
   * The first file of which something is to be sent. It does not walk over those that are sent and unanswered.
   *
   * @param inSession Whether files that wait for a session count.
   */
  firstUnsent(inSession: boolean): OutgoingFile | undefined {
    const unsent = this.#unsent ??= [...this.#files];
    while (unsent[0] !== undefined && isOver(unsent[0])) unsent.shift();
    this.#gone();
    const first = unsent[0];
    if (first === undefined || inSession || !first.needsSession) return first;
    return unsent.find((file) => !isOver(file) && !file.needsSession);
  }

  /**
   * Has a file prepare its frame, and small files behind it as well: so they are read while others are on the
   * way, several at a time.
   *
   * @param prepared Called whenever one is prepared.
   */
  prepare(
    file: OutgoingFile,
    frameSize: number,
    whole: boolean | undefined,
    prepared: () => void,
  ): undefined {
    let left = file.source.size === undefined ? 1 : READ_AHEAD;
    for (const other of this.#unsent ?? this.#files) {
      if (other !== file && !isNextSmall(other)) continue;
      if (!other.preparing && other.prepared(frameSize, whole) === undefined) {
        other.prepare(frameSize, whole).then(prepared);
      }
      if (--left === 0) return;
    }
  }

  /** Whether every file has its result. */
  get allDecided(): boolean {
    return this.first() === undefined && this.#stored.size === 0;
  }

  /** Whether all that is left waits for a source. */
  get waitForSource(): boolean {
    const file = this.first();
    return file !== undefined && file.preparing && !file.sentInSession;
  }

  /** Whether a file waits for a session. */
  get needSession(): boolean {
    return this.first(({ needsSession }) => needsSession) !== undefined;
  }

  /** Whether files wait for a session, and no others are left. */
  get allNeedSession(): boolean {
    return this.first(({ needsSession }) => !needsSession) === undefined && this.needSession;
  }

  /** The server has stored a file, which is `decided` when its digest is compared. */
  async stored(file: OutgoingFile, decided: Promise<void>): Promise<void> {
    this.delete(file);
    this.#stored.add(file);
    await decided;
    this.#stored.delete(file);
  }

  /** Waits until every file that is stored has its result: its digest may still be compared. */
  async allConfirmed(): Promise<void> {
    await Promise.allSettled([...this.#stored].map(({ result }) => result));
  }

  /** Rejects every file that is not stored. */
  failAll(error: FxferError): void {
    for (const file of this.#files) file.fail(error);
    this.#files.length = 0;
    this.#unsent = undefined;
    this.#gone();
  }

  /** Rejects every file that has no result, because the client is over. */
  end(error: FxferError): void {
    this.failAll(error);
    for (const file of this.#stored) file.fail(error);
  }
}

/** Whether nothing of a file is to be sent. */
function isOver({ decided, allSent }: OutgoingFile): boolean {
  return decided || allSent;
}

/** Whether a file can be read ahead of its turn: its first bytes are all of it, and none was sent. */
function isNextSmall(file: OutgoingFile): boolean {
  const { next, allSent, decided, needsSession, source: { size = Infinity } } = file;
  return next === 0 && size <= FIRST_BYTES && !allSent && !decided && !needsSession;
}
