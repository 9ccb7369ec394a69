/** What the parts of one DiskStorage share. @module */
import type { Logger } from "../log.ts";
import type { Budget } from "./budget.ts";
import type { Flush } from "./flush.ts";
import type { GroupSync } from "./group_sync.ts";
import type { Manifest } from "./manifest.ts";
import type { ExtensionTable } from "./media_types.ts";
import { type Naming, type RandomHex, sessionName, simpleName, temporaryName } from "./naming.ts";
import type { StorageFolder } from "./folder.ts";
import type { Durability, FileSpec } from "./types.ts";
import type { UploadIndex } from "./upload_index.ts";
import type { DiskUpload } from "./upload.ts";

/** The incremental half of `node:crypto`'s Hash that is used here. */
export interface Sha256 {
  update(bytes: Uint8Array): unknown;
  digest(encoding: "hex"): string;
}

/** The shared parts; made by DiskStorage.open. */
export interface StorageCore {
  readonly folder: StorageFolder;
  readonly durability: Durability;
  readonly manifest: Manifest;
  readonly budget: Budget;
  readonly index: UploadIndex;
  readonly flush: Flush;
  /** Shares folder flushes; keys are paths for the system. */
  readonly folders: GroupSync;
  /** Shares manifest flushes. */
  readonly lines: GroupSync;
  readonly log: Logger;
  readonly now: () => number;
  readonly sha256: () => Sha256;
  /** The sha256 of bytes that are all here, in hex: half the time of the incremental way for 1 KiB. */
  readonly digest: (bytes: Uint8Array) => string;
  readonly naming: Naming;
  readonly extensions: ExtensionTable;
  readonly randomHex: RandomHex;
  /** Uploads that hold a handle, by temporary path. */
  readonly open: Map<string, DiskUpload>;
  /** Commits of an upload id under way at level `durable`. */
  readonly committing: Map<string, Promise<unknown>>;
}

/** The temporary and the final name of a new file; in tier W they are one. */
export function nameFile(
  core: StorageCore,
  spec: FileSpec,
): { temporaryPath: string; finalPath: string } {
  const extension = core.extensions(spec.mimeType);
  const finalPath = core.naming === "session_aware" && spec.session !== undefined
    ? sessionName(spec.session, core.now(), extension)
    : simpleName(core.randomHex, extension);
  const temporaryPath = core.folder.tier === "W" ? finalPath : temporaryName(core.randomHex);
  return { temporaryPath, finalPath };
}

/** Removes after a failure, or on the way out: what led here is what the caller must hear of. */
export function removeQuietly({ folder, log }: StorageCore, path: string): void {
  try {
    folder.remove(path);
  } catch (error) {
    log.warn("storage.leftover", { path, cause: error });
  }
}

/** How a new file is opened: never over an existing name; in tier W unreadable until it is whole. */
export function creation(core: StorageCore): { createNew: true; mode: number } {
  return { createNew: true, mode: core.folder.tier === "W" ? 0o200 : 0o640 };
}
