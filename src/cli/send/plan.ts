/** Makes the list of files to send from the operands, before anything is connected. @module */
import { basename, extname, join } from "node:path";
import type { FxferError } from "../../errors.ts";
import { omitUndefined } from "../../omit_undefined.ts";
import { cannot, localError, mustRead, readable } from "../local.ts";
import { MEDIA_TYPE, type SendArgs, STDIN } from "./args.ts";
import { expandGlob, isGlob } from "./glob.ts";

/** The media type of files that the table does not know. */
const UNKNOWN_TYPE = "application/octet-stream";

/** One file to send. */
export interface FileToSend {
  /** How messages name it: the path as given, or `-`. */
  readonly label: string;
  /** Where it is read; `-` is standard input. */
  readonly path: string;
  /** The name that the server gets; absent for standard input without `--name`. */
  readonly name?: string;
  readonly mimeType: string;
  /** Bytes; absent for a pipe or a device, whose size is known only at its end. */
  readonly size?: number;
  /** When it was changed, in milliseconds; absent where `size` is. */
  readonly mtime?: number;
  /** Why it cannot be sent. */
  readonly error?: FxferError;
}

/** The media type for a file's name. */
type TypeTable = (name: string) => string;

/** Loads the table of mime-db: about 20 ms that only a command which sends files by name spends. */
async function loadTypes(): Promise<TypeTable> {
  const { default: { lookup } } = await import("npm:mime-types@3.0.2") as {
    default: { lookup(name: string): string | false };
  };
  return (name) => {
    // For the name "c" without a dot, the table would give the type of C source.
    const found = extname(name) !== "" && lookup(name);
    // The table comes from a package, and the type goes into a header: check its form.
    return found !== false && MEDIA_TYPE.test(found) ? found : UNKNOWN_TYPE;
  };
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
    this.#refuse(path, name, localError(`read ${path}`, undefined, "no file fits this pattern"));
  }

  async #addPath(path: string, name: string): Promise<void> {
    try {
      await mustRead(path);
      const info = await Deno.stat(path).catch(cannot(`read ${path}`, whyUnreadable));
      if (!info.isDirectory) return void this.targets.push(this.#target(path, name, info));
      if (!this.#asked.recursive) {
        throw localError(`read ${path}`, undefined, "it is a folder, -r sends what is in it");
      }
      await this.#addFolder(path, name);
    } catch (error) {
      this.#refuse(path, name, error as FxferError);
    }
  }

  /** Every file below a folder, by name. Symlinks are not followed; devices and pipes are left out. */
  async #addFolder(folder: string, name: string): Promise<void> {
    const entries = await Array.fromAsync(Deno.readDir(folder))
      .catch(cannot(`read ${folder}`, whyUnreadable));
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
    return omitUndefined({
      label: path,
      path,
      name,
      mimeType: this.#asked.type ?? (name === undefined ? UNKNOWN_TYPE : this.#types(name)),
      size: info?.isFile ? info.size : undefined,
      mtime: info?.isFile ? info.mtime?.getTime() ?? 0 : undefined,
    });
  }
}

async function exists(path: string): Promise<boolean> {
  if (!await readable(path)) return true;
  return await Deno.lstat(path).then(() => true, () => false);
}

/** The reason in words that the user can act on. */
function whyUnreadable(cause: unknown): string | undefined {
  if (cause instanceof Deno.errors.NotFound) return "there is no such file";
  return cause instanceof Deno.errors.PermissionDenied ? "you may not read it" : undefined;
}
