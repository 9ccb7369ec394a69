/** The file storage on a disk: holds the parts together and hands each call to the file that does it. @module */
import type { Catalogue } from "./catalogue.ts";
import { CommitGroup } from "./commit_group.ts";
import { checkDigest, type ComputedDigest } from "./digest.ts";
import { diskCatalogue } from "./disk_catalogue.ts";
import {
  creation,
  type DiskParts,
  keepsName,
  type ReadingParts,
  removeQuietly,
} from "./disk_parts.ts";
import { FxferError } from "../errors.ts";
import { asStorageError } from "./io_errors.ts";
import { type KeepPolicy, type OutdatedFile, outdatedFiles } from "./keeping.ts";
import { diskJournals } from "./journals.ts";
import { tryLock } from "./locks.ts";
import { makeFile } from "./new_file.ts";
import { temporaryName } from "./naming.ts";
import { closeParts, type DiskStorageOptions, openParts } from "./open.ts";
import { partialFiles } from "./partials.ts";
import { gather, PUT_NOW_BYTES, PUT_ON_THREAD_POOL_BYTES, putNow, putOnThreadPool } from "./put.ts";
import { recoverSealed, sweepOrphans } from "./recovery.ts";
import type {
  Durability,
  FileSpec,
  FileStorage,
  GatheredFile,
  MayPublish,
  PartialFiles,
  PutSpec,
  SealedFile,
  StoredFile,
  Tier,
  Upload,
} from "./types.ts";
import type { Journals } from "./unannounced.ts";
import { DiskUpload } from "./upload.ts";

/** A partial file is swept only if no process has written to it for this long, in milliseconds. */
const SWEEP_OLDER_THAN_MS = 600_000;

/**
 * Keeps files in one folder of a disk. Several processes may share the folder.
 *
 * With permission to read the folder (tier RW) it has every capability. With permission to write alone
 * (tier W) it cannot look at what other processes, or earlier ones, have left there: it has `find` for the
 * files that this process stored, and no other capability. Its capabilities need no `this`, so a storage
 * that wraps it can hand them on as they are.
 *
 * @example
 * ```ts
 * import { DiskStorage } from "../../mod.ts";
 *
 * const folder = await Deno.makeTempDir();
 * {
 *   await using storage = await DiskStorage.open(folder);
 *   const bytes = new TextEncoder().encode("hello");
 *   const file = await storage.put({ mimeType: "text/plain", reserve: 5 }, bytes);
 *   console.assert(/^received_[0-9a-f]{32}\.txt$/.test(file.path));
 * }
 * await Deno.remove(folder, { recursive: true });
 * ```
 * @category Storage
 */
export class DiskStorage implements FileStorage {
  readonly #parts: DiskParts;
  /** The small files that wait for those which come with them. */
  readonly #group: CommitGroup;
  #open = true;

  /** Opens, removes and reads partial files; present in tier RW. */
  readonly partials?: PartialFiles;
  /** Finishes or confirms a commit that was cut short (S-SEQ-5); present in tier RW. */
  readonly recover?: (sealed: SealedFile, spec?: FileSpec) => Promise<StoredFile | undefined>;
  /** The file that was stored under an upload id, as far back as `maxUploadIds` reach (S-TRF-9). */
  readonly find: (uploadId: string) => StoredFile | undefined;
  /** Learns the upload ids that other processes on the folder have stored; present in tier RW. */
  readonly refresh?: (lately?: boolean) => Promise<void> | undefined;
  /** Takes small files that are stored together; present where the level asks for no flush. */
  readonly gather?: (...what: Parameters<FileStorage["put"]>) => GatheredFile | undefined;
  /** What sessions publish that nothing announces; present in tier RW. */
  readonly journals?: Journals;
  /**
   * Removes partial files that no session names, and session folders that are empty; present in tier RW.
   * Only files untouched for `olderThanMs` milliseconds are removed (default 10 minutes), because another
   * process on the folder may be receiving younger ones. Returns how many partial files were removed, or,
   * with `onlyCount`, how many would be.
   */
  readonly sweep?: (
    isLive: (named: string) => boolean,
    olderThanMs?: number,
    onlyCount?: boolean,
  ) => Promise<number>;

  /** Lists, finds, opens and removes stored files; in tier W those of this process, which it cannot open. */
  readonly catalogue: Catalogue;

  private constructor(parts: DiskParts) {
    this.#parts = parts;
    this.#group = new CommitGroup(parts);
    if (parts.durability === "process") this.gather = (...what) => this.#gather(...what);
    this.catalogue = diskCatalogue(parts);
    this.find = (uploadId) => parts.index.get(uploadId);
    const { reading } = parts;
    if (reading === undefined) return;
    this.partials = partialFiles(parts);
    this.recover = (sealed, spec) => recoverSealed(parts, reading, sealed, spec);
    this.refresh = (lately) => refresh(parts, reading, lately);
    this.journals = diskJournals(parts);
    this.sweep = (isLive, olderThanMs = SWEEP_OLDER_THAN_MS, onlyCount) =>
      sweepOrphans(parts, reading, isLive, olderThanMs, onlyCount);
  }

  /**
   * Opens a folder, making it if it is missing.
   *
   * @param folder As the permission names it: absolute or relative.
   * @throws {FxferError} `config_invalid` when the permissions do not allow what is asked;
   * `local_io` when the folder cannot be used.
   * @throws {RangeError} When the budget is negative.
   */
  static async open(folder: string, options: DiskStorageOptions = {}): Promise<DiskStorage> {
    return new DiskStorage(await openParts(folder, options));
  }

  /** The tier: what the process may do in the folder. */
  get label(): Tier {
    return this.#parts.folder.tier;
  }
  /** What `ok` promises. */
  get durability(): Durability {
    return this.#parts.durability;
  }
  /** Bytes of stored files, and bytes promised to uploads under way. */
  get usage(): { readonly used: number; readonly reserved: number } {
    return { used: this.#parts.budget.used, reserved: this.#parts.budget.reserved };
  }

  /**
   * Stores a file that is in memory: at once if it is small and the level asks for no flush.
   *
   * @param crowded Other requests wait for this thread: the thread pool writes files from 16 KiB on.
   */
  put(
    spec: PutSpec,
    bytes: Uint8Array,
    crowded = false,
    mayPublish?: MayPublish,
    digest?: ComputedDigest,
  ): StoredFile | Promise<StoredFile> {
    const parts = this.#parts;
    // To compare a file with one that has its name takes waiting (S-NAM-3).
    if (keepsName(parts, spec)) return this.#putAsUpload(spec, bytes, mayPublish, digest);
    const small = parts.durability === "process" && bytes.length <= PUT_NOW_BYTES;
    if (small && (!crowded || bytes.length < PUT_ON_THREAD_POOL_BYTES)) {
      return putNow(parts, spec, bytes, mayPublish, digest);
    }
    // A repeated upload needs no room, and putNow answers it before it reserves any.
    if (spec.uploadId !== undefined && parts.index.get(spec.uploadId) !== undefined) {
      return putNow(parts, spec, bytes, mayPublish, digest);
    }
    return small
      ? putOnThreadPool(parts, spec, bytes, mayPublish, digest)
      : this.#putAsUpload(spec, bytes, mayPublish, digest);
  }

  #gather(
    ...[spec, bytes, crowded, mayPublish, digest]: Parameters<FileStorage["put"]>
  ): GatheredFile | undefined {
    const parts = this.#parts;
    // Two short writes less are worth nothing beside what it takes to wait; three or more are.
    if (spec.uploadId === undefined && spec.journal === undefined) return undefined;
    const most = crowded === true ? PUT_ON_THREAD_POOL_BYTES - 1 : PUT_NOW_BYTES;
    if (bytes.length > most || keepsName(parts, spec)) return undefined;
    return gather(parts, this.#group, spec, bytes, mayPublish, digest);
  }

  async #putAsUpload(
    spec: PutSpec,
    bytes: Uint8Array,
    mayPublish?: MayPublish,
    digest?: ComputedDigest,
  ): Promise<StoredFile> {
    const upload = this.#begin({ ...spec, reserve: bytes.length });
    upload.announced = false;
    try {
      await upload.write(bytes, digest);
      checkDigest(spec.sha256, (await upload.seal()).sha256);
      return await upload.publish(mayPublish);
    } catch (error) {
      await upload.discard();
      throw error;
    }
  }

  /** Reserves room for a file and makes it under its temporary name. */
  // deno-lint-ignore require-await -- opening is one short system call, refusals are rejections
  async begin(spec: FileSpec): Promise<Upload> {
    return this.#begin(spec);
  }

  #begin(spec: FileSpec): DiskUpload {
    const parts = this.#parts;
    parts.budget.reserve(spec.reserve);
    try {
      const { file, ...names } = makeFile(parts, spec);
      // Whoever wants to go on with the file, or to sweep it, learns that it is being written.
      if (parts.reading !== undefined) tryLock(file);
      return new DiskUpload(parts, { ...names, spec, file, hash: parts.sha256(), offset: 0 });
    } catch (error) {
      parts.budget.release(spec.reserve, 0);
      throw error instanceof TypeError ? error : asStorageError("Cannot begin upload", error);
    }
  }

  /**
   * The files that a policy wants to go, the oldest one first. Nothing is removed here: the caller removes
   * each before it asks for the next one, or only shows them.
   *
   * @throws {FxferError} `config_invalid` in tier W, which cannot know the files of earlier processes.
   */
  outdated(policy: KeepPolicy): AsyncIterable<OutdatedFile> {
    const { reading } = this.#parts;
    if (reading !== undefined) return outdatedFiles(this.#parts, reading, policy);
    throw new FxferError(
      "config_invalid",
      "Cannot remove old files: that takes permission to read, run with --allow-read=<storage folder>",
    );
  }

  /**
   * Makes, fills and removes a small file, on another file system of the storage's own files too. If the folder
   * is missing, it is made again.
   */
  // deno-lint-ignore require-await -- short system calls, failures are rejections
  async check(): Promise<void> {
    const { folder, manifest, randomHex } = this.#parts;
    const paths = [folder.tier === "W" ? `.probe_${randomHex(16)}` : temporaryName(randomHex)];
    if (folder.isSplit) paths.push(`.index.probe_${randomHex(16)}`);
    try {
      for (const path of paths) {
        const write = () => Deno.writeFileSync(folder.at(path), PROBE, creation(this.#parts));
        folder.withFolders(path, write);
      }
      manifest.check();
    } catch (error) {
      throw asStorageError("Cannot use storage", error);
    } finally {
      for (const path of paths) removeQuietly(this.#parts, path);
    }
  }

  /** Closes all files. Partial files stay in tier RW, to be reopened; in tier W they are removed. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    this.#group.store();
    for (const upload of [...this.#parts.open.values()]) await upload.release();
    await closeParts(this.#parts);
  }
}

const PROBE = new Uint8Array([0x0a]);

/** Learns what other processes have stored. Where that fails, an upload with an id fails later, and says why. */
function refresh(
  { log }: DiskParts,
  { known }: ReadingParts,
  lately?: boolean,
): Promise<void> | undefined {
  const failed = (cause: unknown) => log.warn("storage.unlearned", { cause });
  try {
    return known.refresh(lately)?.catch(failed);
  } catch (error) {
    failed(error);
    return undefined;
  }
}
