/** The parts that all files of a DiskStorage work with, and small steps they share. @module */
import type { Hash } from "node:crypto";
import type { Logger } from "../log.ts";
import type { Budget } from "./budget.ts";
import type { Claims } from "./claims.ts";
import type { Flush, GroupSync } from "./flush.ts";
import type { StorageFolder } from "./folder.ts";
import type { KnownFiles } from "./known_files.ts";
import type { Manifest } from "./manifest.ts";
import type { ExtensionTable } from "./media_types.ts";
import { type Naming, type RandomHex, sessionName, simpleName, temporaryName } from "./naming.ts";
import { originalPath } from "./original_names.ts";
import type { ReadableManifest } from "./readable_manifest.ts";
import type { Durability, FileSpec, StoredFile, Upload } from "./types.ts";
import type { UploadIndex } from "./upload_index.ts";

/** What only a process has that may read the folder (tier RW). */
export interface ReadingParts {
  /** Where the lines of {@linkcode DiskParts.manifest} go. */
  readonly manifest: ReadableManifest;
  /** The same as {@linkcode DiskParts.index}. */
  readonly known: KnownFiles;
  readonly claims: Claims;
}

/** What must be known of a listed file to compare it with another one. */
export type Listed = Pick<FileSpec, "user" | "mimeType"> & Pick<StoredFile, "size" | "sha256">;

/** The parts of one DiskStorage; open.ts makes them. */
export interface DiskParts {
  readonly folder: StorageFolder;
  readonly durability: Durability;
  readonly manifest: Manifest;
  readonly budget: Budget;
  readonly index: UploadIndex;
  /** Undefined in tier W. */
  readonly reading: ReadingParts | undefined;
  readonly flush: Flush;
  /** Lets uploads share flushes of folders; its keys are paths for the system. */
  readonly folderSync: GroupSync;
  /** Lets uploads share flushes of the manifest. */
  readonly manifestSync: GroupSync;
  readonly log: Logger;
  readonly now: () => number;
  /** Starts the digest of bytes that arrive piece by piece. */
  readonly sha256: () => Hash;
  /** The digest, in hex, of bytes that are all here: half the time of the incremental way for 1 KiB. */
  readonly digest: (bytes: Uint8Array) => string;
  readonly naming: Naming;
  readonly extensions: ExtensionTable;
  readonly randomHex: RandomHex;
  /** What the manifest says of the file under a path. */
  readonly listedAt: (path: string) => Promise<Listed | undefined>;
  /** The uploads that hold an open file, by temporary path. */
  readonly open: Map<string, Upload>;
  /** How many are reading a stored file at this moment, by its path. */
  readonly readers: Map<string, number>;
}

/** Whether a new file is to keep its name. */
export function keepsName({ naming }: DiskParts, { name }: FileSpec): boolean {
  return naming === "original" && name !== undefined && name !== "";
}

/** Chooses the temporary and the final name of a new file; in tier W they are the same. */
export function nameFile(
  parts: DiskParts,
  spec: FileSpec,
): { temporaryPath: string; finalPath: string } {
  if (keepsName(parts, spec)) {
    const finalPath = originalPath(spec.user, spec.name!);
    const { tier } = parts.folder;
    return { temporaryPath: tier === "W" ? finalPath : temporaryName(parts.randomHex), finalPath };
  }
  const extension = parts.extensions(spec.mimeType, spec.name);
  const finalPath = parts.naming !== "simple" && spec.session !== undefined
    ? sessionName(spec.session, parts.now(), extension)
    : simpleName(parts.randomHex, extension);
  const temporaryPath = parts.folder.tier === "W" ? finalPath : temporaryName(parts.randomHex);
  return { temporaryPath, finalPath };
}

/**
 * Removes a file after a failure. If that fails as well, the failure is logged and not thrown, so that
 * the caller can report the first one.
 */
export function removeQuietly({ folder, log }: DiskParts, path: string): void {
  try {
    folder.remove(path);
  } catch (error) {
    log.warn("storage.leftover", { path, cause: error });
  }
}

/**
 * The options that create a file. `createNew` never opens an existing one; in tier W the mode keeps
 * others from reading a file that is not whole yet.
 */
export function creation(parts: DiskParts): { createNew: true; mode: number } {
  return { createNew: true, mode: parts.folder.tier === "W" ? 0o200 : 0o640 };
}
