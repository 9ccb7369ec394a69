/** What a storage is told of a file, and what it tells; types.ts says what it does. @module */
import type { Journal } from "./unannounced.ts";

/** What the process may do in the folder of a {@linkcode DiskStorage}: write (`W`), or read as well (`RW`).
 * @category Storage */
export type Tier = "W" | "RW";

/**
 * What an `ok` promises (S-TRF-7): the file survives the end of the process (`process`), its contents
 * are flushed to the disk (`data`), its name and its line are flushed as well (`durable`).
 * @category Storage
 */
export type Durability = "process" | "data" | "durable";

/** What is known of a file before its bytes arrive.
 * @category Storage */
export interface FileSpec {
  /** Media type as the sender announced it. The disk chooses the extension by it, or by the name (S-FRM-5). */
  readonly mimeType: string;
  /** The session that sends the file, and the number of the frame that began it; absent without one. */
  readonly session?: { readonly id: string; readonly sequence: number };
  /** The name at the sender. It is data to be kept; part of a path only as S-NAM-2 says. */
  readonly name?: string;
  /** The client's id of the upload: a second file with this id and the same sha256 is a replay (S-TRF-9). */
  readonly uploadId?: string;
  /** Bytes to reserve at admission (S-TRF-3); 0 when nothing is known. */
  readonly reserve: number;
  /** The address of the sender, to be kept with the file. */
  readonly clientAddress?: string;
  /** When the sender's file was last modified, in milliseconds since the epoch, to be kept (S-NAM-1). */
  readonly mtimeMs?: number;
  /** Whether the sender's file is a program, to be kept (S-NAM-1). */
  readonly executable?: boolean;
  /** The user who sends the file, and whose it will be. */
  readonly user?: string;
  /** Where the storage names files as their senders do: whether a taken name is refused (S-NAM-3). */
  readonly onClash?: "refuse";
}

/** What {@linkcode FileStorage.put} takes besides the bytes.
 * @category Storage */
export interface PutSpec extends FileSpec {
  /** The sha256 the sender announced, as 64 lower-case hex digits. */
  readonly sha256?: string;
  /** Where the file is noted before it is published; given only where there are {@linkcode FileStorage.journals}. */
  readonly journal?: Journal;
  /** Whether nobody else has held the session since it began: then its names are free. @default {false} */
  readonly sole?: boolean;
}

/** A file under its final name.
 * @category Storage */
export interface StoredFile {
  /** The final name. The disk's are relative to its folder, with `/` between the parts. */
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** 64 lower-case hex digits. */
  readonly sha256: string;
  /** As the sender announced it. */
  readonly mimeType: string;
  /** True when the file was stored before, and nothing was stored now: under the same upload id, or `existing`. */
  readonly replayed: boolean;
  /** True when a file of the same name with the same bytes was there already (S-NAM-3). */
  readonly existing?: true;
}

/** A file whose bytes are all here and whose digest is fixed.
 * @category Storage */
export interface SealedFile {
  /** Where the bytes are. */
  readonly temporaryPath: string;
  /** The name the file will get. */
  readonly finalPath: string;
  /** Bytes. */
  readonly size: number;
  /** 64 lower-case hex digits, computed by the storage. */
  readonly sha256: string;
  /** As the sender announced it. */
  readonly mimeType: string;
  /** The file that has the name already and the same bytes: then `publish` stores nothing (S-NAM-3). */
  readonly existing?: StoredFile;
}

/**
 * Throws what the sender is told if the caller may not publish. The storage calls it right before the final name
 * is given, with no wait between the two, and passes on what it throws.
 * @category Storage */
export type MayPublish = () => void;

/**
 * A small file whose bytes the storage has, and which gets its final name and its line together with others.
 * @category Storage
 */
export interface GatheredFile {
  /** What its sender is told once it is stored. */
  readonly file: StoredFile;
  /**
   * Stores all files that are gathered, unless that is done by now.
   *
   * @throws {FxferError} Why this one could not be stored: nothing of it is left. The files of its session that were
   * gathered after it are not stored either, and throw the same.
   */
  store(): void;
}
