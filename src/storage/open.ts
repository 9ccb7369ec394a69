/** Opens the parts of a DiskStorage: finds the tier, makes the folder, reads the manifest. @module */
import { FxferError } from "../errors.ts";
import { type Logger, silentLogger } from "../log.ts";
import { Budget, type BudgetLedger } from "./budget.ts";
import type { DiskParts } from "./disk_parts.ts";
import { type Flush, GroupSync, systemFlush } from "./flush.ts";
import { StorageFolder } from "./folder.ts";
import { asStorageError } from "./io_errors.ts";
import { readKnownFiles } from "./known_files.ts";
import { Manifest } from "./manifest.ts";
import { loadExtensions } from "./media_types.ts";
import { createRandomHex, type Naming } from "./naming.ts";
import type { Durability, Tier } from "./types.ts";
import { UploadIndex } from "./upload_index.ts";

/** How a DiskStorage keeps files.
 * @category Storage */
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
   * Bytes that all files together may take, 0 for no limit. Files that others removed make room at the
   * next start in tier RW. Tier W may not look at files and counts from 0 at each start.
   * @default {0}
   */
  readonly budget?: number;
  /** Sums up what several storages on the folder hold, where they share one budget. */
  readonly budgetLedger?: BudgetLedger;
  /**
   * How many upload ids are remembered to answer repeated uploads. Each takes about 350 bytes of memory.
   * @default {100000}
   */
  readonly maxUploadIds?: number;
  /** Where the storage logs; default nowhere. */
  readonly log?: Logger;
  /** Overrides the tier that Deno's permissions give. */
  readonly tier?: Tier;
  /** Overrides the clock (milliseconds since the epoch), for tests. */
  readonly now?: () => number;
  /** Overrides flushing to the disk, for tests. */
  readonly flush?: Flush;
}

/** Opens the parts of a storage in a folder. DiskStorage.open tells what it throws. */
export async function openParts(path: string, options: DiskStorageOptions): Promise<DiskParts> {
  const { durability = "process", budget: limit = 0, budgetLedger, maxUploadIds = 100_000 } =
    options;
  const { naming = "session_aware", log = silentLogger, now = Date.now, flush = systemFlush } =
    options;
  if (!(limit >= 0)) throw new RangeError(`Cannot open storage: budget ${limit} is negative`);
  const tier = options.tier ?? await findTier(path);
  if (tier === "W" && durability === "durable") {
    throw new FxferError(
      "config_invalid",
      "Cannot open storage: durability durable flushes folders, which takes permission to read; " +
        "run with --allow-read=<storage folder>, or set storage.durability to data",
    );
  }
  const [{ createHash, hash }, fs, extensions] = await Promise.all([
    import("node:crypto"),
    import("node:fs"),
    loadExtensions(),
  ]);
  const folder = new StorageFolder(path, tier, fs.existsSync);
  let manifest: Manifest;
  try {
    folder.make();
    manifest = new Manifest(fs, folder, now);
  } catch (error) {
    if (error instanceof FxferError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new FxferError("local_io", `Cannot open storage ${path}: ${reason}`, { cause: error });
  }
  folder.remade = () => manifest.checkPath();
  const parts: DiskParts = {
    folder,
    durability,
    manifest,
    budget: new Budget(limit, now, await freeSpaceOf(folder, fs, log), budgetLedger),
    index: new UploadIndex(maxUploadIds),
    flush,
    folderSync: new GroupSync(async (paths) => {
      await Promise.all(Array.from(paths, (path) => flush.folder(path)));
    }),
    manifestSync: new GroupSync(() => flush.manifest(manifest)),
    log,
    now,
    sha256: () => createHash("sha256"),
    digest: (bytes) => hash("sha256", bytes, "hex"),
    naming,
    extensions,
    randomHex: createRandomHex(),
    open: new Map(),
    committing: new Map(),
  };
  try {
    if (tier === "RW") await readKnownFiles(parts, limit > 0);
    if (durability === "durable") await parts.folderSync.sync(folder.root);
  } catch (error) {
    manifest.close();
    throw asStorageError("Cannot open storage", error);
  }
  return parts;
}

/**
 * The tier that Deno's permissions give. A permission that Deno would have to ask a person for counts as
 * denied, because a server has nobody at its terminal.
 *
 * @throws {FxferError} `config_invalid` without permission to write.
 */
async function findTier(path: string): Promise<Tier> {
  if ((await Deno.permissions.query({ name: "write", path })).state !== "granted") {
    throw new FxferError(
      "config_invalid",
      "Cannot open storage: no permission to write there, run with --allow-write=<storage folder>",
    );
  }
  return (await Deno.permissions.query({ name: "read", path })).state === "granted" ? "RW" : "W";
}

/** Returns a function that says how many bytes are free. Where the process may not ask, logs that once. */
async function freeSpaceOf(
  { root, tier }: StorageFolder,
  { statfsSync }: typeof import("node:fs"),
  log: Logger,
): Promise<(() => number) | undefined> {
  // Deno checks a permission of this kind, but its type does not list it.
  const sys = { name: "sys", kind: "statfs" as unknown as "osRelease" } as const;
  const permission = await Deno.permissions.query(sys).catch(() => undefined);
  if (tier === "RW" && permission?.state === "granted") {
    return () => {
      const { bavail, bsize } = statfsSync(root);
      return bavail * bsize;
    };
  }
  log.info("storage.free_space_unknown", {
    reason: "needs --allow-read=<storage folder> and --allow-sys=statfs",
    effect: "a full disk is noticed while writing, not at admission",
  });
  return undefined;
}
