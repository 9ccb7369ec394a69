/** `--if-new`: which of the files the server has already, by name, size and digest. @module */
import { type Client, fitName } from "../../client/mod.ts";
import type { FileInfo } from "../../protocol/mod.ts";
import { digestOfSized } from "./digest.ts";
import type { FileToSend } from "./file_to_send.ts";

/** For more files in one folder a list of that folder is shorter than a question for each. */
const FEW = 32;

/** So many files are read at a time: small ones mostly wait for the disk and the system. */
const READERS = 16;

/**
 * The files that the server has, each with what the server says of it. Only files whose name and size the
 * server knows are read.
 *
 * @throws {FxferError} As `Client.list`.
 */
export async function alreadyThere(
  client: Client,
  targets: readonly FileToSend[],
  signal: AbortSignal,
): Promise<ReadonlyMap<FileToSend, FileInfo>> {
  const names = client.terms?.features.includes("names") ?? false;
  const wanted = targets.flatMap((target) =>
    target.error === undefined && target.name !== undefined && target.size !== undefined
      ? [{ target, name: fitName(target.name, names) }]
      : []
  );
  const stored = await storedUnder(client, new Set(wanted.map(({ name }) => name)), signal);
  const alike = wanted.flatMap(({ target, name }) => {
    const files = (stored.get(name) ?? []).filter(({ size }) => size === target.size);
    return files.length > 0 ? [{ target, files }] : [];
  });
  const there = new Map<FileToSend, FileInfo>();
  let next = 0;
  const reader = async () => {
    for (let each; (each = alike[next++]) !== undefined;) {
      signal.throwIfAborted();
      // A file that cannot be read says so when it is sent.
      const { path, size = 0 } = each.target;
      const sha256 = await digestOfSized(path, size, signal).catch(() => undefined);
      const file = each.files.find((file) => file.sha256 === sha256);
      if (file !== undefined) there.set(each.target, file);
    }
  };
  await Promise.all(Array.from({ length: READERS }, reader));
  signal.throwIfAborted();
  return there;
}

/** What the server has under these names. */
async function storedUnder(
  client: Client,
  names: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, readonly FileInfo[]>> {
  const found = new Map<string, FileInfo[]>();
  const take = async (query: { readonly name: string } | { readonly prefix: string }) => {
    for await (const file of client.list({ ...query, order: "name", signal })) {
      const { name } = file;
      if (name === undefined || !names.has(name)) continue;
      const others = found.get(name);
      if (others === undefined) found.set(name, [file]);
      else others.push(file);
    }
  };
  const folders = Map.groupBy(names, (name) => name.slice(0, name.indexOf("/") + 1));
  await Promise.all([...folders].map(async ([prefix, inside]) => {
    if (prefix !== "" && inside.length > FEW) await take({ prefix });
    else await Promise.all(inside.map((name) => take({ name })));
  }));
  return found;
}
