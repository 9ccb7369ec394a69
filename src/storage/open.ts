/** Opens the parts of a DiskStorage: finds the tier, makes the folder, reads the manifest. @module */
import { FxferError } from "../errors.ts";
import { type Logger, silentLogger } from "../log.ts";
import { Budget, type BudgetLedger } from "./budget.ts";
import type { StorageCore } from "./core.ts";
import { type Flush, systemFlush } from "./flush.ts";
import { GroupSync } from "./group_sync.ts";
import { asStorageError } from "./io_errors.ts";
import { Manifest } from "./manifest.ts";
import type { ManifestEntry } from "./manifest_line.ts";
import { loadExtensions } from "./media_types.ts";
import { createRandomHex, type Naming } from "./naming.ts";
import { StorageFolder } from "./folder.ts";
import { loadManifest } from "./recovery.ts";
import { findTier, mayAskFreeSpace } from "./tier.ts";
import type { Durability, Tier } from "./types.ts";
import { UploadIndex } from "./upload_index.ts";

/** How a DiskStorage keeps files. */
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
  /** Sums up what several storages on the folder hold, so that the budget is one for all of them. */
  readonly budgetLedger?: BudgetLedger;
  /**
   * Upload ids remembered, for answering a repeated upload; about 350 bytes each.
   * @default {100000}
   */
  readonly maxUploadIds?: number;
  /** Where events go; default nowhere. */
  readonly log?: Logger;
  /** Overrides the tier found by asking for permissions. */
  readonly tier?: Tier;
  /** Overrides the clock, in milliseconds since the epoch, for tests. */
  readonly now?: () => number;
  /** Overrides flushing to the disk, for tests. */
  readonly flush?: Flush;
}

/** The parts of a storage in `folder`; DiskStorage.open says what it throws. */
export async function openCore(path: string, options: DiskStorageOptions): Promise<StorageCore> {
  const limit = options.budget ?? 0;
  if (!(limit >= 0)) throw new RangeError(`Cannot open storage: budget ${limit} is negative`);
  const tier = options.tier ?? await findTier(path);
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
  const [{ createHash, hash }, { existsSync }, extensions] = await Promise.all([
    import("node:crypto"),
    import("node:fs"),
    loadExtensions(),
  ]);
  const folder = new StorageFolder(path, tier, existsSync);
  let manifest: Manifest;
  try {
    folder.make();
    manifest = await Manifest.open(folder.root, tier, now);
  } catch (error) {
    if (error instanceof FxferError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new FxferError("local_io", `Cannot open storage ${path}: ${reason}`, { cause: error });
  }
  folder.remade = () => manifest.checkPath();
  const core: StorageCore = {
    folder,
    durability,
    manifest,
    budget: new Budget(limit, now, await freeSpaceOf(folder, log), options.budgetLedger),
    index: new UploadIndex(options.maxUploadIds ?? 100_000),
    flush,
    folders: new GroupSync(async (paths) => {
      await Promise.all(Array.from(paths, (path) => flush.folder(path)));
    }),
    lines: new GroupSync(() => flush.manifest(manifest)),
    log,
    now,
    sha256: () => createHash("sha256"),
    digest: (bytes) => hash("sha256", bytes, "hex"),
    naming: options.naming ?? "session_aware",
    extensions,
    randomHex: createRandomHex(),
    open: new Map(),
    committing: new Map(),
  };
  try {
    if (tier === "RW") await remember(core, limit > 0);
    if (durability === "durable") await core.folders.sync(folder.root);
  } catch (error) {
    manifest.close();
    throw asStorageError("Cannot open storage", error);
  }
  return core;
}

/** Fills the upload ids and, for a budget, the used bytes from the manifest. */
async function remember(core: StorageCore, countBytes: boolean): Promise<void> {
  let stored = 0;
  await loadManifest(core, (entry) => {
    rememberId(core, entry);
    if (countBytes) stored += core.folder.kind(entry.path)?.size ?? 0;
  });
  core.budget.begin(stored);
}

/** So that a second upload with the id is known for what it is (S-TRF-9). */
export function rememberId({ index }: StorageCore, entry: ManifestEntry): void {
  const { path, size, sha256, mimeType, uploadId } = entry;
  if (uploadId !== undefined) {
    index.set(uploadId, { path, size, sha256, mimeType, replayed: false });
  }
}

/** A way to ask for free space, where it is allowed; says once what is given up where it is not. */
async function freeSpaceOf(
  folder: StorageFolder,
  log: Logger,
): Promise<(() => number) | undefined> {
  if (!await mayAskFreeSpace(folder.tier)) {
    log.info("storage.free_space_unknown", {
      reason: "needs --allow-read=<storage folder> and --allow-sys=statfs",
      effect: "a full disk is noticed while writing, not at admission",
    });
    return undefined;
  }
  const { statfsSync } = await import("node:fs");
  return () => {
    const { bavail, bsize } = statfsSync(folder.root);
    return bavail * bsize;
  };
}
