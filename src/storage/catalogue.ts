/**
 * The contract of the capability {@linkcode Catalogue}: what is stored can be listed, found, read and removed.
 *
 * @module
 */

/** What is known of a stored file.
 * @category Storage */
export interface ListedFile {
  /** The final name, as `StoredFile.path`. */
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** 64 lower-case hex digits. */
  readonly sha256: string;
  /** As the sender announced it. */
  readonly mimeType: string;
  /** When the file was stored, in milliseconds since the epoch. */
  readonly storedAt: number;
  /** The name at the sender. Where there is none, the file is listed and found under its path. */
  readonly name?: string;
  /** When the sender's file was last modified, in milliseconds since the epoch (S-NAM-1). */
  readonly mtimeMs?: number;
  /** Present where the sender's file was a program (S-NAM-1). */
  readonly executable?: true;
  /** The client's id of the upload. */
  readonly uploadId?: string;
  /** The session that sent the file. */
  readonly session?: string;
  /** The user whose file it is; absent for a file that nobody owns. */
  readonly user?: string;
}

/** Whose files are meant: everybody's if it is absent, those that nobody owns if it is null.
 * @category Storage */
export interface OwnedBy {
  /** The name of a user, or null. */
  readonly owner?: string | null;
}

/** Which files a list shows, and in which order.
 * @category Storage */
export interface ListQuery extends OwnedBy {
  /** Only files whose name begins with this text. */
  readonly prefix?: string;
  /** Only files of exactly this name. */
  readonly name?: string;
  /** Only files that this session sent. */
  readonly session?: string;
  /** Where to go on: `next` of the page before, with the same other members. */
  readonly after?: string;
  /** Files a page has at most, from 1 to 1,000. */
  readonly limit: number;
  /** `newest` is the one stored last first; `name` is by the bytes of the names. */
  readonly order: "newest" | "name";
}

/** A part of a list.
 * @category Storage */
export interface ListPage {
  /** May be fewer than `limit`, and even none, although more follow: only `next` tells. */
  readonly files: readonly ListedFile[];
  /** To be given as `after`; null at the end of the list. Its text means nothing to others. */
  readonly next: string | null;
}

/** What a file is found by: its path, its name (the newest file of that name), or its name and content.
 * @category Storage */
export type FileKey =
  & OwnedBy
  & (
    | { readonly path: string }
    | { readonly name: string }
    | { readonly name: string; readonly sha256: string; readonly size: number }
  );

/** Who has a file removed, to be kept in the list of stored files.
 * @category Storage */
export interface RemovedBy extends OwnedBy {
  /** The user who asked. */
  readonly user?: string;
  /** The session that asked, and the number of its frame. */
  readonly session?: { readonly id: string; readonly sequence: number };
  /** Why the file goes, if nobody asked: the setting that wants it. */
  readonly reason?: string;
}

/** A stored file that is open for reading.
 * @category Storage */
export interface OpenedFile extends Disposable {
  /** What is known of it. */
  readonly file: ListedFile;
  /**
   * Reads bytes from `offset` on into `into`, as many as there are at once, and at least one.
   *
   * @returns How many; null at the end of the file, which a file cut short reaches before `file.size`.
   */
  read(offset: number, into: Uint8Array): Promise<number | null>;
  /** The same at once; absent where the bytes would have to be waited for. */
  readonly readNow?: ((offset: number, into: Uint8Array) => number | null) | undefined;
}

/**
 * Capability: tells which files are stored, reads and removes them.
 *
 * What a caller asks for was stored before the question, by this process or, at most a second earlier, by
 * another one with the same files. A list is weakly consistent: a file that is stored while all its pages are
 * asked for stands in it exactly once (S-LST-1).
 *
 * Paths, names and `after` may be the text of a client: whatever is no path of a stored file is not found.
 * @category Storage
 */
export interface Catalogue {
  /**
   * A page of the list of stored files.
   *
   * @throws {FxferError} `invalid_field` with the field `after` where that is not from a list like this one.
   */
  list(query: ListQuery): Promise<ListPage>;
  /** The newest file that fits; undefined if there is none. */
  find(key: FileKey): Promise<ListedFile | undefined>;
  /**
   * Opens the newest file that fits for reading, at once where it need not wait. No lock is held: a file that
   * is removed meanwhile is read to its end where the system allows it (S-GET-3). A link that somebody has
   * planted on the way is not followed. Absent where files cannot be read.
   *
   * @returns Undefined if no such file is listed, or what is there is not it.
   */
  readonly open?:
    | ((key: FileKey) => OpenedFile | undefined | Promise<OpenedFile | undefined>)
    | undefined;
  /**
   * Removes a file: it is listed no more, its bytes are gone, and its room is free. A path that was removed
   * in the last 10 minutes is answered with the same file again, since the answer may have been lost (S-REM-1).
   *
   * @param by Only a file of `by.owner` is removed; the rest is kept.
   * @returns The file that is gone; undefined if there is no such file.
   */
  remove(path: string, by?: RemovedBy): Promise<ListedFile | undefined>;
}
