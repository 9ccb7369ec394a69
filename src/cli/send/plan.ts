/** From what the user named to what is sent: looked at before anything is connected. @module */
import { basename, join } from "node:path";
import { FxferError } from "../../errors.ts";
import { readable } from "../permission.ts";
import type { SendArgs } from "./args.ts";
import { expandGlob, isGlob } from "./glob.ts";
import { loadTypes, type TypeTable, UNKNOWN_TYPE } from "./media_type.ts";

/** Standard input among the operands. */
export const STDIN = "-";

/** One file to send. */
export interface FileToSend {
  /** What the user calls it: the path as given, or `-`. */
  readonly label: string;
  /** Where it is read; `-` is standard input. */
  readonly path: string;
  /** The name the server gets as data; absent for standard input without `--name`. */
  readonly name?: string;
  readonly mimeType: string;
  /** Bytes; absent where only the end tells: a pipe, a device. */
  readonly size?: number;
  /** When it was changed, in milliseconds; absent as `size`. */
  readonly mtime?: number;
  /** Why it cannot be sent. */
  readonly error?: FxferError;
}

/** Looks at every file once. A file that cannot be sent is a target with an error. */
export async function planTargets(asked: SendArgs): Promise<FileToSend[]> {
  const byName = asked.files.some((file) => file !== STDIN || asked.name !== undefined);
  const types = asked.type === undefined && byName ? await loadTypes() : () => UNKNOWN_TYPE;
  const planner = new Planner(asked, types);
  for (const file of asked.files) await planner.add(file);
  return planner.targets;
}

class Planner {
  readonly targets: FileToSend[] = [];
  readonly #asked: SendArgs;
  readonly #types: TypeTable;

  constructor(asked: SendArgs, types: TypeTable) {
    this.#asked = asked;
    this.#types = types;
  }

  /** One operand: a file, standard input, a folder with `-r`, or a pattern. */
  async add(path: string): Promise<void> {
    if (path === STDIN) return void this.targets.push(this.#target(path, this.#asked.name));
    const name = this.#asked.name ?? basename(path);
    if (!isGlob(path) || await exists(path)) return await this.#addPath(path, name);
    const found = await readable(".") ? await expandGlob(path) : [];
    for (const file of found) await this.#addPath(file, this.#asked.name ?? basename(file));
    if (found.length > 0) return;
    this.#refuse(path, name, unreadable(path, "no file fits this pattern"));
  }

  async #addPath(path: string, name: string): Promise<void> {
    try {
      const info = await lookAt(path);
      if (!info.isDirectory) return void this.targets.push(this.#target(path, name, info));
      if (!this.#asked.recursive) throw unreadable(path, "it is a folder, -r sends what is in it");
      await this.#addFolder(path, name);
    } catch (error) {
      this.#refuse(path, name, error as FxferError);
    }
  }

  /** Everything below, in order; symlinks are not followed, and what is no file is left out. */
  async #addFolder(folder: string, name: string): Promise<void> {
    let entries: Deno.DirEntry[];
    try {
      entries = await Array.fromAsync(Deno.readDir(folder));
    } catch (cause) {
      throw unreadable(folder, reasonOf(cause), cause);
    }
    entries.sort((a, b) => a.name < b.name ? -1 : 1);
    for (const entry of entries) {
      const path = join(folder, entry.name);
      const below = name === "." || name === ".." ? entry.name : `${name}/${entry.name}`;
      if (entry.isDirectory || entry.isFile) await this.#addPath(path, below);
    }
  }

  #refuse(path: string, name: string, error: FxferError): void {
    this.targets.push({ ...this.#target(path, name), error });
  }

  #target(path: string, name: string | undefined, info?: Deno.FileInfo): FileToSend {
    return {
      label: path,
      path,
      ...(name === undefined ? {} : { name }),
      mimeType: this.#asked.type ?? (name === undefined ? UNKNOWN_TYPE : this.#types(name)),
      ...(info?.isFile ? { size: info.size, mtime: info.mtime?.getTime() ?? 0 } : {}),
    };
  }
}

async function exists(path: string): Promise<boolean> {
  if (!await readable(path)) return true;
  return await Deno.lstat(path).then(() => true, () => false);
}

/** @throws {FxferError} `local_io` in words that say what to do. */
async function lookAt(path: string): Promise<Deno.FileInfo> {
  if (!await readable(path)) {
    throw unreadable(path, `reading it is not permitted (--allow-read=${path})`);
  }
  try {
    return await Deno.stat(path);
  } catch (cause) {
    throw unreadable(path, reasonOf(cause), cause);
  }
}

function unreadable(path: string, reason: string, cause?: unknown): FxferError {
  return new FxferError("local_io", `Cannot read ${path}: ${reason}`, { cause });
}

/** Why the system did not let a file be used, in words. */
function reasonOf(cause: unknown): string {
  if (cause instanceof Deno.errors.NotFound) return "there is no such file";
  if (cause instanceof Deno.errors.PermissionDenied) return "you may not read it";
  return cause instanceof Error ? cause.message : String(cause);
}
