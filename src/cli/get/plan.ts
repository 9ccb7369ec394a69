/** Finds out which files to get, and where each goes, before the first is fetched. @module */
import { basename } from "node:path";
import type { Client } from "../../client/mod.ts";
import { FxferError } from "../../errors.ts";
import type { FileInfo } from "../../protocol/mod.ts";
import { findStored, isAllowed, mustBeAllowed, notThere } from "../stored/client.ts";
import { EVERYTHING, type GetArgs, STDOUT } from "./args.ts";
import { localComponents } from "./local_name.ts";

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

/** What a command is going to do. */
export interface GetPlan {
  /** The folder below which everything goes; nothing outside of it is touched. */
  readonly folder: string;
  readonly files: readonly FileToGet[];
  readonly missing: readonly Missing[];
}

/** Asks the server what the names mean. @throws {FxferError} If it cannot be asked. */
export async function planFiles(asked: GetArgs, client: Client): Promise<GetPlan> {
  const { folder, name } = await destination(asked);
  const files = new Map<string, FileToGet>();
  const missing: Missing[] = [];
  await Promise.all(asked.files.map(async (operand) => {
    try {
      const found = asked.recursive ? await below(client, operand) : [await one(client, operand)];
      // A file that two operands name goes to one place once.
      for (const each of found) {
        const at = name === undefined ? each.at : [name];
        files.set(`${each.file.path}\0${at.join("/")}`, { ...each, at });
      }
    } catch (thrown) {
      // What no frame can carry is no file.
      const error = thrown instanceof RangeError ? notThere(operand) : thrown;
      if (!(error instanceof FxferError) || error.code !== "not_found") throw error;
      missing.push({ label: operand, error });
    }
  }));
  return { folder, files: [...files.values()], missing };
}

/** The folder that files go to; and the name of the file, if `-o` gives it one. */
async function destination(
  { output = ".", files, recursive }: GetArgs,
): Promise<{ readonly folder: string; readonly name?: string }> {
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

/** The newest file of each name below an operand. */
async function below(client: Client, operand: string): Promise<FileToGet[]> {
  mustBeAllowed(client, "list");
  const all = operand === EVERYTHING || operand === "/";
  const prefix = all ? "" : prefixOf(operand);
  // As `cp -r` does: the last folder of the operand is there, those before it are not.
  const cut = prefix.lastIndexOf("/", prefix.length - 2) + 1;
  const found = new Map<string, FileToGet>();
  for await (const file of client.list(all ? {} : { prefix })) {
    const name = file.name ?? file.path;
    if (found.has(name)) continue;
    found.set(name, { file, label: name, at: localComponents(name.slice(cut)) });
  }
  if (found.size > 0) return [...found.values()];
  if (all) throw new FxferError("not_found", "The server has no files");
  const file = await findStored(client, operand);
  if (file === undefined) throw notThere(operand);
  return [{ file, label: operand, at: lastOf(file) }];
}
