/** Finds out which files to get, and where each goes. @module */
import { basename } from "node:path";
import type { Client } from "../../client/mod.ts";
import { FxferError } from "../../errors.ts";
import type { FileInfo } from "../../protocol/mod.ts";
import { findStored, isAllowed, mustBeAllowed, notThere } from "../stored/client.ts";
import { EVERYTHING, type GetArgs, STDOUT } from "./args.ts";
import { localComponents } from "./local_name.ts";

/** Pages of a list that are asked for at once: those of some 5,000 files then come after one round trip. */
const PAGES_AHEAD = 32;

/** One file to get. */
export interface FileToGet {
  readonly file: FileInfo;
  /** How messages name it. */
  readonly label: string;
  /** Where it goes below the plan's folder, folder by folder; empty for standard output. */
  readonly at: readonly string[];
}

/** An operand that names nothing. */
export interface Missing {
  readonly label: string;
  readonly error: FxferError;
}

/** Who is told what was found. */
export interface Finder {
  found(file: FileToGet): void;
  missing(what: Missing): void;
}

/**
 * Asks the server what the names mean. Files are told while the list of a folder is still being read, so that
 * they can be fetched meanwhile.
 *
 * @throws {FxferError} If it cannot be asked.
 */
export async function findFiles(
  { files, recursive }: GetArgs,
  { name }: Destination,
  client: Client,
  finder: Finder,
): Promise<void> {
  const told = new Set<string>();
  // A file that two operands name goes to one place once.
  const tell = (each: FileToGet) => {
    const at = name === undefined ? each.at : [name];
    const key = `${each.file.path}\0${at.join("/")}`;
    if (told.has(key)) return;
    told.add(key);
    finder.found({ ...each, at });
  };
  await Promise.all(files.map(async (operand) => {
    try {
      if (recursive) await below(client, operand, tell);
      else tell(await one(client, operand));
    } catch (thrown) {
      // What no frame can carry is no file.
      const error = thrown instanceof RangeError ? notThere(operand) : thrown;
      if (!(error instanceof FxferError) || error.code !== "not_found") throw error;
      finder.missing({ label: operand, error });
    }
  }));
}

/** Where files go. */
export interface Destination {
  /** The folder below which everything goes; nothing outside of it is touched. */
  readonly folder: string;
  /** The name of the file, if `-o` gives it one. */
  readonly name?: string;
}

/** Finds out where files go. */
export async function destinationOf(
  { output = ".", files, recursive }: GetArgs,
): Promise<Destination> {
  if (output === STDOUT) return { folder: "." };
  const isFolder = await Deno.stat(output).then((info) => info.isDirectory, () => false);
  const name = basename(output);
  if (isFolder || recursive || files.length > 1 || /[/\\]$/.test(output) || name === "") {
    return { folder: output };
  }
  const folder = output.slice(0, output.lastIndexOf(name));
  return { folder: folder === "" ? "." : folder, name };
}

async function one(client: Client, operand: string): Promise<FileToGet> {
  const file = await findStored(client, operand);
  if (file !== undefined) return { file, label: operand, at: lastOf(file) };
  throw notThere(operand, await isFolder(client, operand) ? " (-r gets what is below it)" : "");
}

async function isFolder(client: Client, operand: string): Promise<boolean> {
  if (!isAllowed(client, "list")) return false;
  for await (const _ of client.list({ prefix: prefixOf(operand), pageSize: 1 })) return true;
  return false;
}

const lastOf = ({ name, path }: FileInfo): string[] => localComponents(name ?? path).slice(-1);

const prefixOf = (operand: string): string => `${operand.replace(/\/+$/, "")}/`;

/** Tells of the newest file of each name below an operand. */
async function below(
  client: Client,
  operand: string,
  tell: (file: FileToGet) => void,
): Promise<void> {
  mustBeAllowed(client, "list");
  const all = operand === EVERYTHING || operand === "/";
  const prefix = all ? "" : prefixOf(operand);
  // As `cp -r` does: the last folder of the operand is there, those before it are not.
  const cut = prefix.lastIndexOf("/", prefix.length - 2) + 1;
  const found = new Set<string>();
  for await (const file of client.list({ ...(!all && { prefix }), pagesAhead: PAGES_AHEAD })) {
    const name = file.name ?? file.path;
    if (found.has(name)) continue;
    found.add(name);
    tell({ file, label: name, at: localComponents(name.slice(cut)) });
  }
  if (found.size > 0) return;
  if (all) throw new FxferError("not_found", "The server has no files");
  const file = await findStored(client, operand);
  if (file === undefined) throw notThere(operand);
  tell({ file, label: operand, at: lastOf(file) });
}
