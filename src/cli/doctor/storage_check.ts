/** Checks the storage folder: whether it can be written, and what is in it that fxfer never makes. @module */
import type { Config } from "../../config/mod.ts";
import { reasonOf } from "../../errors.ts";
import { readable, writable } from "../local.ts";
import { type Finding, Findings } from "./finding.ts";

/** Only this many entries are looked at. */
const MAX_ENTRIES = 100_000;
/** Of the entries that fxfer never makes, this many are named. */
const MAX_NAMED = 5;

/** Looks at the folder; what it writes to try out the permission, it removes again. */
export async function checkStorage({ storage: { path } }: Config): Promise<Finding[]> {
  const found = new Findings("storage");
  if (!await writable(path)) return found.list;
  if (await readable(path)) {
    try {
      const info = await Deno.lstat(path);
      if (info.isSymlink) found.note(`${path} is a symlink: files go where it leads`);
      else if (!info.isDirectory) return found.problem(`${path} is no folder`).list;
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) {
        return found.problem(`${path}: ${reasonOf(error)}`).list;
      }
      return found.ok(`${path} is not there yet: the server makes it`).list;
    }
    await checkEntries(path, found);
  }
  await tryWriting(path, found);
  return found.list;
}

async function tryWriting(path: string, found: Findings): Promise<void> {
  const probe = `${path}/.doctor_${crypto.randomUUID()}`;
  try {
    (await Deno.open(probe, { write: true, createNew: true })).close();
    await Deno.remove(probe);
    found.ok(`${path} can be written`);
  } catch (error) {
    // Without permission to read, a missing folder and a locked one look the same.
    found.problem(`${path} cannot be written: ${reasonOf(error)}`);
  }
}

/** Looks for symlinks, FIFOs and the like: fxfer never makes any, so somebody else put them there. */
async function checkEntries(root: string, found: Findings): Promise<void> {
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
    found.problem(`${root} cannot be listed: ${reasonOf(error)}`);
    return;
  }
  if (odd.length === 0) return;
  const more = odd.length > MAX_NAMED ? ` and ${odd.length - MAX_NAMED} more` : "";
  found.problem(
    `not fxfer's: ${odd.slice(0, MAX_NAMED).join(", ")}${more}`,
    "they are never followed; find out who put them there and remove them",
  );
}
