/** From what the user named to what is sent: looked at before anything is connected. @module */
import { basename } from "node:path";
import { FxferError } from "../../errors.ts";
import { readable } from "../permission.ts";
import type { SendArgs } from "./args.ts";
import { loadTypes, type TypeTable, UNKNOWN_TYPE } from "./media_type.ts";

/** Standard input among the operands. */
export const STDIN = "-";

/** One file to send. */
export interface Target {
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
export async function planTargets(asked: SendArgs): Promise<Target[]> {
  const byName = asked.files.some((file) => file !== STDIN || asked.name !== undefined);
  const types = asked.type === undefined && byName ? await loadTypes() : () => UNKNOWN_TYPE;
  const targets: Target[] = [];
  for (const file of asked.files) targets.push(await planFile(file, asked, types));
  return targets;
}

async function planFile(path: string, asked: SendArgs, types: TypeTable): Promise<Target> {
  const name = asked.name ?? (path === STDIN ? undefined : basename(path));
  const target: Target = {
    label: path,
    path,
    ...(name === undefined ? {} : { name }),
    mimeType: asked.type ?? (name === undefined ? UNKNOWN_TYPE : types(name)),
  };
  if (path === STDIN) return target;
  try {
    const info = await lookAt(path);
    if (!info.isFile) return target;
    return { ...target, size: info.size, mtime: info.mtime?.getTime() ?? 0 };
  } catch (error) {
    return { ...target, error: error as FxferError };
  }
}

/** @throws {FxferError} `local_io` in words that say what to do. */
async function lookAt(path: string): Promise<Deno.FileInfo> {
  const refuse = (reason: string, cause?: unknown) =>
    new FxferError("local_io", `Cannot read ${path}: ${reason}`, { cause });
  if (!await readable(path)) throw refuse(`reading it is not permitted (--allow-read=${path})`);
  let info: Deno.FileInfo;
  try {
    info = await Deno.stat(path);
  } catch (cause) {
    throw refuse(reasonOf(cause), cause);
  }
  if (info.isDirectory) throw refuse("it is a folder");
  return info;
}

/** Why the system did not let a file be used, in words. */
export function reasonOf(cause: unknown): string {
  if (cause instanceof Deno.errors.NotFound) return "there is no such file";
  if (cause instanceof Deno.errors.PermissionDenied) return "you may not read it";
  return cause instanceof Error ? cause.message : String(cause);
}
