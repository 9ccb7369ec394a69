/**
 * Compares a storage folder with its manifest: hashes every listed file again and looks for files
 * nobody listed. Memory stays the same however long the manifest is.
 *
 * A manifest is text that anybody may have changed: a path in it is used only if it has the form
 * fxfer itself makes, and no symlink is followed.
 *
 * @module
 */
import { hashFile } from "./digest.ts";
import { isAbsent } from "./io_errors.ts";
import type { ManifestEntry } from "./manifest_line.ts";
import { MANIFEST } from "./manifest.ts";
import { readManifest } from "./manifest_reader.ts";
import { folderOf, INCOMING, isFinalPath } from "./naming.ts";

/** What a finding says of a file or a line. */
export type VerifyVerdict =
  /** Listed, there, and unchanged. */
  | "ok"
  /** Listed and not there. */
  | "missing"
  /** Listed, and its size or digest is another one now, or it is no regular file. */
  | "changed"
  /** A file that no line lists: removed by nobody, trusted by nobody. */
  | "extra"
  /** The beginning of a file: not whole, or never published. */
  | "partial"
  /** A line that is no entry, or whose path is none of fxfer's. */
  | "malformed"
  /** The manifest ends inside a line. */
  | "torn";

/** One thing {@linkcode verifyFolder} found. */
export interface VerifyFinding {
  /** What it is. */
  readonly verdict: VerifyVerdict;
  /** Relative to the folder; absent for a line that names none of fxfer's paths. */
  readonly path?: string;
  /** The line of the manifest, counted from 1; absent for files without one. */
  readonly line?: number;
  /** The entry's size in bytes, or that of the file where there is no entry. */
  readonly size?: number;
}

/** How {@linkcode verifyFolder} works. */
export interface VerifyOptions {
  /**
   * Listed paths held in memory at once; a longer manifest is read again for each such share.
   * @default {100000}
   */
  readonly pathsAtOnce?: number;
}

/** The mode a partial file has in tier W (wire §10). */
const PARTIAL_MODE = 0o200;

/**
 * Yields a finding for every line of the manifest, then one for every file no line lists.
 *
 * Needs permission to read the folder. Run it on a folder that is in use and files that are just
 * being committed may show as `extra` or `partial`.
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
 */
export async function* verifyFolder(
  folder: string,
  options: VerifyOptions = {},
): AsyncGenerator<VerifyFinding> {
  await Deno.lstat(folder);
  const { createHash } = await import("node:crypto");
  const digest = async (path: string, size: number): Promise<string> => {
    using file = await Deno.open(path, { read: true });
    const hash = createHash("sha256");
    await hashFile(file, size, hash);
    return hash.digest("hex");
  };
  let listed = 0;
  for await (const { number: line, entry, torn } of readManifest(`${folder}/${MANIFEST}`)) {
    if (entry === undefined || !isFinalPath(entry.path)) {
      yield { verdict: torn ? "torn" : "malformed", line };
      continue;
    }
    listed++;
    const { path, size } = entry;
    yield { verdict: await judge(folder, entry, digest), path, line, size };
  }
  yield* findUnlisted(folder, Math.max(1, Math.ceil(listed / (options.pathsAtOnce ?? 100_000))));
}

async function judge(
  folder: string,
  entry: ManifestEntry,
  digest: (path: string, size: number) => Promise<string>,
): Promise<VerifyVerdict> {
  const parent = folderOf(entry.path);
  const path = `${folder}/${entry.path}`;
  try {
    if (parent !== undefined && !(await Deno.lstat(`${folder}/${parent}`)).isDirectory) {
      return "changed";
    }
    const info = await Deno.lstat(path);
    if (!info.isFile || info.size !== entry.size) return "changed";
    return await digest(path, entry.size) === entry.sha256 ? "ok" : "changed";
  } catch (error) {
    if (isAbsent(error)) return "missing";
    throw error;
  }
}

/** Walks the folder once for each share of the paths, so that only one share is held at a time. */
async function* findUnlisted(folder: string, shares: number): AsyncGenerator<VerifyFinding> {
  for (let share = 0; share < shares; share++) {
    const listed = new Set<string>();
    for await (const { entry } of readManifest(`${folder}/${MANIFEST}`)) {
      if (entry !== undefined && shareOf(entry.path, shares) === share) listed.add(entry.path);
    }
    for await (const path of walk(folder)) {
      if (shareOf(path, shares) !== share || listed.has(path)) continue;
      let info: Deno.FileInfo;
      try {
        info = await Deno.lstat(`${folder}/${path}`);
      } catch (error) {
        if (isAbsent(error)) continue;
        throw error;
      }
      const unfinished = path.startsWith(`${INCOMING}/`) ||
        (info.isFile && info.mode !== null && (info.mode & 0o777) === PARTIAL_MODE);
      yield { verdict: unfinished ? "partial" : "extra", path, size: info.size };
    }
  }
}

/** A session store in the same folder, with its journals. */
const DATABASE = /\.(?:sqlite|db)(?:-wal|-shm|-journal)?$/;

/** Everything in the folder that should have a line; the session database and the like do not. */
async function* walk(folder: string): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    if (!isDirectory) {
      const own = name === MANIFEST || DATABASE.test(name);
      if (!own && (!name.startsWith(".") || name.startsWith(".probe_"))) yield name;
    } else if (name === INCOMING || name.startsWith("session_")) {
      for await (const inner of Deno.readDir(`${folder}/${name}`)) yield `${name}/${inner.name}`;
    }
  }
}

/** Spreads paths evenly: their last characters are random or a time. */
function shareOf(path: string, shares: number): number {
  let hash = 0;
  for (let at = 0; at < path.length; at++) hash = (hash * 31 + path.charCodeAt(at)) >>> 0;
  return hash % shares;
}
