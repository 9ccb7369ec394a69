/** The file storage on a disk: opens the parts and hands each call to the one that does it. @module */
import { FxferError } from "../errors.ts";
import { type Logger, silentLogger } from "../log.ts";
import { Budget } from "./budget.ts";
import { creation, nameFile, type StorageCore } from "./core.ts";
import { type Flush, systemFlush } from "./flush.ts";
import { GroupSync } from "./group_sync.ts";
import { asStorageError } from "./io_errors.ts";
import { Manifest } from "./manifest.ts";
import { loadExtensions } from "./media_types.ts";
import {
  createRandomHex,
  isFinalPath,
  isTemporaryPath,
  type Naming,
  type RandomHex,
  temporaryName,
} from "./naming.ts";
import { Place } from "./place.ts";
import { checkDigest, PUT_NOW_BYTES, putNow } from "./put.ts";
import { loadManifest, recoverSealed, reopenPartial, sweepOrphans } from "./recovery.ts";
import { findTier, mayAskFreeSpace } from "./tier.ts";
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
import { UploadIndex } from "./upload_index.ts";

/** How a {@linkcode DiskStorage} keeps files. */
export interface DiskStorageOptions {
  /**
   * The form of final names: `session_aware` gives a session's files a folder of their own.
   * @default {"session_aware"}
   */
  readonly naming?: Naming;
  /**
   * What `ok` promises; `durable` needs tier RW.
   * @default {"process"}
   */
  readonly durability?: Durability;
  /**
   * Bytes all files together may take, 0 for no limit. Files removed by others are noticed at the
   * next start (tier RW); tier W counts from 0 at each start, because it cannot look.
   * @default {0}
   */
  readonly budget?: number;
  /**
   * Upload ids remembered, for answering a repeated upload; about 350 bytes each.
   * @default {100000}
   */
  readonly maxUploadIds?: number;
  /** Where events go; default nowhere. */
  readonly log?: Logger;
  /** Overrides the tier found by asking for permissions. */
  readonly tier?: Tier;
  /** Overrides the random part of names, for tests. */
  readonly randomHex?: RandomHex;
  /** Overrides the clock, in milliseconds since the epoch, for tests. */
  readonly now?: () => number;
  /** Overrides flushing to the disk, for tests. */
  readonly flush?: Flush;
}

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
 *   console.assert(/^received_[0-9a-f]{16}\.txt$/.test(file.path));
 * }
 * await Deno.remove(folder, { recursive: true });
 * ```
 */
export class DiskStorage implements FileStorage {
  readonly #core: StorageCore;
  #open = true;

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
    const limit = options.budget ?? 0;
    if (!(limit >= 0)) throw new RangeError(`Cannot open storage: budget ${limit} is negative`);
    const tier = options.tier ?? await findTier(folder);
    const durability = options.durability ?? "process";
    const log = options.log ?? silentLogger;
    const now = options.now ?? Date.now;
    const flush = options.flush ?? systemFlush;
    if (tier === "W" && durability === "durable") {
      throw new FxferError(
        "config_invalid",
        "Cannot open storage: durability durable flushes folders, which takes permission to read; " +
          "run with --allow-read=<storage folder>, or set storage.durability to data",
      );
    }
    const place = new Place(folder, tier);
    const [{ createHash }, extensions] = await Promise.all([
      import("node:crypto"),
      loadExtensions(),
    ]);
    let manifest: Manifest;
    try {
      place.make();
      manifest = await Manifest.open(place.root, tier, now);
    } catch (error) {
      if (error instanceof FxferError) throw error;
      throw new FxferError("local_io", "Cannot open storage: the folder cannot be used", {
        cause: error,
      });
    }
    place.remade = () => manifest.prove();
    const core: StorageCore = {
      place,
      durability,
      manifest,
      budget: new Budget(limit, now, await freeSpaceOf(place, log)),
      index: new UploadIndex(options.maxUploadIds ?? 100_000),
      flush,
      folders: new GroupSync(async (paths) => {
        await Promise.all(Array.from(paths, (path) => flush.folder(path)));
      }),
      lines: new GroupSync(() => flush.manifest(manifest)),
      log,
      now,
      sha256: () => createHash("sha256"),
      naming: options.naming ?? "session_aware",
      extensions,
      randomHex: options.randomHex ?? createRandomHex(),
      open: new Map(),
      committing: new Map(),
    };
    const storage = new DiskStorage(core);
    try {
      if (tier === "RW") await remember(core, limit > 0);
      if (durability === "durable") await core.folders.sync(place.root);
    } catch (error) {
      manifest.close();
      throw asStorageError("Cannot open storage", error);
    }
    return storage;
  }

  /** What the process may do in the folder. */
  get tier(): Tier {
    return this.#core.place.tier;
  }
  /** What `ok` promises. */
  get durability(): Durability {
    return this.#core.durability;
  }
  /** Bytes of stored files, and bytes promised to uploads under way. */
  get usage(): { readonly used: number; readonly reserved: number } {
    return { used: this.#core.budget.used, reserved: this.#core.budget.reserved };
  }

  /** Stores a file that is in memory: at once if it is small and no flush is asked for. */
  put(spec: PutSpec, bytes: Uint8Array): StoredFile | Promise<StoredFile> {
    return this.#core.durability === "process" && bytes.length <= PUT_NOW_BYTES
      ? putNow(this.#core, spec, bytes)
      : this.#putLater(spec, bytes);
  }

  async #putLater(spec: PutSpec, bytes: Uint8Array): Promise<StoredFile> {
    // A repetition needs no room, so it is answered before room is asked for.
    if (spec.uploadId !== undefined && this.#core.index.get(spec.uploadId) !== undefined) {
      const hash = this.#core.sha256();
      hash.update(bytes);
      const sha256 = hash.digest("hex");
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

  /** Admits a file and opens its temporary place. */
  // deno-lint-ignore require-await -- opening is one short system call, refusals are rejections
  async begin(spec: FileSpec): Promise<Upload> {
    const core = this.#core;
    core.budget.reserve(spec.reserve);
    try {
      const names = nameFile(core, spec);
      const file = core.place.withFolders(
        names.temporaryPath,
        () => Deno.openSync(core.place.at(names.temporaryPath), { write: true, ...creation(core) }),
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

  /** Removes a partial file; absent is fine. */
  async remove(partial: { readonly temporaryPath: string }): Promise<void> {
    const path = partial.temporaryPath;
    const open = this.#core.open.get(path);
    if (open !== undefined) return await open.discard();
    // In tier W a partial file has its final name already, and nobody can see whether it is whole:
    // one that is not open here is left for `verify` to show rather than removed by guess.
    if (this.tier === "W" ? isFinalPath(path) : !isTemporaryPath(path)) return;
    try {
      this.#core.place.remove(path);
    } catch (error) {
      throw asStorageError("Cannot remove partial file", error);
    }
  }

  /** The file an upload id was stored as. */
  find(uploadId: string): StoredFile | undefined {
    return this.#core.index.get(uploadId);
  }

  /** Makes, fills and removes a small file; a missing folder is made again. */
  // deno-lint-ignore require-await -- short system calls, failures are rejections
  async check(): Promise<void> {
    const { place, manifest, randomHex } = this.#core;
    const path = this.tier === "W" ? `.probe_${randomHex(16)}` : temporaryName(randomHex);
    try {
      // First, because it makes missing folders again, which the manifest needs.
      place.withFolders(
        path,
        () => Deno.writeFileSync(place.at(path), PROBE, creation(this.#core)),
      );
      manifest.prove();
    } catch (error) {
      throw asStorageError("Cannot use storage", error);
    } finally {
      try {
        place.remove(path);
      } catch (error) {
        this.#core.log.warn("storage.leftover", { path, cause: error });
      }
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

/** Fills the upload ids and, for a budget, the used bytes from the manifest. */
async function remember(core: StorageCore, countBytes: boolean): Promise<void> {
  await loadManifest(core, (entry) => {
    const { path, size, sha256, mimeType, uploadId } = entry;
    if (uploadId !== undefined) {
      core.index.set(uploadId, { path, size, sha256, mimeType, replayed: false });
    }
    if (countBytes) core.budget.add(core.place.kind(path)?.size ?? 0);
  });
}

/** A way to ask for free space, where it is allowed; says once what is given up where it is not. */
async function freeSpaceOf(place: Place, log: Logger): Promise<(() => number) | undefined> {
  if (!await mayAskFreeSpace(place.tier)) {
    log.info("storage.free_space_unknown", {
      reason: "needs --allow-read=<storage folder> and --allow-sys=statfs",
      effect: "a full disk is noticed while writing, not at admission",
    });
    return undefined;
  }
  const { statfsSync } = await import("node:fs");
  return () => {
    const { bavail, bsize } = statfsSync(place.root);
    return bavail * bsize;
  };
}
