/**
 * The contract of where file bytes live.
 *
 * The life of a file: {@linkcode FileStorage.begin} → `write` … → `seal` (all bytes here, digest
 * known, flushed as the level asks) → the session layer writes its intent → `publish` (final name,
 * line in commits.jsonl). A file that is wholly here takes {@linkcode FileStorage.put}, one step.
 *
 * @module
 */

/** What the process may do in the storage folder: write only, or read as well (wire §10). */
export type Tier = "W" | "RW";

/** What an `ok` promises (S-TRF-7): survives the process, contents flushed, everything flushed. */
export type Durability = "process" | "data" | "durable";

/** What is known of a file before its bytes are. */
export interface FileSpec {
  /** Chooses the extension by the media-type table; kept in the manifest. */
  readonly mimeType: string;
  /** Present for a session's file under `session_aware` naming: `session_<id>/file_<sequence>_<time>`. */
  readonly session?: { readonly id: string; readonly sequence: number };
  /** The name at the sender: kept in the manifest as data, never a path. */
  readonly name?: string;
  /** The client's id of the upload: a second file with the same id and sha256 is a replay (S-TRF-9). */
  readonly uploadId?: string;
  /** Bytes to reserve against the budget at admission; 0 when nothing is known. */
  readonly reserve: number;
  /** Who sends: goes into the manifest. */
  readonly clientAddress?: string;
}

/** A file under its final name. */
export interface StoredFile {
  /** Relative to the storage folder, `/` between parts. */
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** 64 lower-case hex digits. */
  readonly sha256: string;
  /** As the sender announced it. */
  readonly mimeType: string;
  /** True when this upload id was stored before and nothing was stored now. */
  readonly replayed: boolean;
}

/** Where a partial file is: survives in a session record. */
export interface PartialFile {
  /** Relative to the storage folder. In tier W it is the final path itself. */
  readonly temporaryPath: string;
  /** The name it will get. */
  readonly finalPath: string;
  /** What was known at `begin`. */
  readonly spec: FileSpec;
  /** The durable offset: bytes beyond it are cut away on reopening. */
  readonly offset: number;
  /**
   * Another process may still have it open and write to it: then a copy is opened, under another
   * temporary path, and the caller removes this one once the copy's path is kept.
   */
  readonly contended?: boolean;
}

/** A file whose bytes are all here and whose digest is fixed. */
export interface SealedFile {
  /** Where the bytes are. */
  readonly temporaryPath: string;
  /** The name they will get. */
  readonly finalPath: string;
  /** Bytes. */
  readonly size: number;
  /** 64 lower-case hex digits, computed here. */
  readonly sha256: string;
  /** As the sender announced it. */
  readonly mimeType: string;
}

/**
 * One file that is being received. Calls come one at a time: the caller awaits each. The first
 * write error is final: every later call but `discard` throws it again (after ENOSPC a later sync
 * still succeeds, so the error must be remembered).
 */
export interface Upload {
  /** Where the bytes go, relative to the storage folder. */
  readonly temporaryPath: string;
  /** The name it will get. */
  readonly finalPath: string;
  /** Bytes written so far. */
  readonly offset: number;
  /**
   * Admits a file of `total` bytes, what is reserved or written already counted in: less than that is
   * nothing new. Throws `storage_full` and changes nothing when there is no room.
   */
  reserve(total: number): void;
  /**
   * Appends at `offset` and hashes. The bytes belong to the caller again when it returns (or, if it
   * returned a promise, when that settles). Throws `storage_full` on ENOSPC or EDQUOT, else
   * `internal_error` with the cause; what was written before stays and `offset` says so.
   */
  write(bytes: Uint8Array): void | Promise<void>;
  /** Flushes as the durability level asks and returns the offset that is durable at that level. */
  checkpoint(): Promise<number>;
  /** Ends writing, flushes, fixes the digest. Nothing is visible yet. Again: the same result. */
  seal(): Promise<SealedFile>;
  /**
   * Gives a sealed file its final name and its line in the manifest, at the durability level. Again
   * after success: the same result, nothing done twice; again after a failure: tries once more.
   */
  publish(): Promise<StoredFile>;
  /**
   * Closes what it holds open, gives the reservation back and leaves the bytes where they are, for
   * `reopen`; the last call. In tier W, where nothing can be reopened, the bytes are removed. After
   * publish it does nothing.
   */
  release(): Promise<void>;
  /** Removes the bytes and gives the reservation back; after publish or release it does nothing. */
  discard(): Promise<void>;
}

/** What `FileStorage.put` takes besides the bytes. */
export interface PutSpec extends FileSpec {
  /** The sha256 the sender announced: another digest throws `checksum_mismatch`, nothing published. */
  readonly sha256?: string;
}

/**
 * Keeps files. Errors are {@linkcode FxferError}s: `storage_full` (budget, ENOSPC), `internal_error`
 * with its cause for the rest. No failure leaves a partial file under a final name in tier RW, and
 * none leaves a line in the manifest for a file that is not whole.
 */
export interface FileStorage extends AsyncDisposable {
  /** What the process may do in the folder. */
  readonly tier: Tier;
  /** What `ok` promises. */
  readonly durability: Durability;
  /**
   * Stores a whole file that is in memory. May work synchronously (small files: one system call
   * instead of a trip to the thread pool); the bytes belong to the caller again when it is done.
   *
   * @param crowded Others wait for this thread: what can be done beside it had better be.
   */
  put(spec: PutSpec, bytes: Uint8Array, crowded?: boolean): StoredFile | Promise<StoredFile>;
  /** Admits a file and opens its temporary folder. */
  begin(spec: FileSpec): Promise<Upload>;
  /**
   * Opens a partial file again after a restart (tier RW: what is beyond `offset` is cut and the rest
   * is hashed again); undefined when it is gone, shorter than `offset`, or cannot be read (tier W).
   */
  reopen(partial: PartialFile): Promise<Upload | undefined>;
  /**
   * Recovery of an intent (S-SEQ-5): the stored file if it is whole under its final name (or can get
   * it now), after repairing the manifest; else undefined, always in tier W.
   *
   * @param spec What is known of the file, for the line of the manifest and for `find`.
   */
  recover(sealed: SealedFile, spec?: FileSpec): Promise<StoredFile | undefined>;
  /**
   * The first `offset` bytes of a partial file, whoever has it open, in pieces that are valid until the
   * next. Throws `incomplete` when they are not all there or cannot be read (tier W). Absent: as if it
   * always threw.
   */
  read?(partial: Pick<PartialFile, "temporaryPath" | "offset">): AsyncIterable<Uint8Array>;
  /** Removes a partial file nobody has open; absent is fine. */
  remove(partial: { readonly temporaryPath: string }): Promise<void>;
  /** The file an upload id was stored as, as far back as is remembered. */
  find(uploadId: string): StoredFile | undefined;
  /**
   * Learns what other processes have stored in the same place since it was last asked, for `find`.
   * Asked once a connection: a client sends again what another process may have stored only after it
   * has lost its connection there. Undefined, or absent: there is nothing to learn.
   */
  refresh?(): Promise<void> | undefined;
  /** Throws what keeps the folder from taking files now; for readiness. */
  check(): Promise<void>;
  /**
   * Removes partial files that no session will ask for, and returns how many. Files that another process
   * may be receiving stay. Absent: they stay until people remove them.
   */
  readonly sweep?: ((isLive: (temporaryPath: string) => boolean) => Promise<number>) | undefined;
}
