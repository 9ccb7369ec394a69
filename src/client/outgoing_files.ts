/** The files of a client that have no result yet. @module */
import type { FxferError } from "../errors.ts";
import { FIRST_BYTES } from "./frame_source.ts";
import type { OutgoingFile } from "./outgoing_file.ts";

/** So many small files are read at a time. */
const READ_AHEAD = 16;

/** The send queue's files, in the order of their send calls. */
export class OutgoingFiles implements Iterable<OutgoingFile> {
  readonly #files = new Set<OutgoingFile>();
  /** Those of them of which something is to be sent; undefined after one went back, which is rare. */
  #unsent: Set<OutgoingFile> | undefined;
  readonly #wentBack = () => this.#unsent = undefined;
  /** Files that the server has stored, and whose digest is still compared. */
  readonly #stored = new Set<OutgoingFile>();

  /** The files that are not stored. */
  [Symbol.iterator](): Iterator<OutgoingFile> {
    return this.#files.values();
  }

  /** Adds a file behind the others. */
  add(file: OutgoingFile): void {
    this.#files.add(file);
    this.#unsent?.add(file);
    file.onRewind = this.#wentBack;
  }

  /** Forgets a file that has its result. */
  delete(file: OutgoingFile): void {
    this.#files.delete(file);
    this.#unsent?.delete(file);
  }

  /** The first file that is not stored and matches; takes out files that have a result on the way. */
  first(matches: (file: OutgoingFile) => boolean = () => true): OutgoingFile | undefined {
    for (const file of this.#files) {
      if (file.decided) this.#files.delete(file);
      else if (matches(file)) return file;
    }
  }

  /**
   * The first file of which something is to be sent. It does not walk over those that are sent and unanswered.
   *
   * @param inSession Whether files that wait for a session count.
   */
  firstUnsent(inSession: boolean): OutgoingFile | undefined {
    const unsent = this.#unsent ??= new Set(this.#files);
    for (const file of unsent) {
      if (file.decided || file.allSent) unsent.delete(file);
      else if (inSession || !file.needsSession) return file;
    }
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
      if (!other.preparing && other.prepared(frameSize) === undefined) {
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
    this.#files.delete(file);
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
    this.#files.clear();
  }

  /** Rejects every file that has no result, because the client is over. */
  end(error: FxferError): void {
    this.failAll(error);
    for (const file of this.#stored) file.fail(error);
  }
}

/** Whether a file can be read ahead of its turn: its first bytes are all of it, and none was sent. */
function isNextSmall(file: OutgoingFile): boolean {
  const { next, allSent, decided, needsSession, source: { size = Infinity } } = file;
  return next === 0 && size <= FIRST_BYTES && !allSent && !decided && !needsSession;
}
