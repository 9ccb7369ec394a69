/** The file storage on a disk: opens the parts and hands each call to the one that does it. @module */
import { creation, nameFile, removeQuietly, type StorageCore } from "./core.ts";
import { checkDigest } from "./digest.ts";
import { asStorageError } from "./io_errors.ts";
import { isFinalPath, isTemporaryPath, temporaryName } from "./naming.ts";
import { type DiskStorageOptions, openCore, rememberId } from "./open.ts";
import { readPartial } from "./partial_reader.ts";
import { PUT_NOW_BYTES, PUT_ON_THREAD_POOL_BYTES, putNow, putOnThreadPool } from "./put.ts";
import { readOn, recoverSealed, reopenPartial, sweepOrphans } from "./recovery.ts";
import type {
  Durability,
  FileSpec,
  FileStorage,
  PartialFile,
  PutSpec,
  SealedFile,
  StoredFile,
  Tier,
  Upload,
} from "./types.ts";
import { DiskUpload } from "./upload.ts";

/** Partial files another process on the folder may still be writing are left alone for this long. */
const SWEEP_OLDER_THAN_MS = 600_000;

/**
 * Keeps files in one folder of a disk, in either permission tier; several processes may share it.
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
 */
export class DiskStorage implements FileStorage {
  readonly #core: StorageCore;
  #open = true;
  #learning: Promise<void> | undefined;

  private constructor(core: StorageCore) {
    this.#core = core;
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
    return new DiskStorage(await openCore(folder, options));
  }

  /** What the process may do in the folder. */
  get tier(): Tier {
    return this.#core.folder.tier;
  }
  /** What `ok` promises. */
  get durability(): Durability {
    return this.#core.durability;
  }
  /** Bytes of stored files, and bytes promised to uploads under way. */
  get usage(): { readonly used: number; readonly reserved: number } {
    return { used: this.#core.budget.used, reserved: this.#core.budget.reserved };
  }

  /**
   * Stores a file that is in memory: at once if it is small and no flush is asked for.
   *
   * @param crowded Others wait for this thread: from 16 KiB on another one writes meanwhile.
   */
  put(spec: PutSpec, bytes: Uint8Array, crowded = false): StoredFile | Promise<StoredFile> {
    const core = this.#core;
    if (core.durability !== "process" || bytes.length > PUT_NOW_BYTES) {
      return this.#putLater(spec, bytes);
    }
    if (!crowded || bytes.length < PUT_ON_THREAD_POOL_BYTES) return putNow(core, spec, bytes);
    // A repetition needs no room, so it is looked at before any is asked for.
    const known = spec.uploadId !== undefined && core.index.get(spec.uploadId) !== undefined;
    return known ? putNow(core, spec, bytes) : putOnThreadPool(core, spec, bytes);
  }

  async #putLater(spec: PutSpec, bytes: Uint8Array): Promise<StoredFile> {
    // A repetition needs no room, so it is answered before room is asked for.
    if (spec.uploadId !== undefined && this.#core.index.get(spec.uploadId) !== undefined) {
      const sha256 = this.#core.digest(bytes);
      checkDigest(spec.sha256, sha256);
      const replay = this.#core.index.replay(spec.uploadId, sha256);
      if (replay !== undefined) return replay;
    }
    const upload = await this.begin({ ...spec, reserve: bytes.length });
    try {
      await upload.write(bytes);
      checkDigest(spec.sha256, (await upload.seal()).sha256);
      return await upload.publish();
    } catch (error) {
      await upload.discard();
      throw error;
    }
  }

  /** Admits a file and opens its temporary folder. */
  // deno-lint-ignore require-await -- opening is one short system call, refusals are rejections
  async begin(spec: FileSpec): Promise<Upload> {
    const core = this.#core;
    core.budget.reserve(spec.reserve);
    try {
      const names = nameFile(core, spec);
      const file = core.folder.withFolders(
        names.temporaryPath,
        () =>
          Deno.openSync(core.folder.at(names.temporaryPath), { write: true, ...creation(core) }),
      );
      const { reserve: reserved } = spec;
      return new DiskUpload(core, {
        ...names,
        spec,
        file,
        hash: core.sha256(),
        offset: 0,
        reserved,
      });
    } catch (error) {
      core.budget.release(spec.reserve, 0);
      throw error instanceof TypeError ? error : asStorageError("Cannot begin upload", error);
    }
  }

  /** Opens a partial file again (tier RW); one that is open here is released first. */
  reopen(partial: PartialFile): Promise<Upload | undefined> {
    return reopenPartial(this.#core, partial);
  }

  /** Finishes or confirms a commit that was cut short (tier RW). */
  recover(sealed: SealedFile, spec?: FileSpec): Promise<StoredFile | undefined> {
    return recoverSealed(this.#core, sealed, spec);
  }

  /** The bytes of a partial file, for another server (tier RW). */
  read(partial: Pick<PartialFile, "temporaryPath" | "offset">): AsyncIterable<Uint8Array> {
    return readPartial(this.#core, partial);
  }

  /** Removes a partial file; absent is fine. */
  async remove(partial: { readonly temporaryPath: string }): Promise<void> {
    const path = partial.temporaryPath;
    const open = this.#core.open.get(path);
    if (open !== undefined) return await open.discard();
    // In tier W a partial file has its final name already, and nobody can see whether it is whole:
    // one that is not open here is left for `verify` to show rather than removed by guess.
    if (this.tier === "W" ? isFinalPath(path) : !isTemporaryPath(path)) return;
    try {
      this.#core.folder.remove(path);
    } catch (error) {
      throw asStorageError("Cannot remove partial file", error);
    }
  }

  /** The file an upload id was stored as. */
  find(uploadId: string): StoredFile | undefined {
    return this.#core.index.get(uploadId);
  }

  /** Learns the upload ids that other processes on the folder have stored since (tier RW). */
  refresh(): Promise<void> | undefined {
    if (this.tier === "W") return undefined;
    if (this.#learning === undefined && !this.#core.manifest.grew) return undefined;
    return this.#learn();
  }

  async #learn(): Promise<void> {
    // One that is under way may have begun too early for whoever asks now.
    while (this.#learning !== undefined) await this.#learning;
    this.#learning = readOn(this.#core, (entry) => rememberId(this.#core, entry))
      .catch((cause) => this.#core.log.warn("storage.unlearned", { cause }))
      .finally(() => this.#learning = undefined);
    await this.#learning;
  }

  /** Makes, fills and removes a small file; a missing folder is made again. */
  // deno-lint-ignore require-await -- short system calls, failures are rejections
  async check(): Promise<void> {
    const { folder, manifest, randomHex } = this.#core;
    const path = this.tier === "W" ? `.probe_${randomHex(16)}` : temporaryName(randomHex);
    try {
      // First, because it makes missing folders again, which the manifest needs.
      folder.withFolders(
        path,
        () => Deno.writeFileSync(folder.at(path), PROBE, creation(this.#core)),
      );
      manifest.checkPath();
    } catch (error) {
      throw asStorageError("Cannot use storage", error);
    } finally {
      removeQuietly(this.#core, path);
    }
  }

  /**
   * Removes what earlier processes left half done: partial files no session names, empty session
   * folders. For the start of a server, after its sessions are known; does nothing in tier W.
   *
   * @param isLive Whether a session still names this temporary path.
   * @param olderThanMs Only files untouched for this long, in milliseconds; default 10 minutes,
   * because another process on the same folder may be receiving the younger ones.
   * @returns How many partial files were removed.
   */
  sweep(
    isLive: (temporaryPath: string) => boolean,
    olderThanMs: number = SWEEP_OLDER_THAN_MS,
  ): Promise<number> {
    return sweepOrphans(this.#core, isLive, olderThanMs);
  }

  /** Closes every handle; partial files stay, for `reopen`. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    for (const upload of [...this.#core.open.values()]) await upload.release();
    this.#core.manifest.close();
  }
}

const PROBE = new Uint8Array([0x0a]);
