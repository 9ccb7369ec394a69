/**
 * The contract between the server and whatever keeps the bytes of files.
 *
 * Every {@linkcode FileStorage} stores whole files and receives files piece by piece. What only some can do is
 * a *capability*, an optional member: the server asks whether it is there, and its text says what is lost without.
 *
 * The life of a file that arrives piece by piece: {@linkcode FileStorage.begin}, then `write` until all
 * bytes are here, then `seal` (the digest is fixed, the contents are flushed as the level asks). The
 * session layer writes its intent into the session store, then calls `publish` (the file gets its final
 * name and its line in the list). A file that is wholly in memory takes {@linkcode FileStorage.put}, one step.
 *
 * @module
 */
import type { Catalogue } from "./catalogue.ts";
import type { ComputedDigest } from "./digest.ts";
import type {
  Durability,
  FileSpec,
  GatheredFile,
  MayPublish,
  PutSpec,
  SealedFile,
  StoredFile,
} from "./file_types.ts";
import type { Journals } from "./unannounced.ts";

export type * from "./file_types.ts";

/** A partial file, as a session record remembers it.
 * @category Storage */
export interface PartialFile {
  /** As {@linkcode Upload.temporaryPath} said it. */
  readonly temporaryPath: string;
  /** As {@linkcode Upload.finalPath} said it. */
  readonly finalPath: string;
  /** What was known at `begin`. */
  readonly spec: FileSpec;
  /** The durable offset in bytes. What lies beyond it is cut off on reopening. */
  readonly offset: number;
  /**
   * True when another process may still have the file open and write to it. Unless the storage knows that
   * none has, it opens a copy under another temporary path. The caller removes the original once the
   * copy's path is saved.
   */
  readonly contended?: boolean;
}

/**
 * One file that is being received.
 *
 * The caller awaits each call before the next. The implementer makes the first error of `write`,
 * `checkpoint` and `seal` final: every later call except `discard` and `release` throws it again,
 * because after a full disk a later flush may succeed although bytes are missing.
 * @category Storage
 */
export interface Upload {
  /**
   * Where the bytes are until the file is published. Only the storage interprets the two paths: the caller
   * keeps them in session records and hands them back unchanged.
   */
  readonly temporaryPath: string;
  /** The final name. */
  readonly finalPath: string;
  /** Bytes written. */
  readonly offset: number;
  /**
   * Reserves room for a file of `total` bytes, counting those that are reserved or written already.
   * Throws `storage_full` and changes nothing when there is no room (S-TRF-3).
   */
  reserve(total: number): void;
  /**
   * Appends bytes at `offset` and feeds them to the digest. The caller leaves the bytes unchanged until
   * the call returns or its promise settles. Throws `storage_full` where only room is missing, else
   * `internal_error` with its cause; bytes written before the error stay, and `offset` counts them.
   * With a `digest` the bytes are the whole file: no other write follows.
   */
  write(bytes: Uint8Array, digest?: ComputedDigest): void | Promise<void>;
  /** Flushes as the durability level asks, and returns the offset that is durable at that level. */
  checkpoint(): Promise<number>;
  /**
   * Ends writing, flushes, fixes the digest; publishes nothing. Called again it returns the same, except after
   * `publish` has thrown `name_taken`: then another name, or `name_taken` if the sender wants no other.
   */
  seal(): Promise<SealedFile>;
  /**
   * Gives a sealed file its final name at the durability level. After success a second call returns the same;
   * after a failure it tries once more. A session's file keeps the final name that it has got, whatever fails:
   * the next holder may be finishing it. If another has the name since `seal`, it throws `name_taken`; outside a session it takes another.
   */
  publish(mayPublish?: MayPublish): Promise<StoredFile>;
  /**
   * Closes the file and gives the reservation back; nothing else is called after it. With
   * {@linkcode PartialFiles} the bytes stay where they are, to be reopened; without, they are removed.
   * After `publish` it does nothing.
   */
  release(): Promise<void>;
  /** Removes the bytes and gives the reservation back; does nothing after `publish` or `release`. */
  discard(): Promise<void>;
  /** As `discard`, also after a failed `publish`: a file without a line loses its final name too. Absent: it keeps it. */
  withdraw?(): Promise<void>;
}

/**
 * Capability: partial files outlive the {@linkcode Upload} that wrote them, and the process too.
 *
 * The caller guarantees that it holds the session the file belongs to. The implementer guarantees that
 * the bytes up to the durable offset are the ones that were written, and trusts no path: it comes from
 * a session store that others may write to.
 *
 * Absent: a session whose connection broke goes on in the middle of its file as long as the server
 * process that received it lives. After that its client is told that no file is open (offset 0) and
 * sends the file from its start.
 * @category Storage
 */
export interface PartialFiles {
  /**
   * Opens a partial file at its durable offset and reads its digest up to there. Where the same process
   * still has the file open, that upload is released first. So a file goes on after a failed write or flush,
   * from what was durable before (S-TRF-10). Needs room only for what is missing.
   * Undefined when the file is gone, shorter than its offset, or none of this storage's.
   */
  reopen(partial: PartialFile): Promise<Upload | undefined>;
  /** Removes a partial file. Does nothing if it is absent, or if the path is no partial file's. */
  remove(partial: { readonly temporaryPath: string }): Promise<void>;
  /**
   * The first `offset` bytes of a partial file, for a session that moves to another server. A piece is valid
   * until the next is asked for. Throws `incomplete` when bytes are missing. Absent: the client of a session
   * that moves sends its open file from the start.
   */
  read?(partial: Pick<PartialFile, "temporaryPath" | "offset">): AsyncIterable<Uint8Array>;
}

/**
 * Keeps files. Errors are {@linkcode FxferError}s: `storage_full` where room is missing, else
 * `internal_error` with its cause. A file that is not whole never appears under its final name, unless
 * it can be told from the whole ones.
 *
 * The caller disposes of the storage after the last upload has ended. `asyncDispose` closes what the
 * storage holds open; partial files stay where the storage can reopen them.
 * @category Storage
 */
export interface FileStorage extends AsyncDisposable {
  /** A word for people, in logs and as `server.tier` (S-CON-6); nothing may be decided by it. The disk: `W`, `RW`. */
  readonly label: string;
  /** What `ok` promises (S-TRF-7). */
  readonly durability: Durability;
  /**
   * Stores a whole file that is in memory, or nothing. May work at once and return no promise. The
   * caller leaves the bytes unchanged until the file is stored. If `spec.sha256` is not the digest of the
   * bytes: `checksum_mismatch` with the field `sha256` (S-TRF-5).
   *
   * @param crowded Other requests wait for this thread: use other threads if possible.
   * @param digest Of the bytes, where the caller had to compute it; a storage may take it, or compute its own.
   */
  put(
    spec: PutSpec,
    bytes: Uint8Array,
    crowded?: boolean,
    mayPublish?: MayPublish,
    digest?: ComputedDigest,
  ): StoredFile | Promise<StoredFile>;
  /** Reserves room for a file and begins it. */
  begin(spec: FileSpec): Promise<Upload>;
  /** Throws what keeps the storage from taking files now; the server's readiness asks. */
  check(): Promise<void>;

  /** Capability: partial files can be opened again; see {@linkcode PartialFiles} for what absent means. */
  readonly partials?: PartialFiles | undefined;
  /**
   * Capability: finishes a commit that a crash or a lost session store cut short (S-SEQ-5).
   *
   * Returns the stored file if all its bytes are under the final name, or can be given that name now, and
   * sees to it that the file is listed once. Returns undefined when the bytes are gone or are other ones.
   * The caller holds the session. `spec` is what else is known of the file: its line and its level of
   * durability are those of an undisturbed commit.
   *
   * Absent: after such a crash a file whose publication the session did not know may be stored twice.
   */
  readonly recover?:
    | ((sealed: SealedFile, spec?: FileSpec) => Promise<StoredFile | undefined>)
    | undefined;
  /**
   * Capability: tells which file was stored under an upload id (S-TRF-9).
   *
   * A storage that has it answers in `put` and `publish` too: a known id with the same sha256 stores
   * nothing and returns the first result with `replayed: true`; one with another sha256 throws
   * `sequence_reuse` with the field `field: "upload_id"`. Of two uploads with one id at the same time one
   * is stored: the later one waits for the earlier one's outcome, and throws `busy` after 2 s. Ids may be
   * forgotten after a while. The server awaits the result only when it is a promise.
   *
   * Absent: a client that sends a file again, because the reply to the first try was lost, may have it
   * stored twice. The server's terms say so: `server.upload_ids` is false.
   */
  readonly find?:
    | ((uploadId: string) => StoredFile | undefined | Promise<StoredFile | undefined>)
    | undefined;
  /**
   * Capability, for a `find` that answers from this process's memory: learns what other processes have
   * stored in the same place (S-TRF-11). It must take next to no time when there is nothing to learn, and then
   * returns undefined. With `lately`, what was known a millisecond ago is enough, and the server asks without it
   * where `find` finds a file then. `put` and `publish` learn by themselves before they store a file with an id.
   *
   * Absent: `find` knows everything already, or what other processes stored stays unknown to it.
   */
  readonly refresh?: ((lately?: boolean) => Promise<void> | undefined) | undefined;
  /**
   * Capability: takes a file that is stored together with others; see {@linkcode GatheredFile}. Undefined where
   * this one cannot be: the caller puts it. Absent: each file is put.
   */
  readonly gather?:
    | ((...what: Parameters<FileStorage["put"]>) => GatheredFile | undefined)
    | undefined;
  /**
   * Capability: files that nobody announces; see {@linkcode Journals}. Absent: the server announces each file of
   * a session whose record outlives the process.
   */
  readonly journals?: Journals | undefined;
  /**
   * Capability: removes partial files that no session will ever ask for, and returns how many. `isLive` tells
   * whether a session still names a temporary path, or is alive itself, by its id. The implementer leaves files alone that another process
   * may be receiving now, completes what dead processes were about to publish, and removes no published file.
   *
   * Absent: what crashed processes left half done stays until people remove it.
   */
  readonly sweep?: ((isLive: (named: string) => boolean) => Promise<number>) | undefined;
  /**
   * Capability: lists, finds, reads and removes stored files; see {@linkcode Catalogue}. Absent: the server's
   * terms do not offer to list, fetch or remove them.
   */
  readonly catalogue?: Catalogue | undefined;
}
