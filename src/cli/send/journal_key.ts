/** What makes two files, or two commands, the same for a journal. Pure. @module */
import { resolve } from "node:path";
import { absolutePath } from "../absolute.ts";
import { type SendArgs, STDIN } from "./args.ts";
import type { Entry } from "./journal_file.ts";
import type { FileToSend } from "./file_to_send.ts";

/** Whether a file can be known again: what has no size, such as a pipe, cannot. */
export function isKept({ error, size }: FileToSend): boolean {
  return error === undefined && size !== undefined;
}

/** What is written down of a file before it is sent. */
export function entryOf(
  { path, name = "", mimeType: type, size = 0, mtime = 0 }: FileToSend,
  upload: string,
): Entry {
  return { file: absolutePath(path), name, type, size, mtime, upload };
}

/** Whether an earlier run has written a file down: it is known by its path, its name and its media type. */
export function isOf({ name, mimeType }: FileToSend): (entry: Entry) => boolean {
  return (entry) => entry.name === name && entry.type === mimeType;
}

/** Whether a file is still as an earlier run has found it. */
export function isUnchanged({ size, mtime }: FileToSend, entry: Entry): boolean {
  return entry.size === size && entry.mtime === mtime;
}

/** What stands for a text in the name of a journal. */
export async function digest(text: string): Promise<string> {
  const sha256 = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return new Uint8Array(sha256).toHex().slice(0, 16);
}

/** A text for a command line: the same for the same files, whatever the order of the flags. */
export function commandOf({ host, port, mode, name, type, recursive, files }: SendArgs): string {
  const paths = files.map((file) => file === STDIN ? STDIN : resolve(file));
  return JSON.stringify([host, port, mode, name, type, recursive, paths]);
}
