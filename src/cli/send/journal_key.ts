/** What makes two files, or two commands, the same for a journal. Pure. @module */
import { createHash } from "node:crypto";
import { resolve } from "node:path";
import { absolutePath } from "../absolute.ts";
import { type SendArgs, STDIN } from "./args.ts";
import type { Entry } from "./journal_file.ts";
import type { FileToSend } from "./plan.ts";

/** Whether a file can be known again: what has no size, such as a pipe, cannot. */
export function isKept({ error, size }: FileToSend): boolean {
  return error === undefined && size !== undefined;
}

/** What makes two files the same for a journal, besides size and time of change. */
export function keyOf(
  { path, name, mimeType }: Pick<FileToSend, "path" | "name" | "mimeType">,
): string {
  return JSON.stringify([path === STDIN ? "" : absolutePath(path), name, mimeType]);
}

/** The same of a file that an earlier run has written down. */
export const entryKey = ({ file: path, name, type: mimeType }: Entry): string =>
  keyOf({ path, name, mimeType });

/** Whether all that an earlier run has written down is among these files. */
export function areAllOf(entries: Iterable<Entry>, files: Iterable<FileToSend>): boolean {
  const keys = new Set(Iterator.from(files).map(keyOf));
  return Iterator.from(entries).every((entry) => keys.has(entryKey(entry)));
}

/** What stands for a text in the name of a journal. */
export const digest = (text: string): string =>
  createHash("sha256").update(text).digest("hex").slice(0, 16);

/** A text for a command line: the same for the same files, whatever the order of the flags. */
export function commandOf({ host, port, mode, name, type, recursive, files }: SendArgs): string {
  const paths = files.map((file) => file === STDIN ? STDIN : resolve(file));
  return JSON.stringify([host, port, mode, name, type, recursive, paths]);
}
