/** Checks the storage folder: whether it can be written, and what is in it that fxfer never makes. @module */
import type { Config } from "../../config/mod.ts";
import { reasonOf } from "../../errors.ts";
import { readable, writable } from "../local.ts";
import { type Finding, note, ok, problem } from "./finding.ts";

/** Only this many entries are looked at. */
const MAX_ENTRIES = 100_000;
/** Of the entries that fxfer never makes, this many are named. */
const MAX_NAMED = 5;

/** Looks at the folder; the file that tries out the permission is removed again. */
export async function checkStorage({ storage: { path } }: Config): Promise<Finding[]> {
  if (!await writable(path)) return [];
  const found: Finding[] = [];
  if (await readable(path)) {
    try {
      const info = await Deno.lstat(path);
      if (info.isSymlink) found.push(note(`${path} is a symlink: files go where it leads`));
      else if (!info.isDirectory) return [problem(`${path} is no folder`)];
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) return [problem(`${path}: ${reasonOf(error)}`)];
      return [ok(`${path} is not there yet: the server makes it`)];
    }
    found.push(...await checkEntries(path));
  }
  return [...found, await tryWriting(path)];
}

async function tryWriting(path: string): Promise<Finding> {
  const probe = `${path}/.doctor_${crypto.randomUUID()}`;
  try {
    (await Deno.open(probe, { write: true, createNew: true })).close();
    await Deno.remove(probe);
    return ok(`${path} can be written`);
  } catch (error) {
    // Without permission to read, a missing folder and a locked one look the same.
    return problem(`${path} cannot be written: ${reasonOf(error)}`);
  }
}

/** Looks for symlinks, FIFOs and the like: fxfer never makes any, so somebody else put them there. */
async function checkEntries(root: string): Promise<Finding[]> {
  const odd: string[] = [];
  let left = MAX_ENTRIES;
  const walk = async (below: string, depth: number): Promise<void> => {
    for await (const { name, isDirectory, isFile, isSymlink } of Deno.readDir(`${root}${below}`)) {
      if (left-- <= 0) return;
      const path = `${below}/${name}`;
      if (isSymlink) odd.push(`${path.slice(1)} (symlink)`);
      else if (isDirectory) {
        if (depth > 0) await walk(path, depth - 1);
      } else if (!isFile) odd.push(`${path.slice(1)} (FIFO, socket or device)`);
    }
  };
  try {
    await walk("", 1);
  } catch (error) {
    return [problem(`${root} cannot be listed: ${reasonOf(error)}`)];
  }
  if (odd.length === 0) return [];
  const more = odd.length > MAX_NAMED ? ` and ${odd.length - MAX_NAMED} more` : "";
  return [problem(
    `not fxfer's: ${odd.slice(0, MAX_NAMED).join(", ")}${more}`,
    "they are never followed; find out who put them there and remove them",
  )];
}
