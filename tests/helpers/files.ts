/** What is in a storage folder, as a stranger to the program sees it. @module */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";

/** The sha256 of bytes, in hex. */
export function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** The paths of all files below a folder, relative to it, sorted; folders themselves are left out. */
export async function listFiles(dir: string, below = ""): Promise<string[]> {
  const paths: string[] = [];
  for await (const entry of Deno.readDir(below === "" ? dir : `${dir}/${below}`)) {
    const path = below === "" ? entry.name : `${below}/${entry.name}`;
    if (entry.isDirectory) paths.push(...await listFiles(dir, path));
    else paths.push(path);
  }
  return paths.sort();
}

/** Received files only: neither the manifest, nor a store, nor what stands in hidden places. */
export async function listStored(dir: string): Promise<string[]> {
  const names = /^(received_[^/]+|session_[^/]+\/file_[^/]+)$/;
  try {
    return (await listFiles(dir)).filter((path) => names.test(path));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

/** The sizes of the files that are being received; one that is given its final name meanwhile is none. */
export async function partialSizes(dir: string): Promise<number[]> {
  const names = await Array.fromAsync(Deno.readDir(`${dir}/.incoming`), ({ name }) => name);
  const sizes = names.map(async (name) => {
    try {
      return [(await Deno.stat(`${dir}/.incoming/${name}`)).size];
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return [];
      throw error;
    }
  });
  return (await Promise.all(sizes)).flat();
}

/** One line of the manifest. */
export interface ManifestLine {
  readonly path: string;
  readonly size: number;
  readonly sha256: string;
  readonly [field: string]: unknown;
}

/** The manifest's lines; a line that is not JSON throws. */
export async function readManifest(dir: string): Promise<ManifestLine[]> {
  const text = await Deno.readTextFile(`${dir}/commits.jsonl`).catch((error) => {
    if (error instanceof Deno.errors.NotFound) return "";
    throw error;
  });
  return text.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line));
}

/** The sha256 of a stored file, by its path in a reply. */
export async function storedSha256(dir: string, path: string): Promise<string> {
  return sha256(await Deno.readFile(`${dir}/${path}`));
}

/** Fails unless exactly these contents are stored, each once, and the manifest says the same. */
export async function assertContents(
  dir: string,
  contents: readonly Uint8Array[],
): Promise<void> {
  const paths = await listStored(dir);
  const found = await Promise.all(paths.map((path) => storedSha256(dir, path)));
  assert.deepEqual(found.sort(), contents.map(sha256).sort());
  const lines = await readManifest(dir);
  assert.deepEqual(lines.map(({ path }) => path).sort(), paths, "each is listed once");
}
