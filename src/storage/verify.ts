/**
 * Compares a storage folder with its manifest: hashes every listed file again, and looks for files that
 * are not listed. A longer manifest takes more time, and no more memory than 48 bytes a line.
 *
 * The manifest is a text file that anybody may have changed. A path in it is used only if it has the form
 * of the paths that fxfer makes, and no symbolic link is followed.
 *
 * @module
 */
import type { Hash } from "node:crypto";
import { digestOf } from "./digest.ts";
import { HashTable } from "./hash_table.ts";
import { isAbsent, unlessAbsent } from "./io_errors.ts";
import { type ManifestEntry, readManifest } from "./manifest_lines.ts";
import { MANIFEST } from "./manifest.ts";
import { folderOf, INCOMING, isFinalPath } from "./naming.ts";
import { FILES } from "./original_names.ts";

/** What a finding says about a file or a line.
 * @category Storage */
export type VerifyVerdict =
  /** The file is listed and unchanged. */
  | "ok"
  /** The file is listed and does not exist, and no line says that it was removed. */
  | "missing"
  /** The file is listed, but its size or digest differs, or it is no regular file. */
  | "changed"
  /** The file is not listed. fxfer neither removes nor trusts it. */
  | "extra"
  /** The file is not whole, or was never published. */
  | "partial"
  /** The line is no entry, or its path is not of the form that fxfer makes. */
  | "malformed"
  /** The manifest ends inside a line. */
  | "torn";

/** One thing {@linkcode verifyFolder} found.
 * @category Storage */
export interface VerifyFinding {
  /** What was found. */
  readonly verdict: VerifyVerdict;
  /** Relative to the folder; absent for a malformed or torn line. */
  readonly path?: string;
  /** The line of the manifest, counted from 1; absent for a file that is not listed. */
  readonly line?: number;
  /** Bytes: the size in the line, or the size of a file that is not listed. */
  readonly size?: number;
}

/** How {@linkcode verifyFolder} works.
 * @category Storage */
export interface VerifyOptions {
  /**
   * How many listed paths are held in memory at once. A manifest with more is read several times.
   * @default {100000}
   */
  readonly pathsAtOnce?: number;
  /**
   * Where the storage keeps its manifest and partial files.
   * @default the folder itself
   */
  readonly state?: string;
}

/** The mode of a partial file in tier W: nobody may read it. */
const PARTIAL_MODE = 0o200;

/**
 * Yields a finding for every line of the manifest, then one for every file that is not listed.
 *
 * It needs permission to read the folder. While a server uses the folder, files that are being committed
 * may show as `extra` or `partial`.
 *
 * @param folder The storage folder.
 * @throws {Deno.errors.NotFound} When there is no such folder.
 *
 * @example
 * ```ts
 * import { verifyFolder } from "../../mod.ts";
 *
 * const folder = await Deno.makeTempDir();
 * const findings = await Array.fromAsync(verifyFolder(folder));
 * console.assert(findings.every((finding) => finding.verdict === "ok"));
 * await Deno.remove(folder);
 * ```
 * @category Storage
 */
export async function* verifyFolder(
  folder: string,
  options: VerifyOptions = {},
): AsyncGenerator<VerifyFinding> {
  await Deno.lstat(folder);
  const { createHash } = await import("node:crypto");
  const manifest = `${options.state ?? folder}/${MANIFEST}`;
  /** Of several lines of one path the last one counts (S-MAN-1). */
  const last = new HashTable();
  let listed = 0;
  for await (const { entry, removal, start } of readManifest(manifest)) {
    const path = entry?.path ?? removal?.removed;
    if (path === undefined) continue;
    listed++;
    last.set(path, start);
  }
  for await (const { number: line, start, entry, removal, torn } of readManifest(manifest)) {
    if (removal !== undefined && isFinalPath(removal.removed)) continue;
    if (entry === undefined || !isFinalPath(entry.path)) {
      yield { verdict: torn ? "torn" : "malformed", line };
      continue;
    }
    const { path, size } = entry;
    if (start < last.get(path)!) continue;
    yield { verdict: await judge(folder, entry, createHash("sha256")), path, line, size };
  }
  const shares = Math.max(1, Math.ceil(listed / (options.pathsAtOnce ?? 100_000)));
  yield* findUnlisted(folder, manifest, last, shares);
  if (options.state !== undefined) yield* findPartial(options.state);
}

async function judge(folder: string, entry: ManifestEntry, hash: Hash): Promise<VerifyVerdict> {
  const path = `${folder}/${entry.path}`;
  try {
    for (let on = folderOf(entry.path); on !== undefined; on = folderOf(on)) {
      if (!(await Deno.lstat(`${folder}/${on}`)).isDirectory) return "changed";
    }
    const info = await Deno.lstat(path);
    if (!info.isFile || info.size !== entry.size) return "changed";
    return await digestOf(path, entry.size, hash) === entry.sha256 ? "ok" : "changed";
  } catch (error) {
    if (isAbsent(error)) return "missing";
    throw error;
  }
}

/** Divides all paths into shares and walks the folder once a share: only one share is in memory. */
async function* findUnlisted(
  folder: string,
  manifest: string,
  last: HashTable,
  shares: number,
): AsyncGenerator<VerifyFinding> {
  for (let share = 0; share < shares; share++) {
    const listed = new Set<string>();
    for await (const { entry, start } of readManifest(manifest)) {
      if (entry === undefined || start < last.get(entry.path)!) continue;
      if (shareOf(entry.path, shares) === share) listed.add(entry.path);
    }
    for await (const path of walk(folder)) {
      if (shareOf(path, shares) !== share || listed.has(path)) continue;
      const info = await Deno.lstat(`${folder}/${path}`).catch(unlessAbsent);
      if (info === undefined) continue;
      const unfinished = path.startsWith(`${INCOMING}/`) ||
        (info.isFile && info.mode !== null && (info.mode & 0o777) === PARTIAL_MODE);
      yield { verdict: unfinished ? "partial" : "extra", path, size: info.size };
    }
  }
}

/** The partial files of a storage that keeps them in its state folder. */
async function* findPartial(state: string): AsyncGenerator<VerifyFinding> {
  const at = `${state}/${INCOMING}`;
  if (!(await Deno.lstat(at).catch(unlessAbsent))?.isDirectory) return;
  for await (const { name } of Deno.readDir(at)) {
    const info = await Deno.lstat(`${at}/${name}`).catch(unlessAbsent);
    if (info !== undefined) {
      yield { verdict: "partial", path: `${INCOMING}/${name}`, size: info.size };
    }
  }
}

/** A session store in the same folder, and the files that SQLite keeps beside it. */
const DATABASE = /\.(?:sqlite|db)(?:-wal|-shm|-journal)?$/;

/** Everything in the folder that should be listed: not the manifest, one that was kept, a database, or hidden files. */
async function* walk(folder: string): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    if (!isDirectory) {
      const own = name.startsWith(MANIFEST) || DATABASE.test(name);
      if (!own && (!name.startsWith(".") || name.startsWith(".probe_"))) yield name;
    } else if (name === FILES) yield* below(folder, name);
    else if (name === INCOMING || name.startsWith("session_")) {
      for await (const inner of Deno.readDir(`${folder}/${name}`)) yield `${name}/${inner.name}`;
    }
  }
}

/** All files in a folder and the folders in it, at any depth. */
async function* below(folder: string, path: string): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(`${folder}/${path}`)) {
    if (isDirectory) yield* below(folder, `${path}/${name}`);
    else yield `${path}/${name}`;
  }
}

/** The share of a path. Paths spread evenly, because their last characters are random or a time. */
function shareOf(path: string, shares: number): number {
  let hash = 0;
  for (let at = 0; at < path.length; at++) hash = (hash * 31 + path.charCodeAt(at)) >>> 0;
  return hash % shares;
}
