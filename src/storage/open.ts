/** Opens the parts of a DiskStorage: finds the tier, makes the folder, reads the manifest. @module */
import { findFile } from "./listing.ts";
import { countDigests } from "../digest_memory.ts";
import { FxferError, reasonOf } from "../errors.ts";
import { type Logger, silentLogger } from "../log.ts";
import { Budget, type BudgetLedger } from "./budget.ts";
import { Claims } from "./claims.ts";
import type { DiskParts, ReadingParts } from "./disk_parts.ts";
import { type Flush, GroupSync, systemFlush } from "./flush.ts";
import { StorageFolder } from "./folder.ts";
import { asStorageError, isAbsent, isTaken } from "./io_errors.ts";
import { KnownFiles } from "./known_files.ts";
import type { Manifest } from "./manifest.ts";
import { loadExtensions } from "./media_types.ts";
import { createRandomHex, INCOMING, type Naming, type RandomHex } from "./naming.ts";
import { finishAllLeft } from "./once.ts";
import { ProvenManifest } from "./proven_manifest.ts";
import { ReadableManifest } from "./readable_manifest.ts";
import { finishCompactionLeft } from "./recovery.ts";
import { readKnownFiles } from "./start.ts";
import type { Durability, Tier } from "./types.ts";
import { MemoryIndex } from "./upload_index.ts";

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
   * How many files tier W remembers, to list them and to answer repeated uploads. Each takes about 600 bytes
   * of memory, and up to twice as many are kept. Tier RW finds every file that has a line in the manifest.
   * @default {100000}
   */
  readonly maxUploadIds?: number;
  /**
   * Where the storage keeps what is its own: the manifest, the index, claims and partial files. Then its
   * folder has received files and nothing else. Partial files stay there all the same where the two are on
   * different file systems, because a file gets its final name by a rename.
   * @default the folder itself
   */
  readonly state?: string;
  /** Where the storage logs; default nowhere. */
  readonly log?: Logger;
  /** Overrides the tier that Deno's permissions give. */
  readonly tier?: Tier;
  /** Overrides the clock (milliseconds since the epoch), for tests. */
  readonly now?: () => number;
  /** Overrides flushing to the disk, for tests. */
  readonly flush?: Flush;
}

/** Files up to this size, in bytes, are finished before a start ends; larger ones by the first sweep. */
const AT_START = 8 * 1024 * 1024;

/** Opens the parts of a storage in a folder. DiskStorage.open tells what it throws. */
export async function openParts(path: string, options: DiskStorageOptions): Promise<DiskParts> {
  const { durability = "process", budget: limit = 0, budgetLedger, maxUploadIds = 100_000 } =
    options;
  const { naming = "session_aware", log = silentLogger, now = Date.now, flush = systemFlush } =
    options;
  if (!(limit >= 0)) throw new RangeError(`Cannot open storage: budget ${limit} is negative`);
  const { state = path } = options;
  const tier = options.tier ?? await findTier(path, state);
  if (tier === "W" && durability === "durable") {
    throw new FxferError(
      "config_invalid",
      "Cannot open storage: durability durable flushes folders, which takes permission to read; " +
        "run with --allow-read=<storage folder>, or set storage.durability to data",
    );
  }
  const [{ createHash, hash }, fs, extensions, writeOnly] = await Promise.all([
    import("node:crypto"),
    import("node:fs"),
    loadExtensions(),
    tier === "W" ? import("./write_only_manifest.ts") : undefined,
  ]);
  const folder = new StorageFolder(path, tier, fs.existsSync, state);
  const randomHex = createRandomHex();
  let manifest: Manifest;
  let reading: ReadingParts | undefined;
  const manifestSync = new GroupSync(() => flush.manifest(manifest));
  try {
    folder.make();
    if (folder.isSplit && tier === "RW") {
      log.info("storage.state_elsewhere", {
        reason: "the state folder is on another file system",
        effect: "partial files are kept in the storage folder, under .incoming",
      });
    }
    if (tier === "RW") {
      const learn = durability === "durable" ? () => manifestSync.sync("") : undefined;
      reading = openReading(folder, now, randomHex, learn, log);
    }
    const inner = reading?.manifest ?? new writeOnly!.WriteOnlyManifest(fs, folder);
    manifest = new ProvenManifest(inner);
  } catch (error) {
    if (error instanceof FxferError) throw error;
    const reason = isTaken(error) || error instanceof Deno.errors.NotADirectory
      ? "there is a file where a folder should be"
      : reasonOf(error);
    throw new FxferError("local_io", `Cannot open storage ${path}: ${reason}`, { cause: error });
  }
  const memory = new MemoryIndex(maxUploadIds, now);
  const lasting = new Set([folder.root, folder.state, folder.at(INCOMING)]);
  const parts: DiskParts = {
    folder,
    durability,
    manifest,
    budget: new Budget(limit, now, await freeSpaceOf(folder, fs, log), budgetLedger),
    index: reading?.known ?? memory,
    reading,
    listedAt: reading === undefined
      ? (path) => Promise.resolve(memory.file(path))
      : (path) => findFile(reading.known, { path }),
    flush,
    folderSync: new GroupSync(async (paths) => {
      await Promise.all(Array.from(paths, async (path) => {
        try {
          await flush.folder(path);
        } catch (error) {
          // One that has gone with its last file needs no flush, but the folder above it, which is flushed as well.
          if (!isAbsent(error) || lasting.has(path)) throw error;
        }
      }));
    }),
    manifestSync,
    log,
    now,
    sha256() {
      countDigests(1);
      return createHash("sha256");
    },
    digest(bytes) {
      countDigests(1);
      return hash("sha256", bytes, "hex");
    },
    naming,
    extensions,
    randomHex,
    open: new Map(),
    readers: new Map(),
  };
  try {
    if (reading !== undefined) {
      parts.budget.begin(await readKnownFiles(reading, log, limit > 0));
      reading.known.counted = (bytes) => parts.budget.counted(bytes);
      await finishAllLeft(parts, reading, AT_START);
    }
    if (durability === "durable") {
      await Promise.all([folder.root, folder.state].map((path) => parts.folderSync.sync(path)));
    }
  } catch (error) {
    await closeParts(parts);
    throw asStorageError("Cannot open storage", error);
  }
  return parts;
}

/** Closes what a storage holds open besides its uploads. */
export async function closeParts({ manifest, reading }: DiskParts): Promise<void> {
  await reading?.known.settle();
  manifest.close(); // it may still find that the folder or the manifest is another one
  reading?.known.close();
  reading?.claims.close();
}

/** Opens what takes permission to read. It follows a manifest that was moved, and a folder that was replaced (S-MAN-3). */
function openReading(
  folder: StorageFolder,
  now: () => number,
  randomHex: RandomHex,
  flushManifest: (() => Promise<void>) | undefined,
  log: Logger,
): ReadingParts {
  finishCompactionLeft({ folder, log });
  const manifest = new ReadableManifest(folder, now);
  let claims: Claims;
  try {
    claims = new Claims(folder, randomHex, flushManifest === undefined);
  } catch (error) {
    manifest.close();
    throw error;
  }
  const known = new KnownFiles(manifest, folder, log, flushManifest);
  claims.isNew = (uploadId) => {
    const learning = known.refresh();
    learning?.catch(() => {}); // the next try with the id waits for it
    return learning === undefined && known.get(uploadId) === undefined;
  };
  manifest.switched = (former) => {
    try {
      // Whoever waits for a flush of an earlier line will flush the new file only.
      if (flushManifest !== undefined) former.syncDataSync();
    } catch (cause) {
      log.warn("storage.manifest_lost", { cause });
    }
    claims.forget();
    const same = claims.own.stands;
    if (same) {
      log.info("storage.manifest_renewed", { reason: "somebody has moved or removed it" });
    } else {
      log.warn("storage.replaced", { effect: "the files of the folder that is there now count" });
    }
    known.switch(same);
    if (!same) claims.come();
  };
  manifest.lost = (cause) => log.warn("storage.manifest_lost", { cause });
  return { manifest, known, claims };
}

/**
 * The tier that Deno's permissions give. A permission that Deno would have to ask a person for counts as
 * denied, because a server has nobody at its terminal.
 *
 * @throws {FxferError} `config_invalid` without permission to write.
 */
async function findTier(path: string, state: string): Promise<Tier> {
  const may = async (name: "read" | "write", path: string) =>
    (await Deno.permissions.query({ name, path })).state === "granted";
  for (const [folder, what] of [[path, "storage"], [state, "state"]] as const) {
    if (await may("write", folder)) continue;
    throw new FxferError(
      "config_invalid",
      `Cannot open storage: no permission to write there, run with --allow-write=<${what} folder>`,
    );
  }
  return await may("read", path) && await may("read", state) ? "RW" : "W";
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
