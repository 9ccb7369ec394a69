/**
 * The contract of the capability {@linkcode Journals}: small files that are published before any save of their
 * session speaks of them (S-SEQ-9).
 *
 * @module
 */

/** A file that was published in a session, and of which perhaps no save speaks.
 * @category Storage */
export interface UnannouncedFile {
  /** The final name, as `StoredFile.path`. */
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** 64 lower-case hex digits. */
  readonly sha256: string;
  /** As the sender announced it. */
  readonly mimeType: string;
  /** The number of the frame that brought it. */
  readonly sequence: number;
  /** The name at the sender. */
  readonly name?: string;
  /** The client's id of the upload. */
  readonly uploadId?: string;
}

/** A file that is about to get its final name.
 * @category Storage */
export interface NotedFile {
  /** Where its bytes are. */
  readonly temporaryPath: string;
  /** What the list of stored files will say of it. */
  readonly line: string;
}

/**
 * What one holder of a session publishes without an intent. A storage that is given one in a `PutSpec` notes the
 * file in it right before it gives the final name, and gives none if the journal was taken over.
 * @category Storage
 */
export interface Journal {
  /** Whether no other holder has taken it over. */
  readonly stands: boolean;
  /**
   * Notes files that are about to get their final names.
   *
   * @throws {FxferError} `busy` if it was taken over: none of the files must be published.
   */
  note(files: readonly NotedFile[]): void;
  /** Every file that was noted is saved in the session's record by now. */
  saved(): void;
  /** Closes it. @param isOver Whether everything in it is saved: then it is removed, else the next holder reads it. */
  close(isOver: boolean): void;
}

/**
 * Capability: tells the next holder of a session what the one before it has published, however that one ended.
 * @category Storage
 */
export interface Journals {
  /**
   * Begins the journal of a session's holder. Before the holder publishes by it, it makes a save of the session
   * under its epoch: one that has lost the session learns of it by that save.
   */
  begin(session: string): Journal;
  /**
   * Takes over what earlier holders have left, dead or not: from now on they publish nothing by their journals.
   * The caller has saved its own attach, and publishes nothing of the session before.
   *
   * @param after Files with this number or a smaller one are saved.
   * @returns The files that are published. Each has its line in the list.
   */
  takeOver(session: string, after: number): Promise<UnannouncedFile[]>;
}
